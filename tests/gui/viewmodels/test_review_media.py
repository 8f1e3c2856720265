"""Boxes, masks, encoded pictures and sounds as they stand in a log."""

from __future__ import annotations

import base64
import io
import json
import math
import wave
from typing import Any

import pytest

from mlcontrol.core.review.judging import ReviewItem
from mlcontrol.gui.viewmodels.review_bench import item_view
from mlcontrol.gui.viewmodels.review_blocks import BlockKind, block_of
from mlcontrol.gui.viewmodels.review_media import sound_of_samples, thinned
from mlcontrol.gui.viewmodels.review_overlays import Box, overlay_of

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PHOTO = [[[0, 0, 0]] * 4] * 4


@pytest.mark.parametrize(
    ("values", "box"),
    [
        ({"boxes": [[1, 2, 3, 4]]}, Box(1, 2, 3, 4)),
        ({"boxes": [[1, 2, 3, 4]], "labels": ["cup"], "scores": [0.5]}, Box(1, 2, 3, 4, "cup 0.5")),
        ({"boxes_xywh": [[1, 2, 3, 4]]}, Box(1, 2, 4, 6)),
        ({"detections": [{"bbox": [1, 2, 3, 4], "label": "cup"}]}, Box(1, 2, 4, 6, "cup")),
        ({"objects": [{"box": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}, "score": 0.25}]}, Box(1, 2, 3, 4, "0.25")),
        ({"objects": [{"x": 1, "y": 2, "w": 3, "h": 4, "name": "cup"}]}, Box(1, 2, 4, 6, "cup")),
        ({"bbox": [[[1, 2, 3, 4]]]}, Box(1, 2, 3, 4)),
    ],
)
def test_boxes_are_read_in_the_forms_that_detectors_write(values: dict[str, Any], box: Box) -> None:
    overlay, used = overlay_of("A", values)
    assert overlay is not None
    assert overlay.boxes == (box,)
    assert used == frozenset(values)
    assert overlay.note.startswith("boxes read as")


@pytest.mark.parametrize(
    "values",
    [
        {"boxes": "two"},
        {"boxes": []},
        {"boxes": [[1, 2]]},
        {"boxes": [["a", 1, 2, 3]]},
        {"mask": [1, 0]},
        {"mask": [[1], [0, 1]]},
    ],
)
def test_what_is_no_box_or_mask_stays_a_value(values: dict[str, Any]) -> None:
    assert overlay_of("A", values) == (None, frozenset())


def test_a_mask_knows_its_share_and_shares_are_told_from_pixels() -> None:
    overlay, _ = overlay_of("A", {"mask": [[0, 1], [0, 0]], "box": [[0.1, 0.1, 0.9, 1.0]]})
    assert overlay is not None
    assert overlay.relative
    assert overlay.words == "A: 1 box and a mask over 25 %"


def item(inputs: Any, outputs: Any, other: Any = None) -> ReviewItem:
    made = json.dumps(other) if other is not None else ""
    return ReviewItem("i", "s", "", 0.0, json.dumps(inputs), json.dumps(outputs), outputs_b=made)


def test_marks_go_onto_the_picture_and_out_of_the_answer_of_whoever_made_them() -> None:
    view = item_view(item({"photo": PHOTO}, {"boxes": [[0, 0, 2, 2]]}, {"boxes": [[1, 1, 3, 3]]}), None)
    assert [o.title for o in view.overlays] == ["Answer A", "Answer B"]
    assert all(answer.blocks == () for answer in view.answers)
    assert view.answers[0].text == "1 box"


def test_without_a_picture_boxes_are_values_like_any_other() -> None:
    view = item_view(item({"text": "a"}, {"boxes": [[0, 0, 2, 2], [0, 0, 1, 1]]}), None)
    assert view.overlays == ()
    assert view.answers[0].blocks != ()


def test_a_picture_in_base_64_is_a_picture() -> None:
    for text in (PIXEL, f"data:image/png;base64,{PIXEL}"):
        block = block_of("photo", text)
        assert block is not None
        assert block.kind is BlockKind.PICTURE
        assert block.encoded.startswith(b"\x89PNG")
    plain = base64.b64encode(b"only some words, nothing to draw at all").decode()
    block = block_of("note", plain)
    assert block is None or block.kind is BlockKind.TEXT


def test_a_sound_keeps_its_rate_and_says_when_it_had_to_be_assumed() -> None:
    known = sound_of_samples([0.0, 0.5] * 4000, 8000)
    assert known.note == "1.0 s at 8,000 Hz"
    with wave.open(io.BytesIO(known.wav)) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (8000, 8000, 2)
    assert "assumed" in sound_of_samples([0.0] * 100, None).note
    block = block_of("clip", base64.b64encode(known.wav).decode())
    assert block is not None
    assert block.sound is not None
    assert block.sound.seconds == 1.0
    assert math.isclose(max(block.sound.values), 0.5, rel_tol=1e-3)


def test_a_thinned_waveform_keeps_the_spike() -> None:
    values = [0.0] * 100_000
    values[77_777], values[50] = 1.0, -1.0
    few = thinned(values)
    assert len(few) <= 8_000
    assert (max(few), min(few)) == (1.0, -1.0)


def test_numbers_that_are_none_are_not_drawn_as_a_series() -> None:
    block = block_of("audio", [0.0] * 20 + [float("nan")])
    assert block is not None
    assert block.kind is BlockKind.JSON

from __future__ import annotations

import json

import pytest

from mlcontrol.core.review import ReviewItem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.gui.viewmodels.review_bench import Session, item_view

DIGITS = ServiceSettings("digits", prediction="digit", probability="probabilities", image_shape=(2, 2))


def item(inputs: object, outputs: object, **more: object) -> ReviewItem:
    return ReviewItem("i", "digits", "r", 0.0, json.dumps(inputs), json.dumps(outputs), **more)  # type: ignore[arg-type]


def test_an_image_input_becomes_grey_values_and_leaves_the_table() -> None:
    shown = item_view(
        item({"image": [[0, 8, 16, 4]], "camera": "left"}, {"digit": [7], "probabilities": [[0.1, 0.7, 0.2]]}), DIGITS
    )
    assert shown.picture is not None
    assert shown.picture.grey == (0.0, 0.5, 1.0, 0.25)
    assert shown.features == (("camera", "left", ""),)
    assert shown.answer == "7"
    assert shown.scores[0] == ("1", 0.7)


def test_features_are_listed_with_units_when_there_is_no_image() -> None:
    shown = item_view(
        item({"price": 326.0, "color": "E"}, {"cut": "Ideal"}), ServiceSettings("d", prediction="cut"), {"price": "USD"}
    )
    assert shown.picture is None
    assert shown.features == (("price", "326", "USD"), ("color", "E", ""))
    assert shown.answer == "Ideal"
    assert shown.scores == ()


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "null", "[" * 5000])
def test_an_unreadable_log_line_is_said_and_never_guessed(text: str) -> None:
    shown = item_view(ReviewItem("i", "d", "r", 0.0, text, "{}"), DIGITS)
    assert shown.answer == "?"
    assert "cannot be read" in shown.problem


def test_a_missing_answer_is_said() -> None:
    assert "no output 'digit'" in item_view(item({"image": [1, 1, 1, 1]}, {}), DIGITS).problem


def test_no_view_of_an_item_names_its_version() -> None:
    blind = item({"a": 1.0}, {"digit": 3}, version="42")
    assert "42" not in repr(item_view(blind, DIGITS))


def test_pace_is_a_median_so_that_a_pause_does_not_count() -> None:
    session = Session()
    for seconds in (4.0, 5.0, 600.0):
        session.judged("1", seconds)
    assert session.pace_s == 5.0
    session.undone()
    assert session.marks == ["1", "1"]
    assert session.pace_words(item({}, {}, position=3, total=10)) == "about 40 s left at your pace, 5 s an item"
    session.undone()
    session.undone()
    session.undone()
    assert session.pace_s is None


def test_scores_without_names_do_not_pass_for_the_answer() -> None:
    cut = ServiceSettings("d", prediction="cut", probability="probabilities")
    shown = item_view(item({}, {"cut": ["Ideal"], "probabilities": [[0.2, 0.8]]}), cut)
    assert shown.scores == (("class 1", 0.8), ("class 0", 0.2))

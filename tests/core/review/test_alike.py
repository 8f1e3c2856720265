"""A rater cannot tell hidden gold from work by what is shown."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from mlcontrol.core.review.alike import shown_alike
from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.judging import ItemKind, ReviewItem, blind

WORK = ReviewItem(
    "i1", "diamonds", "r1", 5.0, '{"carat": 1}', '{"cut": "Good", "probabilities": [0.6, 0.4]}', {"color": "H"}, "2",
    campaign="c", stratum="s", probability=0.2, why="random", confidence=0.6,
)  # fmt: skip
GOLD = replace(
    WORK, id="i2", outputs='{"cut": "Good"}', version="", kind=ItemKind.GOLD, why="golden set", expected='"right"',
    explanation="known", confidence=None,
)  # fmt: skip


def campaign(mode: Mode, gold_share: float) -> Campaign:
    return Campaign("c", "diamonds", "Cut", mode, gold_share=gold_share)


@pytest.mark.parametrize("mode", [Mode.RATE, Mode.EXPECTED])
def test_gold_and_work_with_the_same_content_show_the_same(mode: Mode) -> None:
    work = replace(WORK, expected='"Good"' if mode is Mode.EXPECTED else "")
    seen = [shown_alike(item, campaign(mode, 0.1), "cut") for item in (work, GOLD)]
    for one in fields(ReviewItem):
        if one.name != "id":
            assert getattr(seen[0], one.name) == getattr(seen[1], one.name), one.name


def test_without_hidden_gold_everything_that_was_answered_is_shown() -> None:
    assert "probabilities" in json.loads(shown_alike(WORK, campaign(Mode.RATE, 0.0), "cut").outputs)


def test_what_cannot_be_read_is_shown_as_it_is() -> None:
    for outputs in ("no json", "[1]", '{"other": 1}'):
        item = replace(WORK, outputs=outputs)
        assert shown_alike(item, campaign(Mode.RATE, 0.1), "cut").outputs == outputs


def test_twin_the_blinding_alone_would_give_gold_away() -> None:
    assert blind(WORK).outputs != blind(GOLD).outputs

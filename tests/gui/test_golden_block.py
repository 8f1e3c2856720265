"""The golden set on the check sheet: its generations, its age, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet, set_name
from mlcontrol.core.golden_history import DAY_S, GenerationScore, GoldenLook, look
from mlcontrol.core.review.judging import wilson
from mlcontrol.gui.viewmodels.golden_words import golden_words
from mlcontrol.gui.widgets.golden_block import GoldenBlock

NOW = 500 * DAY_S
ITEMS = tuple(
    GoldenItem(f"d-{i}", {}, Expected("y", i), critical=i == 0, importance=1.0 + i, added_s=NOW - 90 * i * DAY_S)
    for i in range(4)
)


def shown(*rows: tuple[str, int]) -> GoldenLook:
    name = set_name(ITEMS)
    scores = [
        GenerationScore(v, 1.0, right, 100, name, right / 100, *wilson(right, 100), (), {"site=b": (right // 10, 10)})
        for v, right in rows
    ]
    return look(GoldenSet("digits", "digits", ITEMS), scores, ["1", "2"], ["1", "2", "3"], NOW)


def test_the_words_say_drift_age_and_the_weakest_slice() -> None:
    words = golden_words(shown(("3", 70), ("2", 95), ("1", 94)), "3")
    assert words.summary == "4 items · 1 critical · importance 1 to 4"
    assert [(row[0], row[4], row[5]) for row in words.rows] == [
        ("v1 good", "first asked", False),
        ("v2 good", "as before +1.0", False),
        ("v3", "worse -25.0", True),
    ]
    told = {tone: text for text, tone in words.sentences}
    assert told["critical"] == (
        "v3 is worse than every good generation before it. 94 % is asked for: the worst of the generations that served well."
    )
    assert "1 item is older than 180 days, d-3 270: look again" in words.sentences[1][0]
    assert words.sentences[2] == ("v3 is weakest on site=b: 7 of 10.", "warning")


def test_nobody_asked_is_unknown_and_not_fine(qtbot: Any) -> None:
    assert golden_words(shown(), "3").sentences[0][1] == "unknown"
    block = GoldenBlock()
    qtbot.addWidget(block)
    block.show()
    block.show_look(shown(("1", 94)), "3")
    assert block.intervals.isVisible()
    assert "v1 good 94.0 %" in block.intervals.accessibleName()
    block.show_nothing("digits has no golden set.")
    assert not block.intervals.isVisible()
    assert block.sentences.words == ("digits has no golden set.",)


@pytest.mark.parametrize("right", [95, 93])
def test_one_item_more_or_less_is_said_as_before(right: int) -> None:
    assert golden_words(shown(("3", right), ("2", 94), ("1", 94)), None).rows[-1][4].startswith("as before")

"""A rubric as it is typed: what is read, and what is said of what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlcontrol.core.review.campaign import Campaign, Mode, Standing, declared, faults, overdue, verdict_of
from mlcontrol.core.review.judging import JudgementVerdict
from mlcontrol.core.review.rubric import RATE, Label, Scale
from mlcontrol.core.review.rubric_words import due_of, label_of, rubric_of, scale_of
from mlcontrol.core.settings import CampaignSettings


def test_labels_scales_and_dates_are_read() -> None:
    assert label_of("2:wrong:Not right:correct") == Label(
        "2", "not-right", "Not right", verdict=JudgementVerdict.WRONG, asks_correct=True
    )
    assert label_of("1:a:First").id == "a"
    assert scale_of("tone of voice 1-3") == Scale("tone of voice", 1, 3)
    assert scale_of("clarity 0-9 mud..clear") == Scale("clarity", 0, 9, "mud", "clear")
    assert due_of("2026-12-01") == datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC).timestamp()
    assert due_of("2026-12-01T15:00+01:00") == datetime(2026, 12, 1, 14, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["", "1", "1:right", "1:maybe:Maybe", "1:right:Right:please"])
def test_what_is_no_label_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="label"):
        label_of(text)


@pytest.mark.parametrize("text", ["", "clarity", "clarity 1", "clarity 1-55", "1-5"])
def test_what_is_no_scale_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no scale"):
        scale_of(text)


def test_a_scale_without_a_key_and_names_that_are_one_are_faults() -> None:
    campaign = Campaign("c", "digits", "C")
    many = rubric_of(RATE, scales=[f"s{i} 1-5" for i in range(6)])
    assert faults(replace(campaign, rubric=many)) == ("At most 5 scales: each has a key.",)
    assert "goes from" in faults(replace(campaign, rubric=rubric_of(RATE, scales=["s 5-1"])))[0]
    assert "one name" in faults(replace(campaign, rubric=rubric_of(RATE, tags=["a", "a"])))[0]
    assert faults(replace(campaign, rubric=rubric_of(RATE, scales=["s 0-9"], tags=["a", "b"]))) == ()


def test_a_workspace_declares_a_whole_rubric() -> None:
    made = declared(
        CampaignSettings(
            "c",
            "digits",
            labels=("1:right:Good", "2:wrong:Bad"),
            scales=("clarity 1-5",),
            tags=("blurred",),
            free_text=False,
            due="2026-12-01",
        )
    )
    assert [one.id for one in made.rubric.labels] == ["good", "bad"]
    assert (made.rubric.scales, made.rubric.tags, made.rubric.free_text) == ((Scale("clarity"),), ("blurred",), False)
    assert verdict_of(made, "bad") is JudgementVerdict.WRONG
    assert made.mode is Mode.RATE


def test_only_what_still_asks_is_overdue() -> None:
    campaign = Campaign("c", "digits", "C", due_s=10.0)
    assert overdue(campaign, 11.0)
    assert not overdue(campaign, 9.0)
    assert not overdue(replace(campaign, standing=Standing.CLOSED), 11.0)
    assert not overdue(replace(campaign, due_s=None), 11.0)

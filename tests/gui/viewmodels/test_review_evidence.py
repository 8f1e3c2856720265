"""The evidence in words: what is decided, what the model's scores add, and when they may not."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.findings import findings
from mlcontrol.core.review.judging import Judgement, JudgementVerdict
from mlcontrol.core.review.prediction_powered import Moments
from mlcontrol.core.review.rubric import RATE, Scale
from mlcontrol.gui.viewmodels.review_evidence import (
    powered_rows,
    powered_words,
    preference_row,
    preference_words,
    scale_rows,
    tag_words,
)

R, W = JudgementVerdict.RIGHT, JudgementVerdict.WRONG
RATING = Campaign("c", "digits", "C", rubric=replace(RATE, scales=(Scale("clarity"),)))
PAIRS = replace(RATING, mode=Mode.PAIRWISE, versions=("2", "3"))


def said(i: int, verdict: JudgementVerdict = R, **more: object) -> Judgement:
    made = Judgement(f"j{i}", f"i{i}", "digits", "3", "ann", verdict, 1.0, label="b", confidence=0.8 if i % 2 else 0.9)
    return replace(made, **more)  # type: ignore[arg-type]


def test_while_blind_nothing_says_which_way_it_goes() -> None:
    pairs = [said(i, version="2", version_b="3") for i in range(14)]
    found = findings(PAIRS, pairs, {})
    blind = preference_words(PAIRS, found, blind=True)
    turned = findings(PAIRS, [replace(one, label="a") for one in pairs], {})
    assert blind == preference_words(PAIRS, turned, blind=True)
    assert "Decided after" in blind
    assert "at most 5 %" in blind
    row = preference_row(PAIRS, found)
    assert row is not None
    assert row[:2] == ("v3 over v2", 1.0)
    assert preference_row(PAIRS, findings(PAIRS, [], {})) is None


def test_model_scores_are_shown_with_their_condition_or_with_the_reason_why_not() -> None:
    ones = [said(i, R if i % 3 else W) for i in range(60)]
    found = findings(RATING, ones, {}, {"3": Moments(4000, 0.85, 0.01)})
    name, value, low, high, note = powered_rows(found, {"3": "version A"})[0]
    assert name == "version A"
    assert value is not None
    assert 0 <= low < value < high <= 1
    assert note.endswith("as wide")
    assert "4,000 unjudged" in powered_words(found)
    assert "drawn at random" in powered_words(found)
    short = findings(RATING, ones[:10], {}, {"3": Moments(4000, 0.85, 0.01)})
    assert powered_rows(short, {})[0][1] is None
    assert "30 are needed" in powered_rows(short, {})[0][4]
    assert powered_rows(findings(RATING, ones, {}), {}) == []


def test_scales_and_tags_have_their_rows() -> None:
    ones = [said(i, scales={"clarity": float(1 + i % 5)}, tags=("private",) if i % 2 else ()) for i in range(10)]
    found = findings(RATING, ones, {})
    head, row = scale_rows(found, {"3": "version A"})
    assert head[0] == "Scale"
    assert row[:3] == ("clarity", "version A", "3")
    assert row[5] == "undefined"  # one rater agrees with nobody
    assert tag_words(found) == "Tags: private 5"

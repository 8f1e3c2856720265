"""What a campaign may conclude, and what it may not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlcontrol.core.review.campaign import Campaign, Mode, Policy, Sampling, Share, Stop, faults, verdict_of
from mlcontrol.core.review.export_rows import COLUMNS, cells, example, exported, neutral
from mlcontrol.core.review.findings import findings, gate_verdict, item_verdicts, quality
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, ReviewItem, blind, wilson
from mlcontrol.core.review.preference import Verdict
from mlcontrol.core.review.raters import rater_table
from mlcontrol.core.review.rubric import EXPECTED, PAIRWISE, RATE, canonical
from mlcontrol.core.review.tally import Tally
from mlcontrol.core.review.version_scores import scores

R, W, S = JudgementVerdict.RIGHT, JudgementVerdict.WRONG, JudgementVerdict.SKIPPED
CAMPAIGN = Campaign("c", "digits", "Digits")


def said(number: int, verdict: JudgementVerdict = R, rater: str = "ann", **more: object) -> Judgement:
    label = {R: "right", W: "wrong", S: "skip"}.get(verdict, "unsure")
    made = Judgement(f"j{number}-{rater}", f"i{number}", "digits", "3", rater, verdict, float(number), label=label)
    return replace(made, campaign="c", spent_s=9.0, **more)  # type: ignore[arg-type]


def pair(number: int, label: str, **more: object) -> Judgement:
    return replace(said(number, JudgementVerdict.UNSURE, **more), version="2", version_b="3", label=label)


def test_gold_repeats_surplus_and_withdrawn_are_in_no_score() -> None:
    ones = [said(1), said(2, W, kind=ItemKind.GOLD), said(3, W, surplus=True), said(4, W, withdrawn=True), said(5, S)]
    found = findings(CAMPAIGN, ones, {})
    assert [(q.estimate.value, q.estimate.n) for q in found.quality] == [(1.0, 1)]


def test_raters_who_split_say_nothing_until_somebody_adjudicates() -> None:
    split = [said(1, R, "ann"), said(1, W, "bob")]
    assert item_verdicts(split)[0].right is None
    found = findings(CAMPAIGN, split, {})
    assert found.disagreements[0].labels == (("ann", "right"), ("bob", "wrong"))
    settled = [*split, said(1, W, "lead", adjudicated=True)]
    assert item_verdicts(settled)[0].right is False
    assert findings(CAMPAIGN, settled, {}).disagreements[0].adjudicated == "wrong"
    assert {row.rater for row in rater_table(settled)} == {"ann", "bob"}


def test_a_stratified_campaign_weighs_by_the_population() -> None:
    campaign = replace(CAMPAIGN, sampling=Sampling(20, 1, (Share(Policy.STRATIFIED),), ("version", "region")))
    ones = [said(i, R, stratum="version=3 region=n", probability=0.01, slices={"region": "n"}) for i in range(10)]
    ones += [said(i, W, stratum="version=3 region=s", probability=0.1, slices={"region": "s"}) for i in range(10, 20)]
    sizes = {"version=3 region=n": 1000, "version=3 region=s": 100, "version=2 region=n": 500}
    by_slice = {q.slice: q.estimate for q in quality(campaign, Tally(ones), sizes)}
    assert by_slice[""].value == pytest.approx(1000 / 1100)
    assert (by_slice["region=s"].value, by_slice["region=s"].n) == (0.0, 10)
    assert "stratified" in by_slice[""].design


def test_a_mixture_is_weighted_by_inclusion_probability() -> None:
    campaign = replace(CAMPAIGN, sampling=Sampling(20, 1, (Share(Policy.RANDOM), Share(Policy.UNCERTAIN))))
    ones = [said(i, R, probability=0.01) for i in range(10)] + [said(i, W, probability=0.1) for i in range(10, 20)]
    assert quality(campaign, Tally(ones), {})[0].estimate.value == pytest.approx(10 / 11)


def test_pairs_give_a_win_rate_a_verdict_and_an_early_stop() -> None:
    campaign = replace(CAMPAIGN, mode=Mode.PAIRWISE, rubric=PAIRWISE, versions=("2", "3"))
    some = findings(campaign, [pair(1, "b"), pair(2, "a"), pair(3, "equal")], {})
    assert (some.verdict, some.enough) == (Verdict.INCONCLUSIVE, "")
    assert "not enough" in some.why
    many = findings(campaign, [pair(i, "b") for i in range(14)], {})
    assert many.verdict is Verdict.BETTER
    assert many.enough
    assert findings(replace(campaign, stop=Stop(early=False)), [pair(i, "b") for i in range(14)], {}).enough == ""
    assert findings(campaign, [], {}).verdict is Verdict.NONE


def test_the_gate_reads_pairs_in_either_order_and_never_invents_an_opinion() -> None:
    campaign = replace(CAMPAIGN, mode=Mode.PAIRWISE, rubric=PAIRWISE, versions=("2", "3"))
    ones = [pair(i, "b") for i in range(14)]
    assert gate_verdict([(campaign, ones)], "3", "2")[0] is Verdict.BETTER
    assert gate_verdict([(campaign, ones)], "2", "3")[0] is Verdict.WORSE
    assert gate_verdict([(campaign, ones)], "4", "2")[0] is Verdict.NONE
    assert gate_verdict([], "3", "2")[0] is Verdict.NONE
    rated = [said(i, R) for i in range(60)]
    assert gate_verdict([(CAMPAIGN, rated)], "3", "2")[0] is Verdict.INCONCLUSIVE
    worse = [replace(said(i, W), version="2") for i in range(100, 160)]
    assert gate_verdict([(CAMPAIGN, rated + worse)], "3", "2")[0] is Verdict.BETTER


def test_precision_that_was_asked_for_ends_a_campaign() -> None:
    campaign = replace(CAMPAIGN, stop=Stop(half_width=0.05))
    few = [said(i, slices={"region": "n"}) for i in range(10)]
    assert findings(campaign, few, {}).enough == ""
    assert "5 %" in findings(campaign, [said(i, slices={"region": "n"}) for i in range(80)], {}).enough


def test_raters_are_measured_on_gold_and_on_themselves() -> None:
    ones = [
        said(1, R), said(2, W),
        said(3, R, kind=ItemKind.GOLD, expected="right"), said(4, R, kind=ItemKind.GOLD, expected="wrong"),
        said(5, R, kind=ItemKind.REPEAT, origin="i1"), said(6, R, kind=ItemKind.REPEAT, origin="i2"),
        said(7, S, kind=ItemKind.GOLD, expected="wrong"),
    ]  # fmt: skip
    row = rater_table(ones)[0]
    assert (row.gold_right, row.gold_n, row.same, row.repeats, row.skipped) == (1, 2, 1, 2, 1)
    assert (row.pace_s, row.consensus) == (9.0, None)


def test_cost_is_known_only_where_a_rate_was_given() -> None:
    assert findings(CAMPAIGN, [said(1)], {}).cost is None
    assert findings(replace(CAMPAIGN, cost_per_hour=36.0), [said(1)], {}).cost == pytest.approx(0.09)


def test_a_blind_item_tells_nothing_of_its_version_kind_or_reason() -> None:
    item = ReviewItem(
        "i", "digits", "r", 1.0, "{}", "[4]", {}, "2", outputs_b="[9]", version_b="3", swapped=True, kind=ItemKind.GOLD,
        stratum="version=2", probability=0.1, why="uncertain", expected='"a"', explanation="x", origin="j", trace="t",
    )  # fmt: skip
    shown = blind(item)
    assert (shown.outputs, shown.outputs_b) == ("[9]", "[4]")
    for hidden in (
        "version",
        "version_b",
        "stratum",
        "why",
        "expected",
        "explanation",
        "origin",
        "trace",
        "request_id",
    ):
        assert getattr(shown, hidden) == ""
    assert (shown.kind, shown.swapped, shown.probability) == (ItemKind.WORK, False, 1.0)
    opened = blind(replace(item, kind=ItemKind.CALIBRATION))
    assert opened.kind is ItemKind.CALIBRATION
    assert (opened.expected, opened.explanation) == ("", ""), "what is known of it is told after the judgement"


def test_sides_are_turned_back() -> None:
    assert [canonical(x, swapped=True) for x in ("a", "b", "equal")] == ["b", "a", "equal"]
    assert canonical("a", swapped=False) == "a"
    assert verdict_of(replace(CAMPAIGN, rubric=EXPECTED), "expected-wrong") is R
    with pytest.raises(ValueError):
        verdict_of(CAMPAIGN, "nonsense")


def test_a_campaign_that_cannot_work_says_why() -> None:
    assert faults(CAMPAIGN) == ()
    bad = replace(CAMPAIGN, mode=Mode.PAIRWISE, overlap=3, raters=("ann",), gold_share=2.0, sampling=Sampling(0, 1, ()))
    assert len(faults(bad)) == 6
    assert faults(replace(CAMPAIGN, rubric=replace(RATE, labels=RATE.labels[:1] * 2)))


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_a_formula_is_neutralised(text: str) -> None:
    """Fault 60."""
    assert neutral(text).startswith("'")


def test_twin_without_neutralising_a_formula_would_be_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ReviewItem("i1", "digits", "r1", 1.0, '{"x": 1}', '{"digit": 7}', {"region": "n"}, "3")
    monkeypatch.setattr("mlcontrol.core.review.export_rows.neutral", lambda text: text)
    flat = dict(zip(COLUMNS, cells(example(item, said(1, W, correct="=9"), str)), strict=True))
    assert flat["correct"] == "=9"


@pytest.mark.parametrize("text", ["-2.5", "+3", "plain", "", "a=b", "1e-5"])
def test_a_number_or_text_stays_what_it_is(text: str) -> None:
    assert neutral(text) == text


def test_an_example_carries_its_provenance() -> None:
    item = ReviewItem("i1", "digits", "r1", 1.0, '{"x": 1}', '{"digit": 7}', {"region": "n"}, "3")
    row = example(item, said(1, W, correct="=9"), str)
    assert (row["inputs"], row["request_id"], row["rater"], row["correct"]) == ({"x": 1}, "r1", "ann", "=9")
    flat = dict(zip(COLUMNS, cells(row), strict=True))
    assert flat["correct"] == "'=9"
    assert json.loads(flat["inputs"]) == {"x": 1}
    assert [j.id for j in exported([said(1), said(2, S), said(3, withdrawn=True)])] == ["j1-ann"]


def test_a_version_is_scored_per_item_and_weighted_back_from_a_look_for_trouble() -> None:
    even = [said(1), said(1, R, "bob"), said(2, W), said(3, W, surplus=True)]
    assert (scores(even)["3"].right, scores(even)["3"].n) == (1, 2)
    assert (scores(even)["3"].low, scores(even)["3"].high) == wilson(1, 2)
    hunted = [said(i, R, probability=0.01) for i in range(10)] + [said(i, W, probability=0.1) for i in range(10, 20)]
    assert scores(hunted)["3"].estimate == pytest.approx(10 / 11)
    assert scores([pair(1, "a")]) == {}

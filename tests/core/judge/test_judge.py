"""The judge of a rollout: what it finds, what it lets pass, and what it refuses to say."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mlcontrol.core.judge import guards
from mlcontrol.core.judge.bucket import Arm, Bucket
from mlcontrol.core.judge.judge import Evidence, judge
from mlcontrol.core.judge.policy import ERRORS, GOLDEN, LATENCY, PREDICTIONS, RESOURCES, JudgePolicy, Role
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict
from tests.core.judge.rollout_traffic import buckets

POLICY = JudgePolicy()
EVERYTHING = frozenset((ERRORS, LATENCY, "query-rate", PREDICTIONS, GOLDEN, "feedback", RESOURCES, "objectives"))


def judged(counts: tuple[Bucket, ...], **more: object) -> Judgement:
    evidence = replace(Evidence(counts), **more)  # type: ignore[arg-type]
    return judge(evidence, POLICY, counts[-1].end_s + 1.0 if counts else 0.0)


def reading(judgement: Judgement, guard: str) -> Reading:
    return next(r for r in judgement.readings if r.guard == guard)


def test_a_doubled_error_rate_is_worse_and_says_since_when() -> None:
    found = reading(judged(buckets(1, 20, ratio=2.0)), ERRORS)
    assert found.verdict is Verdict.WORSE
    assert found.line[-1] == 1.0
    assert found.decided_s is not None
    assert "× old" in found.result


def test_a_good_version_becomes_fine_and_may_have_more() -> None:
    good = judged(buckets(2, 30, errors=0.001))
    assert reading(good, ERRORS).verdict is Verdict.FINE
    assert reading(good, "query-rate").verdict is Verdict.FINE
    assert good.allows_more


def test_errors_that_begin_late_in_a_long_good_rollout_are_found() -> None:
    late = buckets(3, 40, ratio=8.0, from_bucket=180)
    assert not judged(late[:180]).worse
    assert judged(late[:200]).worse


def test_what_was_fine_at_one_stage_must_be_shown_again_at_the_next() -> None:
    counts = buckets(4, 30, errors=0.001)
    assert judged(counts).allows_more
    assert not judged(counts, stage_from=len(counts) - 1).allows_more


@pytest.mark.parametrize("seed", range(6))
def test_bursts_are_shown_and_never_pass_quietly(seed: int) -> None:
    counts = buckets(seed, 40, errors=0.02, burst_cv=1.5, share=0.25)
    found = reading(judged(counts), ERRORS)
    assert found.phi is not None
    assert found.phi > 1.5
    assert found.verdict in (Verdict.INCONCLUSIVE, Verdict.WORSE)
    if found.verdict is Verdict.INCONCLUSIVE:
        assert "not decidable yet" in found.note


def test_the_broken_twin_that_ignores_scatter_calls_good_bursty_versions_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrongly() -> int:
        return sum(
            reading(judged(buckets(seed, 60, errors=0.02, burst_cv=1.0, share=0.25)), ERRORS).verdict is Verdict.WORSE
            for seed in range(12)
        )

    guarded = wrongly()
    monkeypatch.setattr(
        "mlcontrol.core.judge.guards.worse_by_scatter",
        lambda columns, _scatter, ignored, *_bets: guards._worse(columns, ignored),
    )
    assert wrongly() > guarded


def test_no_data_is_unknown_and_blocks() -> None:
    counts = buckets(5, 30, errors=0.001)
    silent = judge(Evidence(counts), POLICY, counts[-1].end_s + 60.0)
    assert {r.verdict for r in silent.readings} == {Verdict.UNKNOWN}
    assert not silent.allows_more
    assert silent.silent_s == pytest.approx(60.0)
    assert not judge(Evidence(), POLICY, 10.0).allows_more


def test_a_source_that_was_not_read_is_unknown_even_if_others_were() -> None:
    counts = buckets(6, 10, errors=0.001)
    blind = tuple(replace(b, logged=False) for b in counts)
    found = judged(blind, has=frozenset((ERRORS, PREDICTIONS, "query-rate", "objectives")))
    assert reading(found, PREDICTIONS).verdict is Verdict.UNKNOWN
    assert reading(found, ERRORS).verdict is not Verdict.UNKNOWN
    assert not found.allows_more


def test_traffic_that_does_not_arrive_as_asked_is_worse() -> None:
    counts = tuple(replace(b, share=0.4) for b in buckets(7, 5, share=0.1))
    assert reading(judged(counts), "query-rate").verdict is Verdict.WORSE


def _logged(seed: int, slow_new: float, class_new: float, minutes: int = 10) -> tuple[Bucket, ...]:
    rng = np.random.default_rng(seed)

    def arm(n: int, slow: float, yes: float) -> Arm:
        hits = int(rng.binomial(n, yes))
        counts = (int(rng.binomial(n, 0.5)), int(rng.binomial(n, slow)), int(rng.binomial(n, slow / 10)))
        return Arm(n, 0, {}, n, counts, {"yes": hits, "no": n - hits}, compute_ms=float(rng.normal(5.0, 0.3)))

    return tuple(
        Bucket(10.0 * i, 10.0 * (i + 1), 0.2, arm(100, slow_new, class_new), arm(400, 0.1, 0.3))
        for i in range(minutes * 6)
    )


def test_a_longer_tail_and_another_mix_of_answers_are_found() -> None:
    thresholds = {"thresholds_ms": (10.0, 20.0, 80.0), "has": EVERYTHING}
    good = judged(_logged(1, 0.1, 0.3), **thresholds)
    assert not good.worse
    assert reading(good, LATENCY).verdict is Verdict.FINE
    assert reading(judged(_logged(2, 0.25, 0.3), **thresholds), LATENCY).verdict is Verdict.WORSE
    assert reading(judged(_logged(3, 0.1, 0.6), **thresholds), PREDICTIONS).verdict is Verdict.WORSE


def test_heavier_computation_is_found_bucket_by_bucket() -> None:
    counts = _logged(4, 0.1, 0.3)
    assert reading(judged(counts, has=EVERYTHING), RESOURCES).verdict is not Verdict.WORSE
    heavy = tuple(replace(b, new=replace(b.new, compute_ms=(b.new.compute_ms or 0) * 1.5)) for b in counts)
    assert reading(judged(heavy, has=EVERYTHING), RESOURCES).verdict is Verdict.WORSE


def test_more_wrong_answers_by_labels_are_worse() -> None:
    def labelled(bad: int) -> tuple[Bucket, ...]:
        return tuple(
            replace(b, new=replace(b.new, labelled=40, right=40 - bad), old=replace(b.old, labelled=360, right=342))
            for b in buckets(8, 5, errors=0.001)
        )

    assert reading(judged(labelled(2), has=EVERYTHING), "feedback").verdict is not Verdict.WORSE
    assert reading(judged(labelled(8), has=EVERYTHING), "feedback").verdict is Verdict.WORSE


def test_a_critical_golden_item_decides_at_once_and_no_item_decides_nothing() -> None:
    counts = buckets(9, 2)
    failed = judged(counts, golden_good=3, golden_bad=1, golden_critical=("item-1",), has=EVERYTHING)
    assert reading(failed, GOLDEN).verdict is Verdict.WORSE
    assert reading(judged(counts, has=EVERYTHING), GOLDEN).verdict is Verdict.INCONCLUSIVE
    good = judged(counts, golden_good=60, golden_bad=0, has=EVERYTHING)
    assert reading(good, GOLDEN).verdict is Verdict.FINE


def test_an_incident_of_both_versions_is_no_time_to_go_on() -> None:
    counts = buckets(10, 3, errors=0.3)
    found = reading(judged(counts), "objectives")
    assert found.verdict is Verdict.WORSE
    assert reading(judged(counts), ERRORS).verdict is not Verdict.WORSE


@pytest.mark.parametrize("tolerance", [0.2, 0.9])
def test_whatever_errors_are_tolerated_the_judge_judges_and_a_service_that_fails_is_an_incident(
    tolerance: float,
) -> None:
    policy = JudgePolicy(error_tolerance=tolerance)

    def objectives(errors: float) -> Verdict:
        counts = buckets(11, 5, errors=errors)
        return reading(judge(Evidence(counts), policy, counts[-1].end_s + 1.0), "objectives").verdict

    assert objectives(0.01) is not Verdict.WORSE
    assert objectives(0.8) is Verdict.WORSE


def test_a_slow_service_is_an_incident_too_and_says_how_slow() -> None:
    counts = _logged(5, 0.1, 0.3, minutes=2)
    found = reading(judged(counts, thresholds_ms=(10.0, 20.0, 80.0), slow_at=1, has=EVERYTHING), "objectives")
    assert found.verdict is Verdict.WORSE
    assert "slower than the objective" in found.figures


def test_a_person_who_clears_a_guard_is_remembered_and_the_verdict_stays_visible() -> None:
    counts = buckets(1, 20, ratio=2.0)
    cleared = judge(Evidence(counts), POLICY, counts[-1].end_s + 1.0, frozenset((ERRORS,)))
    assert not cleared.worse
    assert reading(cleared, ERRORS).verdict is Verdict.WORSE
    assert not cleared.allows_more, "cleared is not fine"


def test_more_traffic_needs_data_everywhere_and_fine_where_required() -> None:
    each = list(product(Verdict, (Role.REQUIRE, Role.WATCH)))
    allowed = 0
    for n in range(4):
        for verdicts in product(each, repeat=n):
            judgement = Judgement(0.0, tuple(Reading(ERRORS, role, verdict) for verdict, role in verdicts))
            required = [verdict for verdict, role in verdicts if role is Role.REQUIRE]
            known = all(verdict not in (Verdict.UNKNOWN, Verdict.WORSE) for verdict, _ in verdicts)
            assert judgement.allows_more == (known and bool(required) and set(required) == {Verdict.FINE})
            allowed += judgement.allows_more
    assert allowed

"""A plan's guards over a record: they stop what was bad, let pass what was good, and say so when the record ends first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlcontrol.core.gate_replay import replay, replayable
from mlcontrol.core.judge.answers import Answers
from mlcontrol.core.judge.policy import ERRORS, OBJECTIVES, JudgePolicy, Role
from mlcontrol.core.strategy import Advance, Strategy, StrategyKind

CANARY = Strategy(StrategyKind.CANARY, (10.0, 50.0), min_requests=20, min_s=10.0, max_s=900.0)
START = 1_700_000_000.0


def record(
    seed: int, minutes: float, *, errors: float = 0.002, slow_ms: float = 20.0, yes: float = 0.3, rate: float = 40.0
) -> Answers:
    rng = np.random.default_rng(seed)
    n = int(minutes * 60 * rate)
    at_s = np.sort(START + rng.uniform(0, minutes * 60, n))
    failed = rng.random(n) < errors
    return Answers(
        at_s,
        rng.random(n),
        failed,
        rng.gamma(4.0, slow_ms / 4.0, n),
        np.where(failed, -1, (rng.random(n) < yes).astype(np.int64)),
        np.full(n, -1, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        ("no", "yes"),
        ("3",),
    )


PAST = record(1, 5)


def test_a_bad_version_is_stopped_early_and_meets_few_requests() -> None:
    bad = record(2, 30, errors=0.2)
    found = replay(bad, record(3, 30), PAST, CANARY)
    assert found.ended == "stopped"
    assert found.percent == 10.0
    assert found.guard == ERRORS
    assert "Errors worse" in found.words
    truly_met = bad.between(START, START + found.after_s)
    assert found.met == (truly_met.ticket < 0.1).sum(), "the stage's share of what it met in truth"
    assert 0 < found.met_failed < truly_met.failed.sum() / 5


@pytest.mark.parametrize(
    ("bad", "guard"), [({"slow_ms": 80.0}, "latency"), ({"yes": 0.9}, "predictions")], ids=["slow", "another mix"]
)
def test_slow_answers_and_another_mix_are_caught_by_their_guards(bad: dict[str, float], guard: str) -> None:
    found = replay(record(4, 30, **bad), record(5, 30), PAST, CANARY)
    assert (found.ended, found.guard) == ("stopped", guard)


def test_a_good_version_passes_all_stages_and_its_bake() -> None:
    found = replay(record(6, 60, errors=0.0), record(7, 60, errors=0.0), PAST, replace(CANARY, bake_s=60.0))
    assert (found.ended, found.percent) == ("passed", 100.0)


def test_a_record_that_ends_first_is_not_decided_and_a_hole_in_it_is_no_pass() -> None:
    short = replay(record(8, 0.6), record(9, 0.6), PAST, CANARY)
    assert short.ended == "undecided"
    assert short.words
    full = record(10, 30, errors=0.0)
    early, late = full.between(START, START + 15.0), full.between(START + 900.0, START + 1800.0)
    columns = ("at_s", "ticket", "failed", "latency_ms", "answer", "right", "version")
    holed = replace(full, **{name: np.concatenate([getattr(early, name), getattr(late, name)]) for name in columns})
    silent = replay(holed, holed, PAST, CANARY)
    assert silent.ended == "stopped"
    assert "no data" in silent.words


def test_the_twin_without_guards_lets_the_bad_version_pass() -> None:
    blind = JudgePolicy(roles={ERRORS: Role.REQUIRE, OBJECTIVES: Role.OFF}, error_tolerance=0.9)
    bad = record(2, 30, slow_ms=80.0)
    assert replay(bad, record(3, 30), PAST, CANARY).ended == "stopped"
    assert replay(bad, record(3, 30), PAST, replace(CANARY, judge=blind)).ended == "passed"


def test_who_would_be_asked_is_taken_to_say_yes() -> None:
    good = record(6, 60, errors=0.0)
    assert replay(good, good, PAST, replace(CANARY, advance=Advance.ASK)).ended == "passed"


def test_what_no_log_holds_is_left_out_by_name() -> None:
    policy, left = replayable(JudgePolicy(), labelled=False)
    assert set(left) == {"Golden set", "Evaluators", "Resources", "Query rate", "Labels"}
    assert policy.role(ERRORS) is Role.REQUIRE
    assert "Labels" not in replayable(JudgePolicy(), labelled=True)[1]

"""Exercises are scored by what was recorded, wrong turns included."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core.incidents.decision_times import decision_times
from mlcontrol.core.incidents.exercise import score
from mlcontrol.core.incidents.incident import Entry, EntryKind, fold
from mlcontrol.core.operation import Operation, OperationKind, Phase

DECLARED = Entry("i", 1, 130.0, "ann", EntryKind.DECLARED, "errors", {"service": "digits", "detected_s": "120.0"})
VERIFIED = Entry("i", 2, 190.0, "ann", EntryKind.VERIFIED, "all green", {})
BACK = Operation("o1", OperationKind.ROLLBACK, "digits", "3", "2", "ann", "", "", Phase.DONE, (), 150.0, 155.0)
INCIDENT = fold([DECLARED, VERIFIED])
assert INCIDENT is not None


def test_a_straight_way_is_worth_all_points() -> None:
    times = decision_times(INCIDENT, [BACK], 110.0)
    assert [(name, total) for name, total, _own in times.steps] == [
        ("noticed", 10.0), ("opened", 20.0), ("suspect named", 40.0), ("acted", 40.0), ("recovery proven", 80.0)
    ]  # fmt: skip
    found = score("error-burst", "ann", 100.0, times)
    assert (found.detect_s, found.decide_s, found.recover_s, found.wrong_turns) == (30.0, 20.0, 40.0, ())
    assert found.points == 100


def test_wrong_turns_and_slowness_cost_points() -> None:
    other = replace(BACK, id="o0", service="fraud", started_s=140.0)
    deploy = replace(BACK, id="o2", kind=OperationKind.DEPLOY, started_s=145.0)
    first = replace(BACK, id="o3", started_s=146.0, to_version="1")
    times = decision_times(INCIDENT, [BACK, other, deploy, first], 110.0)
    assert len(times.wrong_turns) == 3
    found = score("error-burst", "ann", 0.0, times)  # 130 s to notice: nothing left of that third
    assert found.points == round(200 / 3 - 45)


def test_what_did_not_happen_earns_nothing() -> None:
    declared = fold([DECLARED])
    assert declared is not None
    times = decision_times(declared, [], None)
    found = score("server-frozen", "ann", 100.0, times)
    assert (found.decide_s, found.recover_s) == (None, None)
    assert found.points == 33


def test_what_was_reopened_had_not_recovered() -> None:
    reopened = [DECLARED, VERIFIED, Entry("i", 3, 200.0, "ann", EntryKind.REOPENED, "it is back", {})]
    still = fold(reopened)
    assert still is not None
    assert decision_times(still, [BACK], 110.0).recovered_s is None
    again = fold([*reopened, replace(VERIFIED, seq=4, at_s=400.0)])
    assert again is not None
    times = decision_times(again, [BACK], 110.0)
    assert times.recovered_s == 400.0
    assert times.wrong_turns == ("closed too early: it was reopened",)


def test_a_word_is_no_proof_and_a_clock_that_was_set_back_no_negative_time() -> None:
    said = fold([DECLARED, Entry("i", 2, 190.0, "ann", EntryKind.MITIGATED, "seems fine", {})])
    assert said is not None
    assert decision_times(said, [BACK], 110.0).steps[-1] == ("said to be over", 80.0, 40.0)
    early = fold([DECLARED, replace(VERIFIED, at_s=-5000.0)])
    assert early is not None
    assert decision_times(early, [BACK], 110.0).steps[-1] == ("recovery proven", None, None)

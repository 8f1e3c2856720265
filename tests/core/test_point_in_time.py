"""What served at a moment, and who decided it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.point_in_time import INFERRED, JOURNAL, NOTHING, OBSERVED, at
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import EventKind, TimelineEvent


def operation(name: str, kind: OperationKind, old: str, new: str, moved_s: float | None, **more: Any) -> Operation:
    state = StepState.DONE if moved_s is not None else StepState.SKIPPED
    values: dict[str, Any] = {
        "id": name, "kind": kind, "service": "digits", "from_version": old, "to_version": new, "actor": "ann",
        "reason": "better recall", "plan_hash": "", "phase": Phase.DONE,
        "steps": (Step("route", "Traffic", state, ended_s=moved_s),), "started_s": 0.0,
        "ended_s": (moved_s or 0.0) + 5, "seq": int(moved_s or 0.0),
    }  # fmt: skip
    return Operation(**(values | more))


DEPLOY = operation("op1", OperationKind.DEPLOY, "1", "2", 100.0)
BACK = operation("op2", OperationKind.ROLLBACK, "2", "1", 200.0, actor="bob", reason="errors")


def test_the_version_its_decider_and_the_reason_are_named() -> None:
    standing = at("digits", 150.0, [BACK, DEPLOY])
    assert (standing.version, standing.decided_by, standing.why) == ("2", "ann", "better recall")
    assert (standing.since_s, standing.until_s, standing.source) == (100.0, 200.0, JOURNAL)
    later = at("digits", 250.0, [DEPLOY, BACK])
    assert (later.version, later.decided_by, later.until_s) == ("1", "bob", None)


def test_before_the_first_change_only_what_it_replaced_is_known() -> None:
    standing = at("digits", 50.0, [DEPLOY])
    assert (standing.version, standing.source, standing.decided_by) == ("1", INFERRED, "")


def test_without_a_record_nothing_is_claimed() -> None:
    standing = at("digits", 50.0, [])
    assert (standing.version, standing.source) == (None, NOTHING)
    assert at("other", 150.0, [DEPLOY]).version is None


def test_a_deploy_that_went_back_by_itself_served_in_between() -> None:
    bad = operation(
        "op3", OperationKind.DEPLOY, "1", "6", 300.0, phase=Phase.RETURNED, ended_s=330.0,
        problem=Problem("golden items failed"),
    )  # fmt: skip
    assert at("digits", 310.0, [bad]).version == "6"
    after = at("digits", 331.0, [bad])
    assert (after.version, after.decided_by, after.why) == ("1", "the panel by itself", "golden items failed")


def test_a_refused_one_changes_nothing_and_a_failed_return_is_not_known() -> None:
    refused = operation("op4", OperationKind.DEPLOY, "2", "9", None, phase=Phase.REFUSED)
    assert at("digits", 400.0, [DEPLOY, refused]).version == "2"
    failed = operation("op5", OperationKind.DEPLOY, "2", "9", 500.0, phase=Phase.FAILED, ended_s=520.0)
    assert at("digits", 600.0, [DEPLOY, failed]).version is None


def test_a_change_from_outside_has_no_decider_that_the_panel_knows() -> None:
    seen = TimelineEvent("r", 700.0, EventKind.ROUTE, "Traffic goes to v3", "digits", version_from="1", version_to="3")
    standing = at("digits", 701.0, [DEPLOY, BACK], [seen])
    assert (standing.version, standing.source) == ("3", OBSERVED)
    assert "outside" in standing.decided_by


def test_a_rollback_that_left_something_undone_still_says_what_serves() -> None:
    moved = Step("route", "Traffic", StepState.DONE, ended_s=200.0)
    proven = Step("verify", "Proof", StepState.DONE, ended_s=201.0)
    left = Step("hand-server", "Server", StepState.FAILED, ended_s=204.0)
    for phase in (Phase.FAILED, Phase.ABORTED):
        kept = operation("op2", OperationKind.ROLLBACK, "2", "1", 200.0, phase=phase, steps=(moved, proven, left))
        assert kept.kept_traffic
        assert at("digits", 250.0, [DEPLOY, kept]).version == "1"
        returned = operation(
            "op2", OperationKind.ROLLBACK, "2", "1", 200.0, phase=phase,
            steps=(moved, proven, left, Step("return-route", "Back", StepState.DONE)),
        )  # fmt: skip
        assert not returned.kept_traffic


def test_a_clock_that_was_set_back_does_not_turn_the_journal_round() -> None:
    """Fault 18: the rollback came after the deploy, whatever the clock said then."""
    back = replace(operation("op9", OperationKind.ROLLBACK, "2", "1", 40.0, actor="bob"), seq=900)
    now = at("digits", 150.0, [back, DEPLOY])
    assert (now.version, now.decided_by, now.until_s) == ("1", "bob", None)
    assert at("digits", 60.0, [back, DEPLOY]).version == "1", "both times"
    later = replace(operation("op10", OperationKind.DEPLOY, "1", "3", 70.0), seq=901)
    twice = at("digits", 80.0, [DEPLOY, back, later])
    assert (twice.version, twice.source) == (None, NOTHING)
    assert "the first time with v1, the second with v3" in twice.detail
    assert at("digits", 101.0, [DEPLOY, back, later]).version == "3"
    assert at("digits", 30.0, [DEPLOY, back]).version == "1"

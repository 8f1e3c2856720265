"""The way back, said before it is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.facts import Known
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.types import (
    EventKind,
    Replica,
    ReplicaState,
    Stamp,
    TimelineEvent,
    VersionSummary,
    WayBack,
    WayBackState,
)
from mlcontrol.core.wayback import LEFT_FOR_S, Rehearsed, ReturnCheck, being_left, carried_before, way_back

REGISTERED = (VersionSummary("3"), VersionSummary("2"), VersionSummary("1"))


def ask(
    ready: tuple[str, ...] = ("2", "3"),
    current: str | None = "3",
    known_good: tuple[str, ...] = ("3", "2"),
    quarantined: dict[str, str] | None = None,
    registered: tuple[VersionSummary, ...] | None = REGISTERED,
    measured: dict[str, float] | None = None,
    age_s: float = 1.0,
    answering: tuple[str, ...] = ("1", "2", "3"),
    rehearsed: Rehearsed | None = None,
    seen: tuple[str, ...] = (),
) -> WayBack:
    rows = tuple(Replica("triton", version, ReplicaState.READY) for version in ready)
    replicas = {"triton": Known(rows, Stamp(0, 100 - age_s, 1))}
    return way_back(
        current,
        known_good,
        quarantined or {},
        registered,
        replicas,
        measured or {},
        100.0,
        5.0,
        answering,
        rehearsed,
        seen,
    )


def test_hot_when_the_last_known_good_is_loaded() -> None:
    found = ask(measured={"rollback": 2.4})
    assert (found.state, found.target, found.seconds, found.measured) == (WayBackState.HOT, "2", 2.4, True)


def test_cold_when_it_must_be_loaded() -> None:
    found = ask(ready=("3",), measured={"load": 10.0})
    assert (found.state, found.target, found.seconds) == (WayBackState.COLD, "2", 13.0)


def test_a_way_back_whose_last_drill_is_old_or_missing_is_marked() -> None:
    now_s = 100 * 86400.0
    for drilled_s, old in ((None, True), (now_s - 40 * 86400.0, True), (now_s - 2 * 86400.0, False)):
        found = ask(rehearsed=Rehearsed(None, drilled_s, now_s))
        assert (found.drilled_s, found.drill_old) == (drilled_s, old)


def test_a_quarantined_target_is_passed_over_or_blocks() -> None:
    assert ask(known_good=("3", "2", "1"), quarantined={"2": "errors"}).target == "1"
    assert ask(quarantined={"2": "errors"}).target == "1"
    assert ask(quarantined={"2": "errors", "1": "drift"}).state is WayBackState.BLOCKED


def test_an_unproven_target_is_offered_and_said() -> None:
    found = ask(known_good=())
    assert found.target == "2"
    assert "has not served here" in found.why


def test_what_carried_the_traffic_comes_before_what_is_merely_registered() -> None:
    """A swap in a fleet's first minute: the newest version registered may be the very one that the checks refused."""
    found = ask(known_good=(), seen=("3", "1"))
    assert found.target == "1"
    assert "too briefly" in found.why
    assert ask(known_good=(), seen=("1",), quarantined={"1": "errors"}).target == "2"
    assert ask(known_good=("3", "2"), seen=("1",)).target == "2"


def test_moves_are_read_newest_first_and_each_version_once() -> None:
    moves = [
        TimelineEvent(str(n), float(-n), EventKind.ROUTE, "moved", version_from=old, version_to="9")
        for n, old in enumerate(("2", None, "1", "2"))
    ]
    assert carried_before(moves) == ("2", "1")


def test_none_and_unknown() -> None:
    assert ask(current="1", known_good=()).state is WayBackState.NONE
    assert ask(known_good=(), registered=None).state is WayBackState.UNKNOWN
    assert ask(current=None).state is WayBackState.UNKNOWN
    assert ask(age_s=60.0).state is WayBackState.UNKNOWN


def test_warm_when_it_is_loaded_but_nobody_saw_it_answer() -> None:
    found = ask(answering=("3",))
    assert found.state is WayBackState.WARM
    assert "has not answered its golden queries" in found.why


def test_loaded_on_some_endpoints_is_not_hot_and_names_the_others() -> None:
    ready = {"edge-a": ("2", "3"), "edge-b": ("3",)}
    replicas = {
        name: Known(tuple(Replica(name, v, ReplicaState.READY) for v in versions), Stamp(0, 99, 1))
        for name, versions in ready.items()
    }
    found = way_back("3", ("3", "2"), {}, REGISTERED, replicas, {}, 100.0, 5.0, ("2", "3"))
    assert found.state is WayBackState.COLD
    assert "1 of 2 endpoints; not on edge-b" in found.why


def test_what_planning_the_return_found_is_shown_before_it_is_needed() -> None:
    gone = ReturnCheck("3", "2", "R16: the files of v2 are gone.", False, "", 0.0)
    assert ask(rehearsed=Rehearsed(gone)).state is WayBackState.BLOCKED
    moved = ReturnCheck("3", "2", "I4: callers do not send 'age' any more.", True, "", 0.0)
    found = ask(rehearsed=Rehearsed(moved))
    assert (found.state, found.seconds) == (WayBackState.ONE_WAY, None)
    other = ReturnCheck("3", "1", "", False, "v2 would come first, but its files are gone.", 0.0)
    assert ask(ready=("1", "2", "3"), rehearsed=Rehearsed(other)).target == "1"
    stale = ReturnCheck("9", "2", "of another time", False, "", 0.0)
    assert ask(rehearsed=Rehearsed(stale)).state is WayBackState.HOT


def test_a_way_back_that_was_never_or_long_ago_walked_is_marked() -> None:
    day = 86400.0
    assert ask(rehearsed=Rehearsed(None, None, 100 * day)).drill_old
    assert ask(rehearsed=Rehearsed(None, 60 * day, 100 * day)).drill_old
    assert not ask(rehearsed=Rehearsed(None, 80 * day, 100 * day)).drill_old


ROLLBACK = Operation(
    "o", OperationKind.ROLLBACK, "digits", "3", "2", "ann", "errors rose", "h", Phase.RUNNING, started_s=1000.0
)


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        (ROLLBACK, {"3": "errors rose"}),  # the traffic may have moved already; nothing is in quarantine yet
        (replace(ROLLBACK, phase=Phase.SETTLING), {"3": "errors rose"}),
        (replace(ROLLBACK, phase=Phase.DONE, ended_s=1004.0), {"3": "errors rose"}),
        (replace(ROLLBACK, phase=Phase.DONE, ended_s=1005.0 - LEFT_FOR_S), {}),  # the quarantine itself speaks by now
        (replace(ROLLBACK, phase=Phase.RETURNED, ended_s=1004.0), {}),  # it serves again
        (replace(ROLLBACK, service="other"), {}),
        (replace(ROLLBACK, kind=OperationKind.DRILL), {}),
        (replace(ROLLBACK, from_version=None), {}),
    ],
)
def test_a_version_that_a_rollback_leaves_is_known_before_it_is_in_quarantine(
    operation: Operation, left: dict[str, str]
) -> None:
    assert being_left([operation], "digits", 1005.0) == left


def test_what_a_rollback_leaves_is_not_the_way_back_while_memory_has_yet_to_hear_of_it() -> None:
    moved = {"current": "2", "known_good": ("3", "2", "1"), "ready": ("1", "2", "3"), "seen": ("3",)}
    left = being_left([ROLLBACK], "digits", 1002.0)
    assert ask(**moved, quarantined=left).target == "1"
    assert ask(**moved).target == "3", (
        "twin: without what the operation itself says, it would be offered at once, and as hot"
    )

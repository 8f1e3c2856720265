"""The way back, said before it is needed."""

from __future__ import annotations

from mlcontrol.core.facts import Known
from mlcontrol.core.types import Replica, ReplicaState, Stamp, VersionSummary, WayBack, WayBackState
from mlcontrol.core.wayback import way_back

REGISTERED = (VersionSummary("3"), VersionSummary("2"), VersionSummary("1"))


def ask(
    ready: tuple[str, ...] = ("2", "3"),
    current: str | None = "3",
    known_good: tuple[str, ...] = ("3", "2"),
    quarantined: dict[str, str] | None = None,
    registered: tuple[VersionSummary, ...] | None = REGISTERED,
    measured: dict[str, float] | None = None,
    age_s: float = 1.0,
) -> WayBack:
    rows = tuple(Replica("triton", version, ReplicaState.READY) for version in ready)
    replicas = {"triton": Known(rows, Stamp(0, 100 - age_s, 1))}
    return way_back(current, known_good, quarantined or {}, registered, replicas, measured or {}, 100.0, 5.0)


def test_hot_when_the_last_known_good_is_loaded() -> None:
    found = ask(measured={"rollback": 2.4})
    assert (found.state, found.target, found.seconds, found.measured) == (WayBackState.HOT, "2", 2.4, True)


def test_cold_when_it_must_be_loaded() -> None:
    found = ask(ready=("3",), measured={"load": 10.0})
    assert (found.state, found.target, found.seconds) == (WayBackState.COLD, "2", 13.0)


def test_a_quarantined_target_is_passed_over_or_blocks() -> None:
    assert ask(known_good=("3", "2", "1"), quarantined={"2": "errors"}).target == "1"
    assert ask(quarantined={"2": "errors"}).target == "1"
    assert ask(quarantined={"2": "errors", "1": "drift"}).state is WayBackState.BLOCKED


def test_an_unproven_target_is_offered_and_said() -> None:
    found = ask(known_good=())
    assert found.target == "2"
    assert "has not served here" in found.why


def test_none_and_unknown() -> None:
    assert ask(current="1", known_good=()).state is WayBackState.NONE
    assert ask(known_good=(), registered=None).state is WayBackState.UNKNOWN
    assert ask(current=None).state is WayBackState.UNKNOWN
    assert ask(age_s=60.0).state is WayBackState.UNKNOWN

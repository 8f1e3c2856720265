"""The banner "clock differs": said within one look by whoever tells the time, or by the clock that nobody sets; and taken back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.clock_notice import ClockNotice, clock_notice
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import ConnectionKind, ConnectionState, Freshness
from mlcontrol.services.clocks import SHOWN_S, STORE_EVERY_S, Clocks
from mlcontrol.services.context import ClockSaid

DAY_S = 86_400.0


class World:
    """Clocks, connections and a store, as the test sets them."""

    view_only = ""

    def __init__(self) -> None:
        self.wall_s, self.ticks_s = 1_790_000_000.0, 500.0
        self.clock: Any = SimpleNamespace(utc_s=lambda: self.wall_s, mono_s=lambda: self.ticks_s)
        self.store: Any = SimpleNamespace(clock_off=self.of_the_store)
        self.off: ClockOff | Problem | None = None
        self.connections: dict[str, ConnectionState] = {}
        self.said: list[ClockNotice | None] = [None]

    def of_the_store(self) -> ClockOff | None:
        if isinstance(self.off, Problem):
            raise ProblemError(self.off)
        return self.off

    def state(self) -> Any:
        return SimpleNamespace(connections=self.connections, clock=self.said[-1])

    def emit(self, *facts: Any) -> None:
        self.said += [fact.notice for fact in facts if isinstance(fact, ClockSaid)]

    def server(self, name: str, ahead_s: float | None, freshness: Freshness = Freshness.FRESH) -> None:
        kind = ConnectionKind.ALERTS
        self.connections[name] = ConnectionState(name, kind, "a", freshness=freshness, clock_ahead_s=ahead_s)

    def look(self, clocks: Clocks, after_s: float = 1.0) -> str:
        self.wall_s += after_s
        self.ticks_s += after_s
        clocks.look()
        return self.said[-1].title if self.said[-1] is not None else ""


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clocks(world: World) -> Clocks:
    made = Clocks(world)  # type: ignore[arg-type]
    assert world.look(made) == ""
    return made


@pytest.mark.parametrize("ahead_s", [90.0, -90.0, 3 * DAY_S, -3 * DAY_S])
def test_a_clock_of_this_machine_that_all_others_contradict_is_said_at_the_next_look(
    world: World, clocks: Clocks, ahead_s: float
) -> None:
    """Fault 18: the panel's machine is wrong from the start, so that nothing jumps."""
    world.server("pager", ahead_s)
    world.server("registry", ahead_s + 1.0)
    world.server("files", None)
    title = world.look(clocks)
    assert title.startswith("Clock differs by ")
    assert title.endswith(f"this machine is {'behind' if ahead_s > 0 else 'ahead of'} all 2 that tell the time")
    world.server("pager", 0.0)
    world.server("registry", 0.0)
    assert world.look(clocks) == "", "once it is right, nothing is said"


def test_twin_if_answers_told_no_time_a_wrong_clock_would_not_be_noticed(world: World, clocks: Clocks) -> None:
    world.server("pager", None)
    world.server("registry", None)
    assert world.look(clocks) == ""


def test_one_server_that_is_wrong_is_named(world: World, clocks: Clocks) -> None:
    world.server("pager", -90.0)
    world.server("registry", 0.0)
    assert world.look(clocks) == "Clock differs by 1.5 min: pager is behind this machine"
    world.server("registry", 12.0)
    assert world.look(clocks) == "Clock differs by up to 1.5 min: 2 of 2 that tell the time disagree with this machine"
    notice = world.said[-1]
    assert notice is not None
    assert notice.detail.startswith("pager is 1.5 min behind; registry is 12 s ahead.")


def test_who_does_not_answer_any_more_is_no_witness(world: World, clocks: Clocks) -> None:
    world.server("pager", -90.0, Freshness.UNKNOWN)
    assert world.look(clocks) == ""


@pytest.mark.parametrize("jump_s", [3 * DAY_S, -3 * DAY_S, 90.0, -90.0])
def test_a_clock_that_jumps_is_said_where_nobody_else_tells_the_time(
    world: World, clocks: Clocks, jump_s: float
) -> None:
    """Fault 18: against the clock that nobody sets; for a while, or until it is set back."""
    world.wall_s += jump_s
    way = "ahead" if jump_s > 0 else "back"
    assert world.look(clocks).endswith(f"from before: this machine's was set {way}")
    assert world.look(clocks, SHOWN_S - 2.0) != ""
    assert world.look(clocks, 3.0) == "", "said long enough"
    world.wall_s += jump_s
    assert world.look(clocks) != ""
    world.wall_s -= jump_s
    assert world.look(clocks) == "", "set back"


def test_twin_without_the_clock_that_nobody_sets_a_jump_would_not_be_noticed(
    world: World, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.wall_s += 3 * DAY_S
    monkeypatch.setattr("mlcontrol.services.clocks.ClockWatch.look", lambda _self: None)
    assert world.look(clocks) == ""


def test_the_shared_store_is_a_witness_too_and_one_that_is_away_says_nothing(world: World, clocks: Clocks) -> None:
    """Fault 18."""
    world.off = ClockOff(89.9, 90.1)
    assert world.look(clocks, STORE_EVERY_S) == "Clock differs by 1.5 min: the shared store is ahead of this machine"
    world.off = Problem("The store is away.")
    assert world.look(clocks, STORE_EVERY_S) == ""


def test_many_are_counted_and_the_worst_are_named() -> None:
    notice = clock_notice({**{f"s{n}": 100.0 + 10 * n for n in range(7)}, "right": 0.0})
    assert notice is not None
    assert notice.title == "Clock differs by up to 2.7 min: 7 of 8 that tell the time disagree with this machine"
    assert "; and 2 more." in notice.detail

"""That the wall clock of the panel's machine was set is told within one look, with both times; nothing else is taken for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.clock_set import ClockWatch


class Clock:
    """Both clocks, as the test sets them. ``stopped_s``: for how long the process is stopped between reading one and the other."""

    def __init__(self) -> None:
        self.wall_s, self.ticks_s, self.stopped_s = 1_790_000_000.0, 500.0, 0.0

    def utc_s(self) -> float:
        self.pass_(self.stopped_s)
        return self.wall_s

    def mono_s(self) -> float:
        return self.ticks_s

    def pass_(self, seconds: float) -> None:
        self.wall_s += seconds
        self.ticks_s += seconds


@pytest.fixture
def told() -> list[TimelineEvent]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock, told: list[TimelineEvent]) -> ClockWatch:
    ctx: Any = SimpleNamespace(clock=clock, emit=told.append)
    made = ClockWatch(ctx)
    assert made.look() is None
    return made


@pytest.mark.parametrize(
    ("jump_s", "words"),
    [
        (3 * 86_400.0, "3.0 days ahead"),
        (-3 * 86_400.0, "3.0 days back"),
        (90.0, "1.5 min ahead"),
        (-90.0, "1.5 min back"),
    ],
)
def test_a_clock_that_is_set_is_told_at_the_next_look_with_both_times(
    watch: ClockWatch, clock: Clock, told: list[TimelineEvent], jump_s: float, words: str
) -> None:
    """Fault 18."""
    clock.pass_(1.0)
    clock.wall_s += jump_s
    assert watch.look() == pytest.approx(jump_s)
    (event,) = told
    assert (event.kind, event.severity, event.at_s) == (EventKind.ENGINE, Health.WARNING, clock.wall_s)
    assert event.title == f"The clock of this machine was set {words}"
    assert event.detail.count("UTC") == 2
    clock.pass_(1.0)
    assert watch.look() is None, "once"


def test_a_machine_that_slept_or_a_process_that_was_stopped_is_no_clock_that_was_set(
    watch: ClockWatch, clock: Clock, told: list[TimelineEvent]
) -> None:
    clock.pass_(7200.0)
    assert watch.look() is None
    clock.stopped_s = 120.0
    assert watch.look() is None
    clock.stopped_s = 0.0
    clock.wall_s += 0.4
    assert watch.look() is None, "slewed"
    assert told == []


def test_twin_by_the_wall_clock_alone_a_sleep_would_pass_for_a_jump(
    watch: ClockWatch, clock: Clock, told: list[TimelineEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "mono_s", lambda: 500.0)
    clock.pass_(7200.0)
    assert watch.look() == pytest.approx(7200.0)
    assert len(told) == 1

"""A laptop that was closed for two hours: what was read before is old the moment it is opened (fault 21)."""

from __future__ import annotations

import time

import pytest

from mlcontrol.core.freshness import freshness
from mlcontrol.core.types import Freshness
from mlcontrol.gui.viewmodels.signal_cells import Now
from mlcontrol.ports import clock

POLL_S = 5.0
CLOSED_S = 7200.0


@pytest.fixture
def lid(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Closing it: its seconds are on the clock that goes on while the machine sleeps, and not on `time.monotonic`."""
    closed = [0.0]
    real = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: real(which) + closed[0])
    return closed


def test_everything_is_old_at_once(lid: list[float]) -> None:
    """Fault 21: after a suspended night all is old at once."""
    machine = clock.SystemClock()
    stamp = machine.stamp()
    assert freshness(stamp, machine.mono_s(), POLL_S) is Freshness.FRESH
    lid[0] = CLOSED_S
    assert freshness(stamp, machine.mono_s(), POLL_S) is not Freshness.FRESH
    assert freshness(stamp, Now.read(POLL_S).mono_s, POLL_S) is not Freshness.FRESH, "in the window too"


def test_twin_on_a_clock_that_stands_still_meanwhile_it_would_look_fresh(
    lid: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_CLOCK", None)
    machine = clock.SystemClock()
    stamp = machine.stamp()
    lid[0] = CLOSED_S
    assert freshness(stamp, machine.mono_s(), POLL_S) is Freshness.FRESH

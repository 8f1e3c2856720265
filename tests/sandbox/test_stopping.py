"""Being told to stop in the middle of starting a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mlcontrol.sandbox.stopping import Stopped, Stopping


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = Stopping()
    made.listen()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def tell(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_where_it_is(stopping: Stopping, number: signal.Signals) -> None:
    with pytest.raises(Stopped):
        tell(number)


def test_what_is_held_back_is_done_whole_and_then_stopped(stopping: Stopping) -> None:
    done = []

    def start_a_child() -> None:
        with stopping.held_back():
            tell()
            done.append("started")
            done.append("noted")
        done.append("went on")

    with pytest.raises(Stopped):
        start_a_child()
    assert done == ["started", "noted"]


def test_where_nobody_told_it_goes_on(stopping: Stopping) -> None:
    with stopping.held_back():
        pass

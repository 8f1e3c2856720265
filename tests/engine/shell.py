"""A shell for tests: a host and everything it was told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import Host, InlineHost
from mlcontrol.testing.fleet import RunningFleet

T = TypeVar("T")


class Shell:
    def __init__(self, open_host: Callable[[Shell], Host]) -> None:
        self.events: list[m.Event] = []
        self.losses: list[Problem] = []
        self.host = open_host(self)

    def wait_for(self, kind: type[T], within_s: float = 60.0) -> T:
        return until(lambda: next((e for e in list(self.events) if isinstance(e, kind)), None), within_s)

    def hello(self) -> m.Hello:
        return self.wait_for(m.Hello)


@contextmanager
def shell_on(fleet: RunningFleet) -> Iterator[Shell]:
    """On the running fleet as after its first start, with an empty memory; left as it was."""
    fleet.back_to_start()
    fleet.forget()
    opened = Shell(lambda shell: InlineHost(fleet.workspace, shell.events.append))
    yield opened
    opened.host.close()
    fleet.back_to_start()


def until(look: Callable[[], T | None], within_s: float = 60.0) -> T:
    """The first true thing that ``look`` finds."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"nothing within {within_s} s")


def gone(pid: int) -> bool:
    """Ended, if perhaps not collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True

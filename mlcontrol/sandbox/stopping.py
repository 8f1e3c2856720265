"""Being told to stop, anywhere but between the start of a process and the note of who it is."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Stopped(BaseException):
    """SIGTERM or SIGINT arrived. Not an `Exception`: nothing on the way may take it for a failure."""


class Stopping:
    """Raises `Stopped` out of whatever runs when SIGTERM or SIGINT comes. *Thread:* the main one, where Python hears signals."""

    def __init__(self) -> None:
        self._held = self._asked = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """What is in here is done whole, and only then stopped: a child whose start was broken off would run for ever, unknown."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._asked:
                raise Stopped

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if not self._held:
            raise Stopped

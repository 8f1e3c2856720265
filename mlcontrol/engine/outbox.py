"""What waits to be sent to one shell. A shell that reads too slowly loses the batches and gets a fresh snapshot instead."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

LIMIT = 32 * 1024 * 1024
"""Bytes; not frames: a poll of thousands of services is thousands of small ones, and no sign of a slow reader."""


class Outbox:
    """Bounded queue of frames, ``limit`` in bytes. Answers to the shell's own requests are never dropped. *Thread:* any."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._frames: deque[tuple[bytes, bool]] = deque()
        self._size = 0
        self._ready = threading.Condition()
        self._behind = False
        self._closed = False

    def put(self, frames: list[bytes], answer: bool = False) -> None:
        """``answer``: addressed to this shell alone, kept whatever happens."""
        with self._ready:
            if self._closed:
                return
            if self._behind and not answer:
                return
            more = sum(map(len, frames))
            if not answer and self._size + more > self._limit:
                self._behind = True
                self._frames = deque(entry for entry in self._frames if entry[1])
                self._size = sum(len(frame) for frame, _ in self._frames)
            else:
                self._frames.extend((frame, answer) for frame in frames)
                self._size += more
            self._ready.notify()

    def restart(self, frames: list[bytes]) -> None:
        """Put a snapshot first and take batches again."""
        with self._ready:
            self._behind = False
            self._frames.extendleft((frame, False) for frame in reversed(frames))
            self._size += sum(map(len, frames))
            self._ready.notify()

    def take(self, catch_up: Callable[[Outbox], None]) -> list[bytes] | None:
        """Wait for frames; ``catch_up(self)`` is called (without a lock held) when the shell has missed batches and must
        call `restart`. `None` when closed."""
        while True:
            with self._ready:
                while not (self._frames or self._behind or self._closed):
                    self._ready.wait()
                if self._closed:
                    return None
                if not self._behind:
                    taken = [frame for frame, _ in self._frames]
                    self._frames.clear()
                    self._size = 0
                    return taken
            catch_up(self)

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._frames.clear()
            self._ready.notify_all()

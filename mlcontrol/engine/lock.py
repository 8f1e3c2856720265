"""One engine per workspace."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine.place import EnginePlace

LOCKED = 4
"""Exit code of an engine that a shell started while another one holds the workspace; other failures to start are 3."""


class EngineLock:
    """Held until released or until the process ends, however it ends. Raises `ProblemError` naming who holds it."""

    def __init__(self, place: EnginePlace) -> None:
        self._fd = os.open(place.lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _try_lock(self._fd):
            holder = os.pread(self._fd, 100, 0).decode(errors="replace").strip() if sys.platform != "win32" else ""
            os.close(self._fd)
            raise ProblemError(
                Problem(
                    what="An engine runs for this workspace already.",
                    why=f"Process {holder} holds it." if holder else "Another process holds it.",
                    next="Use that one: every window and command joins it by itself.",
                    code="engine-running",
                )
            )
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


if sys.platform == "win32":

    def _try_lock(fd: int) -> bool:
        import msvcrt

        # The locked byte lies behind the text, so that the holder's name stays readable.
        os.lseek(fd, 4096, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

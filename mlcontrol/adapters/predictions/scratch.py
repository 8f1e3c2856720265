"""A folder for what is copied here to be read, seen by this user only; what a killed process left is removed by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_PREFIX = "mlcontrol-log-"
_HELD = "held"


class Scratch:
    """Made when it is first asked for. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._descriptor = -1
        self._count = 0

    def fresh(self, suffix: str) -> Path:
        """A path in it that nobody has; nothing lies there yet."""
        with self._lock:
            if self._folder is None:
                _sweep(Path(tempfile.gettempdir()))
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
                self._descriptor = os.open(self._folder / _HELD, os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._count += 1
            return self._folder / f"{self._count}{suffix}"

    def close(self) -> None:
        with self._lock:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                os.close(self._descriptor)
            self._folder = None


def _sweep(parent: Path) -> None:
    """Remove folders of ours whose process is gone. One that is being made right now has nothing to hold yet, and is left alone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / _HELD, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)

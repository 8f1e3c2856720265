"""The newest head of the audit log's chain, kept in a small file outside the store."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 128  # of a head, padded: one sector, and one page of the kernel's, so it is overwritten as a whole or not at all


class AuditHead:
    """*Thread:* one at a time; any number of processes.

    It is written over in its place, under a lock that readers take too. A file renamed over it would be as whole, and costs as much
    as the row it speaks of; and on a full disk only what is already there can still be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def kept(self) -> tuple[int, str] | None:
        """Number and hash; `None` when there is no head that can be read."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            return _Open(descriptor).read()
        except OSError:
            return None
        finally:
            os.close(descriptor)

    @contextmanager
    def changing(self) -> Iterator[_Open]:
        """The file, nobody else's meanwhile. Raises `OSError`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield _Open(descriptor)
        finally:
            os.close(descriptor)


class _Open:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._longer = True  # than a head, for all that is known

    def read(self) -> tuple[int, str] | None:
        text = os.pread(self._descriptor, 4 * SIZE, 0)
        self._longer = len(text) > SIZE
        try:
            kept = json.loads(text)
            return int(kept["seq"]), str(kept["hash"])
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, seq: int, found: str) -> None:
        text = json.dumps({"seq": seq, "hash": found}).encode().ljust(SIZE - 1) + b"\n"
        os.pwrite(self._descriptor, text, 0)
        if self._longer:
            os.ftruncate(self._descriptor, len(text))

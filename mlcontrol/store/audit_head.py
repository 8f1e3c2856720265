"""The newest head of the audit log's chain, kept in a small file outside the store."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_WITHIN_S = 0.5
SIZE = 128  # of a head, padded: one sector, and one page of the kernel's, so it is overwritten as a whole or not at all


class HeadUnreadableError(Exception):
    """There is a head, and what it says cannot be known."""


class AuditHead:
    """*Thread:* one at a time; any number of processes.

    It is written over in its place, under a lock that readers take too. A file renamed over it would be as whole, and costs as much
    as the row it speaks of; and on a full disk only what is already there can still be written. Nobody waits long for the lock: a
    process that was stopped while it held it must not keep another one's rollback from its journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def kept(self) -> tuple[int, str] | None:
        """Number and hash; `None` when there is no head, or one that was begun and never written.

        Raises `HeadUnreadableError` where something is there that is no head, or nobody may read it: that is not the same as none.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise HeadUnreadableError(str(error)) from error
        try:
            _lock(descriptor, fcntl.LOCK_SH)
            file = _Open(descriptor)
            found = file.read()
            if found is None and not file.blank():
                raise HeadUnreadableError("it holds no number and no hash")
        except OSError as error:
            raise HeadUnreadableError(str(error)) from error
        else:
            return found
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
            _lock(descriptor, fcntl.LOCK_EX)
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
            # Of a longer file that was written over, and whose writer died before it was cut, only the first line is a head.
            kept = json.loads(text.partition(b"\n")[0])
            return int(kept["seq"]), str(kept["hash"])
        except (ValueError, KeyError, TypeError):
            return None

    def blank(self) -> bool:
        """Made and never written, or its content was lost with the power."""
        return not os.pread(self._descriptor, 4 * SIZE, 0).strip(b"\0")

    def write(self, seq: int, found: str) -> None:
        text = json.dumps({"seq": seq, "hash": found}).encode().ljust(SIZE - 1) + b"\n"
        os.pwrite(self._descriptor, text, 0)
        if self._longer:
            os.ftruncate(self._descriptor, len(text))


def _lock(descriptor: int, how: int) -> None:
    """Raises `BlockingIOError` where it is not to be had within `LOCK_WITHIN_S`."""
    ends = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.005)
        else:
            return

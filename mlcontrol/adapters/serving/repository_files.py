"""The files of one version in a server's model repository, where this machine sees it: their digests, read in pieces, with bounds.

Nothing is loaded. What was read stays known until a file's size, time or place on the disk changes, so that looking again is cheap.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from pathlib import Path

from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import TimedOut

CAP_BYTES = 4 * 1024**3
MAX_FILES = 2000
_PIECE = 1 << 20
_KEPT = 20_000
_Key = tuple[str, int, int, int]


class RepositoryFiles:
    """*Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[_Key, str] = {}

    def read(self, root: Path, folder: Path, deadline_s: float) -> ServedFiles:
        """The files below ``folder``, which lies in ``root``; links that lead out of it are passed over, as is what is no file.
        Raises `TimedOut`."""
        ends = time.monotonic() + deadline_s
        real = root.resolve()
        if not folder.is_dir() or not folder.resolve().is_relative_to(real):
            return ServedFiles(why=f"its model repository has no folder {plain(folder.name, 80)} of this version here")
        found: dict[str, str] = {}
        total = 0
        for number, path in enumerate(sorted(folder.rglob("*"))):
            if number >= MAX_FILES:
                return ServedFiles(why=f"its folder has more than {MAX_FILES:,} files")
            try:
                status = path.stat()
                if not stat.S_ISREG(status.st_mode) or not path.resolve().is_relative_to(real):
                    continue
                total += status.st_size
                if total > CAP_BYTES:
                    return ServedFiles(why=f"its files have more than {CAP_BYTES // 1024**3} GB, which is not read")
                found[path.relative_to(folder).as_posix()] = self._digest(path, status, ends)
            except OSError as error:
                words = error.strerror or str(error)
                return ServedFiles(why=f"{plain(path.name, 80)} in its folder cannot be read ({words})")
        return ServedFiles(found) if found else ServedFiles(why="its folder of this version is empty")

    def _digest(self, path: Path, status: os.stat_result, ends: float) -> str:
        key = (str(path), status.st_ino, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns))
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        whole = hashlib.sha256()
        # Not blocking: what was a file a moment ago may be a pipe by now.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            while piece := file.read(_PIECE):
                whole.update(piece)
                if time.monotonic() > ends:
                    what = f"{plain(path.name, 80)} was not read in time."
                    raise TimedOut(Problem(what, "It is large, or its disk is slow.", "It is tried again.", "timeout"))
        digest = f"sha256:{whole.hexdigest()}"
        with self._lock:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = digest
        return digest

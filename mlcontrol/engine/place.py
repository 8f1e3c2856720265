"""Where the engine of a workspace is found: its socket, key, lock and log."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlcontrol.core.problem import Problem, ProblemError


def _private_dir(path: Path) -> Path:
    """Make a folder only its owner may enter; refuses one that belongs to another or that others may write."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return path
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ProblemError(
            Problem(
                what=f"The folder {path} cannot be trusted.",
                why="It belongs to another user, or others may write to it.",
                next="Remove it, or point XDG_RUNTIME_DIR to a folder of your own.",
                code="refused",
            )
        )
    path.chmod(0o700)
    return path


def _runtime_dir() -> Path:
    """A short path: socket names are cut at about 100 bytes."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir() and len(base) < 60:
        return _private_dir(Path(base) / "mlcontrol")
    owner = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "user")
    return _private_dir(Path(tempfile.gettempdir()) / f"mlcontrol-{owner}")


def _state_dir() -> Path:
    from platformdirs import user_state_path

    return _private_dir(Path(user_state_path("mlcontrol")))


@dataclass(frozen=True, slots=True)
class EnginePlace:
    """``address``: an AF_UNIX path, on Windows a pipe name. ``key``: file with the shared key, readable by its owner only."""

    workspace: Path
    address: str
    key: Path
    lock: Path
    log: Path
    output: Path

    @property
    def family(self) -> str:
        return "AF_PIPE" if sys.platform == "win32" else "AF_UNIX"


def engine_place(workspace: Path) -> EnginePlace:
    """The place of a workspace file's engine; the same for every spelling of the file's path. Makes the folders."""
    resolved = workspace.expanduser().resolve()
    name = hashlib.sha256(str(resolved).encode()).hexdigest()[:16]
    runtime, state = _runtime_dir(), _state_dir()
    address = rf"\\.\pipe\mlcontrol-{name}" if sys.platform == "win32" else str(runtime / f"{name}.sock")
    return EnginePlace(
        workspace=resolved,
        address=address,
        key=runtime / f"{name}.key",
        lock=runtime / f"{name}.lock",
        log=state / f"engine-{name}.log",
        output=state / f"engine-{name}.out",
    )

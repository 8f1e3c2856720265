"""Which workspace was open last: one line in the state folder, and the order in which a shell looks for one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from platformdirs import user_state_path

FILE_NAME = "mlcontrol.toml"


def _note() -> Path:
    return user_state_path("mlcontrol") / "last-workspace"


def remember(workspace: Path) -> None:
    """Keep it for the next start; a state folder that cannot be written is no reason to stop."""
    with contextlib.suppress(OSError):
        _note().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _note().write_text(str(workspace.resolve()), encoding="utf-8")


def find(given: Path | None = None) -> Path | None:
    """``given``, else ``MLCONTROL_WORKSPACE``, else the file in the current folder, else the one opened last; `None` if none."""
    if given is not None:
        return given
    named = os.environ.get("MLCONTROL_WORKSPACE")
    if named:
        return Path(named)
    here = Path(FILE_NAME)
    if here.is_file():
        return here
    with contextlib.suppress(OSError):
        last = Path(_note().read_text(encoding="utf-8").strip())
        if last.is_file():
            return last
    return None

"""Opens the panel at a place: the window that runs is brought forward, or one is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_started: list[subprocess.Popen[bytes]] = []
"""Those that still run: a child that ended is only gone when its parent has asked."""


def open_panel(workspace: Path, link: str) -> None:
    """``link``: as `ports.deep_link` writes it. Does not wait; the window outlives the engine."""
    _started[:] = [child for child in _started if child.poll() is None]
    command = [sys.executable, "-m", "mlcontrol", "--workspace", str(workspace), link]
    nothing = subprocess.DEVNULL
    _started.append(subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True))

"""Opens the panel at a place: the window that runs is brought forward, or one is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlcontrol.core.settings import WorkspaceSettings

_started: list[subprocess.Popen[bytes]] = []
"""Those that still run: a child that ended is only gone when its parent has asked."""


def open_panel(workspace: WorkspaceSettings, link: str) -> None:
    """``link``: as `ports.deep_link` writes it. Does not wait; the window outlives the engine. It gets none of the secrets
    that the workspace keeps in the engine's environment."""
    _started[:] = [child for child in _started if child.poll() is None]
    command = [sys.executable, "-m", "mlcontrol", "--workspace", str(Path(workspace.path)), link]
    nothing = subprocess.DEVNULL
    kept = [*(c.secret for c in workspace.connections.values()), *(n.secret for n in workspace.notify.values())]
    withheld = {secret.removeprefix("env:") for secret in kept if secret.startswith("env:")}
    env = {name: value for name, value in os.environ.items() if name not in withheld}
    child = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, env=env)
    _started.append(child)

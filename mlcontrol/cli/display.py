"""Is there a screen to open a window on? Qt would abort the process, so ask before it is loaded."""

from __future__ import annotations

import importlib.util
import os
import sys

from mlcontrol.core.problem import Problem, ProblemError

OFFSCREEN = ("offscreen", "minimal", "vnc")


def require_display() -> None:
    """Raises `ProblemError` ("no-display") on a Linux machine without X or Wayland."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in OFFSCREEN:
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    raise ProblemError(
        Problem(
            "There is no display to open a window on.",
            "Neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Log in with a desktop or `ssh -X`, or run `xvfb-run -a mlcontrol`. "
            "Without a window: `mlcontrol status`, `mlcontrol screenshot`, `mlcontrol --help`.",
            code="no-display",
        )
    )


def require_qt() -> None:
    """Raises `ProblemError` ("no-display") where the package is installed without Qt, as on a server."""
    if importlib.util.find_spec("PySide6") is None:
        raise ProblemError(
            Problem(
                "Qt is not installed here.",
                "The package PySide6-Essentials is missing.",
                "Install it, or use the commands that need no window: `mlcontrol --help`.",
                code="no-display",
            )
        )

"""The panel's process: application, theme, exception hook, single instance, bridge and window."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from mlcontrol.core.problem import Problem
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.first_workspace import first_workspace
from mlcontrol.gui.garbage import GarbageOnThisThread
from mlcontrol.gui.icons import application_icon
from mlcontrol.gui.panel_settings import PanelSettings, load_settings, save_settings
from mlcontrol.gui.single_instance import Doorbell
from mlcontrol.gui.theme import theme
from mlcontrol.gui.window import Window
from mlcontrol.ports.deep_link import DeepLink

_log = logging.getLogger(__name__)


def main(
    argv: Sequence[str] | None = None,
    workspace: Path | None = None,
    offscreen: bool = False,
    alone: str = "",
    link: DeepLink | None = None,
) -> int:
    """Open the window on a workspace and run until it is closed. ``alone``: one page and nothing else of the panel.
    ``link``: what a pager asks for, pre-filled.

    Returns the exit code: 0, or 3 when there is no display."""
    chosen = _arguments(sys.argv[1:] if argv is None and workspace is None else list(argv or ()))
    if offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if not _has_display():
        sys.stderr.write(
            "mlcontrol: there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are empty).\n"
            "Go on without one: `mlcontrol status`, or `xvfb-run mlcontrol`, or connect with `ssh -X`.\n"
        )
        return 3
    path = _workspace(workspace or chosen)
    app = make_application()
    doorbell = Doorbell(path)
    if doorbell.somebody_answers(link):
        return 0  # the window that is already open has come to the front
    settings = load_settings()
    theme.install(app, settings.theme, settings.scale)
    bridge = Bridge(path)
    window = Window(bridge, only=alone, alone=bool(alone))
    hook = ExceptionHook(window)
    hook.install()
    doorbell.rung.connect(window.showNormal)
    doorbell.rung.connect(window.activateWindow)
    doorbell.linked.connect(window.open_link)
    doorbell.listen()
    wakeup = InterruptWatch(app)
    window.resize(settings.width, settings.height)
    window.open_page(alone or "fleet")
    if link is not None:
        window.open_link(link)
    window.show()
    # The first paint does not wait for the engine, nor for the file with the last session.
    QTimer.singleShot(0, bridge.start)
    garbage = GarbageOnThisThread()
    code = run(app)
    garbage.stop()
    save_settings(PanelSettings(theme.mode, theme.scale, window.width(), window.height()))
    bridge.stop()
    doorbell.close()
    wakeup.close()
    hook.uninstall()
    return code


def run(app: QApplication) -> int:
    """The one event loop of the process; until the last window closes or `quit` is called."""
    return app.exec()


def make_application() -> QApplication:
    QGuiApplication.setApplicationName("mlcontrol")
    QGuiApplication.setApplicationDisplayName("mlcontrol")
    QGuiApplication.setDesktopFileName("mlcontrol")
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["mlcontrol"])
    app.setWindowIcon(application_icon(theme.tokens.accent.accent))
    return app


def _arguments(argv: Sequence[str]) -> Path | None:
    parser = argparse.ArgumentParser(prog="mlcontrol", description="The mlcontrol panel.")
    parser.add_argument("--workspace", type=Path, help="the mlcontrol.toml to open (default: the one in this folder)")
    found: Path | None = parser.parse_args(argv).workspace
    return found


def _workspace(chosen: Path | None) -> Path:
    here = Path("mlcontrol.toml")
    if chosen is None and not here.is_file():
        return first_workspace()
    return (chosen or here).expanduser().resolve()


def _has_display() -> bool:
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal", "vnc"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class ExceptionHook:
    """What nobody caught is logged and shown; the window stays."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._before = sys.excepthook

    def install(self) -> None:
        sys.excepthook = self._on_error

    def uninstall(self) -> None:
        sys.excepthook = self._before

    def _on_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._window.close()
            return
        _log.error("not caught: %s", "".join(traceback.format_exception(kind, error, trace)))
        self._before(kind, error, trace)
        self._window.problem(
            Problem(
                "The panel met an error of its own.",
                f"{kind.__name__}: {error}"[:300],
                "Nothing was changed by it.",
                "internal",
            )
        )


class InterruptWatch(QObject):
    """Ctrl-C in the terminal closes the window; Python's handler alone would wait for the next Qt event."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._before = signal.signal(signal.SIGINT, lambda _number, _frame: app.closeAllWindows())
        self._before_fd = signal.set_wakeup_fd(self._far.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._near.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_wakeup)

    def _on_wakeup(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._near.recv(64)

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before_fd)
        signal.signal(signal.SIGINT, self._before)
        self._near.close()
        self._far.close()

"""One page of a running workspace as a picture, without a display."""

from __future__ import annotations

import os
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.gui.actions import PAGES
from mlcontrol.gui.app import make_application, run
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.theme import theme
from mlcontrol.gui.window import Window

TICK_MS = 100


def render(
    workspace: Path,
    page: str,
    size: tuple[int, int],
    theme_name: str,
    path: Path,
    service: str | None = None,
    settle_s: float = 1.5,
    timeout_s: float = 40.0,
) -> None:
    """Join (or start) the workspace's engine, wait until its data is on the page and ``settle_s`` more, write the picture.

    Must be the only Qt event loop of the process. Raises `ProblemError`: "not-found" for a page that is none, "timeout" when the
    engine or its data did not come, "failed" when the file cannot be written.
    """
    if page not in {name for name, _text, _key in PAGES}:
        raise ProblemError(
            Problem(
                f"There is no page {page!r}.", next=f"One of: {', '.join(n for n, _, _ in PAGES)}.", code="not-found"
            )
        )
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = make_application()
    theme.install(app, theme_name)
    bridge = Bridge(workspace.expanduser().resolve())
    window = Window(bridge)
    shot = _Shot(app, bridge, window, page, path, service, settle_s, timeout_s)
    window.resize(*size)
    window.show()
    bridge.start()
    run(app)
    bridge.stop()
    window.close()
    if shot.problem is not None:
        raise ProblemError(shot.problem)


class _Shot:
    def __init__(
        self,
        app: QApplication,
        bridge: Bridge,
        window: Window,
        page: str,
        path: Path,
        service: str | None,
        settle_s: float,
        timeout_s: float,
    ) -> None:
        self.problem: Problem | None = None
        self._app, self._bridge, self._window = app, bridge, window
        self._page, self._path, self._service = page, path, service
        self._settle_s, self._until_s = settle_s, time.monotonic() + timeout_s
        self._ready_since_s: float | None = None
        self._opened = False
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    def _on_tick(self) -> None:
        now_s = time.monotonic()
        if self._has_data() and not self._opened:
            self._opened = True
            state = self._bridge.state
            first = next(iter(state.services), None) if state is not None else None
            self._window.open_page(self._page, service=self._service or (first if self._page != "fleet" else None))
        page = self._window.page
        if self._opened and page is not None and page.ready:
            self._ready_since_s = self._ready_since_s or now_s
            if now_s - self._ready_since_s >= self._settle_s:
                self._finish()
                return
        if now_s > self._until_s:
            reached = "The engine answers, but not every service has been polled." if self._bridge.connected else ""
            known = self._bridge.engine.problem
            self.problem = known or Problem(
                "The page was not filled in time.", reached, "Try again, or look at the panel.", "timeout"
            )
            self._stop()

    def _has_data(self) -> bool:
        state = self._bridge.state
        if state is None or self._bridge.cached_s is not None or not self._bridge.connected:
            return False
        # A service that nobody answers for is shown as unknown; waiting for it any longer would never end.
        late = time.monotonic() > self._until_s - 15
        return late or all(s.presence.at is not None and s.use.at is not None for s in state.services.values())

    def _finish(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._window.grab().save(str(self._path)):
            self.problem = Problem(
                f"The picture could not be written to {self._path}.", next="Choose a .png in a folder you may write."
            )
        self._stop()

    def _stop(self) -> None:
        self._timer.stop()
        self._app.quit()

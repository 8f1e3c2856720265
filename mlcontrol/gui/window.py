"""The main window: rail, pages, palette, status bar, production frame; and the actions that work everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.gui import actions as a
from mlcontrol.gui.actions import Action, Bound, Context
from mlcontrol.gui.bridge import Bridge, EngineState, Link
from mlcontrol.gui.page_catalog import make_page
from mlcontrol.gui.pages.page import Page
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.palette_entries import Entry, entries
from mlcontrol.gui.widgets.key_sheet import KeySheet
from mlcontrol.gui.widgets.notice_bar import NoticeBar
from mlcontrol.gui.widgets.palette import Palette
from mlcontrol.gui.widgets.rail import Rail
from mlcontrol.gui.widgets.status_bar import StatusBar
from mlcontrol.gui.widgets.toast import Toasts
from mlcontrol.gui.widgets.top_bar import TopBar
from mlcontrol.ports.deep_link import DeepLink

FRAME_PX = 4


class _Frame(QWidget):
    """The central widget; its margin is the production frame."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.production = False

    def set_production(self, production: bool) -> None:
        if production != self.production:
            self.production = production
            side = FRAME_PX if production else 0
            self.column.setContentsMargins(side, side, side, side)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens().surface.window)
        if self.production:
            edge, w, h = FRAME_PX, self.width(), self.height()
            for rect in (
                QRect(0, 0, w, edge),
                QRect(0, h - edge, w, edge),
                QRect(0, 0, edge, h),
                QRect(w - edge, 0, edge, h),
            ):
                painter.fillRect(rect, tokens().environment.production)
        painter.end()


class Window(QMainWindow):
    """``only``: show this one page without the rail (a torn-off window). ``alone``: this page is all there is to do here: no
    palette, no other page, nothing that changes a service."""

    def __init__(self, bridge: Bridge, only: str = "", *, alone: bool = False) -> None:
        super().__init__()
        self.bridge = bridge
        self._only = only
        self._alone = alone
        self._pages: dict[str, Page] = {}
        self._page_actions: dict[str, tuple[Bound, ...]] = {}
        self._shortcuts: list[QShortcut] = []
        self._current = ""
        self._service: str | None = None
        self._torn: list[Window] = []
        self._was_lost = False
        self._counting = False
        self._burning: str | None = None  # the service of an open incident
        self.setWindowTitle("mlcontrol")
        self.setMinimumSize(960, 600)
        frame = _Frame()
        self._frame = frame
        middle = QHBoxLayout()
        middle.setSpacing(0)
        self.rail = Rail()
        if only:
            self.rail.hide()
        right = QVBoxLayout()
        right.setSpacing(0)
        self.top, self.notice = TopBar(), NoticeBar()
        self._stack = QStackedWidget()
        right.addWidget(self.top)
        right.addWidget(self.notice)
        right.addWidget(self._stack, 1)
        middle.addWidget(self.rail)
        middle.addLayout(right, 1)
        frame.column.addLayout(middle, 1)
        self.status = StatusBar(bridge, operator=not alone)
        frame.column.addWidget(self.status)
        self.setCentralWidget(frame)
        self.toasts = Toasts(self)
        self._everywhere = self._bind_everywhere()
        if alone:
            self.top.hide()
            kept = {a.KEY_SHEET, *a.LOOKS, a.RECONNECT, a.QUIT}
            self._everywhere = tuple(bound for bound in self._everywhere if bound.action in kept)
        self.rail.chosen.connect(self.open_page)
        self.rail.keys_asked.connect(self.show_keys)
        self.top.palette_field.clicked.connect(self.show_palette)
        bridge.changed.connect(self._on_changed)
        bridge.engine_state_changed.connect(self._on_engine)
        self._on_changed(Changes(settings=True))

    # What pages ask of their window (`pages.page.Shell`).

    def open_page(self, name: str, service: str | None = None, **context: Any) -> None:
        """Pages are made when they are first opened."""
        if self._only and name != self._only:
            # A torn-off window stays on its page.
            parent = self.parent()
            if isinstance(parent, Window):
                parent.open_page(name, service, **context)
                parent.activateWindow()
                return
        self._service = service or self._service
        page = self._pages.get(name)
        if page is None:
            page = make_page(name)
            self._pages[name] = page
            page.attach(self.bridge, self)
            self._stack.addWidget(page)  # after attaching: the first page of a stack is shown by this
            page.heading_changed.connect(partial(self._on_heading, page))
            self._page_actions[name] = page.actions()
        self._current = name
        if name == "incident":
            self.toasts.close_all()  # nothing may lie over the way back
        page.show_for(self._service, **context, **({"alone": True} if self._alone else {}))
        self._stack.setCurrentWidget(page)
        self.rail.set_current(name)
        self._install_shortcuts()
        self._on_heading(page)
        page.setFocus()

    def toast(self, text: str, state: str = "ok", detail: str = "") -> None:
        self.toasts.show(text, state, detail)

    def problem(self, problem: Problem) -> None:
        self.toasts.show_problem(problem)

    @property
    def page(self) -> Page | None:
        return self._pages.get(self._current)

    def bound_actions(self) -> tuple[Bound, ...]:
        """The page's own first, then what works everywhere."""
        return (*self._page_actions.get(self._current, ()), *self._everywhere)

    def context(self) -> Context:
        return self.page.context() if self.page is not None else Context(self.bridge.state, None, self.bridge.connected)

    def run(self, bound: Bound) -> None:
        """Do it, or say why not."""
        reason = bound.action.rule(self.context())
        if reason:
            self.toast(f"{bound.action.text}: {reason}", "warning")
            return
        bound.act()

    def show_palette(self) -> None:
        palette = Palette(self, entries(self.bound_actions(), self.context(), self.bridge.state))
        palette.chosen.connect(self._on_chosen)
        palette.open()

    def show_keys(self) -> None:
        here = self._page_actions.get(self._current, ())
        title = self.page.title if self.page is not None else ""
        KeySheet(self, title, here, self._everywhere, self.context()).open()

    def _bind_everywhere(self) -> tuple[Bound, ...]:
        acts: dict[Action, Callable[[], None]] = {
            a.INCIDENT: self._incident_mode,
            a.PALETTE: self.show_palette,
            a.KEY_SHEET: self.show_keys,
            a.REFRESH: self._poll_now,
            a.ZOOM_IN: partial(theme.zoom, 1),
            a.ZOOM_OUT: partial(theme.zoom, -1),
            a.ZOOM_RESET: partial(theme.zoom, 0),
            a.THEME_DARK: partial(theme.set_mode, "dark"),
            a.THEME_LIGHT: partial(theme.set_mode, "light"),
            a.THEME_CONTRAST: partial(theme.set_mode, "high_contrast"),
            a.THEME_SYSTEM: partial(theme.set_mode, "system"),
            a.TEAR_OFF: self.tear_off,
            a.DISMISS: self.toasts.close_all,
            a.RECONNECT: self.bridge.reconnect,
            a.QUIT: self._quit,
        }
        acts.update({action: partial(self.open_page, action.id.removeprefix("go.")) for action in a.GO})
        return tuple(Bound(action, acts[action]) for action in a.EVERYWHERE)

    def _quit(self) -> None:
        self.close()

    def _install_shortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []
        taken: set[str] = set()
        for bound in self.bound_actions():
            keys = bound.action.keys
            if not keys or keys in taken:  # a page may give a key of its own meaning
                continue
            taken.add(keys)
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(partial(self.run, bound))
            self._shortcuts.append(shortcut)

    def tear_off(self) -> None:
        """The current page again in a window of its own, with the same frame and status bar."""
        if not self._current:
            return
        torn = Window(self.bridge, only=self._current)
        torn.setParent(self, Qt.WindowType.Window)
        torn.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        torn.resize(self.size() * 0.8)
        torn.open_page(self._current, self._service)
        torn.show()

    def _incident_mode(self) -> None:
        """The open incident, else the service that is worst off: one key from anywhere, and nothing is done by it."""
        self._service = None
        self.open_page("incident", service=self._burning)

    def open_link(self, link: DeepLink) -> None:
        """What a pager's link asks for, pre-filled: it starts nothing."""
        self.open_page(link.page, service=link.service, alert=link.alert, span=link.span)

    def _count_incidents(self) -> None:
        if self._counting or not self.bridge.connected:
            return
        self._counting = True
        from mlcontrol.engine import messages as m

        def answered(event: Any) -> None:
            self._counting = False
            if isinstance(event, m.IncidentsAnswer):
                burning = [one for one in event.incidents if one.open]
                self._burning = burning[0].service if burning else None
                self.rail.set_note("incident", f"{len(burning)} open" if burning else "")

        self.bridge.ask(m.FindIncidents(request=self.bridge.request_id()), answered)

    def _poll_now(self) -> None:
        from mlcontrol.engine import messages as m

        command = m.RefreshNow(request=self.bridge.request_id(), service=self._service)

        def answered(event: Any) -> None:
            if isinstance(event, m.Refused):
                self.problem(event.problem)
            else:
                self.toast("Polled now", "done")

        self.bridge.ask(command, answered)

    def _on_chosen(self, entry: Entry) -> None:
        if entry.bound is not None:
            self.run(entry.bound)
        else:
            self.open_page(entry.page, entry.service, **entry.context)

    def _on_heading(self, page: Page) -> None:
        if page is self.page:
            self.top.say(page.title, page.subtitle)
            self.setWindowTitle(f"{page.title} · mlcontrol")

    def _on_changed(self, changes: Changes) -> None:
        state = self.bridge.state
        if state is None:
            return
        if changes.settings:
            name = state.settings.environment or state.settings.name
            self.top.environment.set(name)
            self._frame.set_production(name == "production")
        self.notice.say(None if self._alone else state.clock)
        live = sum(not operation.phase.ended for operation in state.operations.values())
        self.rail.set_note("rollouts", f"{live} live" if live else "")
        if changes.events or changes.settings:
            self._count_incidents()
        firing = sum(alert.asks for alert in state.alerts.values())
        self.rail.set_note("alerts", str(firing) if firing else "")
        for told in changes.told if self._current != "incident" else ():  # there its own card and log tell of them
            self.toast(told.title, told.severity.value, told.text)
        if replace(changes, services=frozenset()) != Changes():
            self.status.refresh()  # of services it says how old they are: it looks each second by itself

    def _on_engine(self, engine: EngineState) -> None:
        if engine.link is Link.CONNECTED:
            if self._was_lost:
                self.toast("The engine answers again; the state is read anew", "done")
            self._was_lost = False
        elif engine.link is Link.RESTARTING:
            self._was_lost = True
            detail = str(engine.problem) if engine.problem is not None else ""
            self.toast("The engine ended; it is being restarted", "warning", detail)
        elif engine.link is Link.LOST and engine.problem is not None:
            self._was_lost = True
            self.problem(engine.problem)

    def closeEvent(self, event: QCloseEvent) -> None:
        for page in self._pages.values():
            page.hide()
        super().closeEvent(event)

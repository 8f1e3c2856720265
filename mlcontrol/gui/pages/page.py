"""What every page is to the window: a title, its actions, and a refresh that waits while the page is hidden."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.actions import Bound, Context
from mlcontrol.gui.bridge import EVERYTHING, Bridge


class Shell(Protocol):
    """What a page may ask of its window."""

    def open_page(self, name: str, service: str | None = None, **context: Any) -> None: ...

    def toast(self, text: str, state: str = "ok", detail: str = "") -> None: ...

    def problem(self, problem: Problem) -> None: ...


class Page(QWidget):
    """Subclasses set ``name`` and ``title``, build in ``__init__`` without data, and draw in `refresh`.

    *Signals:* ``heading_changed()``: title, subtitle, badge or actions read otherwise now.
    """

    name: ClassVar[str] = ""
    title: str = ""
    heading_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.service_id: str | None = None
        self.bridge: Bridge | None = None
        self.shell: Shell | None = None
        self._missed: Changes | None = None

    @property
    def subtitle(self) -> str:
        return ""

    @property
    def ready(self) -> bool:
        """Whether everything the page asked for has arrived; a picture of it waits for this."""
        return True

    @property
    def nothing_watched(self) -> bool:
        """Whether the workspace is known to have no service: then a page about one has nothing to ask for."""
        state = self.bridge.state if self.bridge is not None else None
        return state is not None and not state.services and not state.settings.services

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]  # QWidget.actions lists QActions; pages have none
        """What can be done here; read once after `attach`, rules are asked each time."""
        return ()

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        """Called once, before the page is shown. Override to build what needs the bridge; call this first."""
        self.bridge, self.shell = bridge, shell
        bridge.changed.connect(self._on_changed)
        self._missed = EVERYTHING

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """The page is opened, perhaps on a service, perhaps with more (a version, an operation, ``rollback=True``)."""
        if service_id is not None:
            self.service_id = service_id

    def refresh(self, changes: Changes) -> None:
        """Bring the page up to ``bridge.state``. Called at most ten times a second, only while visible."""

    def service(self) -> ServiceState | None:
        """The service this page is about, if there is one."""
        state = self.bridge.state if self.bridge is not None else None
        return None if state is None or self.service_id is None else state.services.get(self.service_id)

    def context(self) -> Context:
        bridge = self.bridge
        if bridge is None:
            return Context()
        view_only = bridge.hello.view_only if bridge.hello is not None else ""
        return Context(bridge.state, self.service(), bridge.connected, view_only)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self.refresh(missed)

    def _on_changed(self, changes: Changes) -> None:
        if self.isVisible():
            self.refresh(changes)
        else:
            self._missed = changes if self._missed is None else self._missed | changes

"""What stands beside the overview for a while, in the place of the operations: freezes, the gate backtest."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtWidgets import QWidget

from mlcontrol.gui.actions import Context
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Shell


class SideView(Protocol):
    """Such a view, as the page knows it."""

    def begin(self) -> None:
        """Its key was pressed."""
        ...


class SidePage(Protocol):
    """What such a view knows of the page it stands on."""

    bridge: Bridge | None
    shell: Shell | None
    service_id: str | None
    heading_changed: Any  # Qt's signal, bound to the page

    def context(self) -> Context: ...
    def actor(self) -> str: ...
    def show_side(self, side: QWidget | None) -> None: ...

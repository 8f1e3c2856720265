"""The bar over the timeline: kinds, words, scope, span and export."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.kind_chips import KindChips


class TimelineHead(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedHeight(theme.px(44))
        self.chips = KindChips()
        self.text = QLineEdit()
        self.text.setPlaceholderText("Filter  /")
        self.text.setAccessibleName("Filter events")
        self.text.setFixedWidth(theme.px(116))
        self.text.setToolTip("Words of the title, service, version, person or source")
        self.span = KeyButton("1 h", "N")
        self.scope = KeyButton("All services", "O")
        self.export = KeyButton("Export", "E")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.chips, 1)
        for widget in (self.text, self.scope, self.span, self.export):
            row.addWidget(widget)

    def focus_text(self) -> None:
        self.text.setFocus()
        self.text.selectAll()

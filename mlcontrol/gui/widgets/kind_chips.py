"""The legend of the timeline, which is also its filter: shape, word, on or off."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.gui.charts.lanes import paint_marker
from mlcontrol.gui.theme import paint_focus_ring, theme, tokens

SHOWN: tuple[tuple[str, tuple[EventKind, ...]], ...] = (
    ("deploy", (EventKind.DEPLOY,)),
    ("rollback", (EventKind.ROLLBACK,)),
    ("probe", (EventKind.PROBE, EventKind.DRILL)),
    ("alias", (EventKind.ALIAS, EventKind.ROUTE)),
    ("config", (EventKind.CONFIG, EventKind.CONNECTION)),
    ("data", (EventKind.DATA,)),
    ("alert", (EventKind.ALERT, EventKind.HEALTH)),
    ("restart", (EventKind.RESTART, EventKind.LOAD, EventKind.ENGINE)),
    ("review", (EventKind.REVIEW,)),
    ("note", (EventKind.NOTE,)),
)


class _Chip(QPushButton):
    def __init__(self, text: str, kind: EventKind) -> None:
        super().__init__(text)
        self._kind = kind
        self.setCheckable(True)
        self.setAccessibleName(f"Show only {text}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(theme.font("small")).horizontalAdvance(self.text()) + theme.px(29), theme.px(26))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked():
            painter.setPen(t.accent.accent)
            painter.setBrush(t.surface.selection)
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        marker = TimelineEvent("", 0.0, self._kind, "")
        paint_marker(painter, QPointF(theme.px(12), self.height() / 2), marker, t)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.primary if self.isChecked() else t.text.secondary)
        painter.drawText(
            QRect(theme.px(22), 0, self.width(), self.height()), int(Qt.AlignmentFlag.AlignVCenter), self.text()
        )
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class KindChips(QWidget):
    """None chosen means every kind. *Signals:* ``changed()``."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._chips = []
        for text, kinds in SHOWN:
            chip = _Chip(text, kinds[0])
            chip.toggled.connect(lambda _on: self.changed.emit())
            self._chips.append((chip, kinds))
            row.addWidget(chip)
        row.addStretch(1)

    @property
    def chosen(self) -> frozenset[EventKind]:
        return frozenset(kind for chip, kinds in self._chips if chip.isChecked() for kind in kinds)

    def clear(self) -> None:
        for chip, _kinds in self._chips:
            chip.setChecked(False)

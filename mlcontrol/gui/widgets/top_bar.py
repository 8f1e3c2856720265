"""The bar at the head of a window: where you are, in which environment, and the way to everything else."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QSizePolicy, QWidget

from mlcontrol.gui.theme import paint_focus_ring, theme, tokens
from mlcontrol.gui.widgets.button import paint_key_cap
from mlcontrol.gui.widgets.label import PlainLabel


class EnvironmentLabel(QWidget):
    """Filled in the production colour for production; outlined and quiet for everything else."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.hide()

    def set(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self.setAccessibleName(f"environment {name}")
            self.setVisible(bool(name))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(theme.font("strong")).horizontalAdvance(self._name.upper()) + 18, theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        filled = self._name == "production"
        painter.setPen(t.environment.production if filled else t.environment.staging)
        painter.setBrush(t.environment.production if filled else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, 2, 2)
        painter.setPen(t.environment.on_production if filled else t.text.secondary)
        painter.setFont(theme.font("strong" if filled else "caption"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._name.upper())
        painter.end()


class PaletteField(QAbstractButton):
    """Looks like a field, opens the palette."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("Go to or do anything")
        self.setAccessibleName("Go to or do anything (Ctrl+K)")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(210), theme.px(28))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(t.line.strong if self.underMouse() else t.line.border)
        painter.setBrush(t.surface.panel)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(t.text.quiet)
        painter.setFont(theme.font("body"))
        painter.drawText(self.rect().adjusted(10, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())
        paint_key_cap(painter, self.width() - 8, self.height() // 2, "Ctrl K", t.text.quiet)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class TopBar(QFrame):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("rule", "bottom")
        self.setFixedHeight(theme.px(44))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        self.environment = EnvironmentLabel()
        self._title = PlainLabel("", "title")
        self._subtitle = PlainLabel("", tone="quiet", elide=True)
        self.palette_field = PaletteField()
        row.addWidget(self.environment)
        row.addWidget(self._title)
        row.addWidget(self._subtitle, 1)
        row.addWidget(self.palette_field)

    def say(self, title: str, subtitle: str) -> None:
        self._title.setText(title)
        self._subtitle.setText(subtitle)

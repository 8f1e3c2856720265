"""Buttons that show their key and, when they cannot act, say why on themselves."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from mlcontrol.gui.theme import paint_focus_ring, theme, tokens
from mlcontrol.gui.tips import plain_tip

PLAIN, PRIMARY, DANGER, QUIET = "plain", "primary", "danger", "quiet"


def cap_width(key: str) -> int:
    return max(theme.px(16), QFontMetrics(theme.font("caption")).horizontalAdvance(key) + 10)


def paint_key_cap(painter: QPainter, right: int, middle: int, key: str, colour: QColor) -> int:
    """An outlined cap that ends at ``right``; returns where it begins."""
    width, height = cap_width(key), theme.px(16)
    rect = QRectF(right - width + 0.5, middle - height / 2 + 0.5, width - 1, height - 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QColor(colour)
    outline.setAlphaF(0.55)
    painter.setPen(QPen(outline, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect, 3, 3)
    painter.setPen(colour)
    painter.setFont(theme.font("caption"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, key)
    painter.restore()
    return right - width


class KeyButton(QPushButton):
    """``kind``: "plain", "primary" (filled; one a page), "danger" (outlined) or "quiet" (no frame). ``key`` is what the cap shows;
    the shortcut itself belongs to the action. With `set_reason` it stays focusable, shows the reason and does not click."""

    def __init__(
        self, text: str, key: str = "", kind: str = PLAIN, parent: QWidget | None = None, *, big: bool = False
    ) -> None:
        super().__init__(parent)
        self._key, self._kind, self._reason, self._big = key, kind, "", big
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(False)
        self.set_label(text)

    @property
    def reason(self) -> str:
        return self._reason

    def set_label(self, text: str) -> None:
        if text != self.text():
            self.setText(text)
            self._name()

    def set_reason(self, reason: str) -> None:
        """Why it cannot act now; empty: it can."""
        if reason != self._reason:
            self._reason = reason
            self._name()

    def _name(self) -> None:
        name = f"{self.text()}: {self._reason}" if self._reason else self.text()
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(name) if self._reason else "")
        self.updateGeometry()
        self.update()

    def _shown(self) -> str:
        return f"{self.text()}: {self._reason}" if self._reason else self.text()

    def hitButton(self, pos: object) -> bool:
        return not self._reason and super().hitButton(pos)  # type: ignore[arg-type]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._reason and (enter or event.key() == Qt.Key.Key_Space):
            return
        if enter:
            self.click()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font("body"))
        width = metrics.horizontalAdvance(self._shown()) + 2 * 13
        if self._key and not self._reason:
            width += cap_width(self._key) + 9
        return QSize(min(width, 420), theme.px(36 if self._big else 28))

    minimumSizeHint = sizeHint

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.HoverEnter, QEvent.Type.HoverLeave):
            self.update()
        elif event.type() == QEvent.Type.ApplicationFontChange:
            self.updateGeometry()
        return super().event(event)

    def _colours(self) -> tuple[QColor | None, QColor, QColor]:
        """Fill, outline and text."""
        t = tokens()
        over = self.underMouse() or self.isDown()
        if self._reason:
            return None, t.line.strong, t.text.quiet
        if self._kind == PRIMARY:
            fill = t.accent.hover if over else t.accent.accent
            return fill, fill, t.text.on_accent
        if self._kind == DANGER:
            return (t.wash.critical if over else None), t.state.critical, t.state.critical
        if self._kind == QUIET:
            return (t.surface.control if over else None), QColor(0, 0, 0, 0), t.text.secondary
        return t.surface.control, (t.line.strong if over else t.line.border), t.text.primary

    def paintEvent(self, event: QPaintEvent) -> None:
        fill, outline, text = self._colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(outline, 1)
        if self._reason:
            pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(text)
        painter.setFont(theme.font("body"))
        right = self.width() - 10
        if self._key and not self._reason:
            right = paint_key_cap(painter, right, self.height() // 2, self._key, text) - 8
        rect = QRect(12, 0, right - 12, self.height())
        shown = QFontMetrics(painter.font()).elidedText(self._shown(), Qt.TextElideMode.ElideMiddle, rect.width() + 2)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine), shown)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()

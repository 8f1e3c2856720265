"""Scales and tags of a rubric: every value has its key in sight, and is also reached with Tab, arrows and Space."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from mlcontrol.core.review.rubric import Scale
from mlcontrol.gui.theme import paint_focus_ring, theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.widgets.button import cap_width, paint_key_cap

NAME_PX, STEP_PX = 130, 30


class ScaleRow(QWidget):
    """One scale as a row of digits. *Signals:* ``chosen(value)``."""

    chosen = Signal(float)

    def __init__(self, scale: Scale, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scale, self.key = scale, key
        self.value: float | None = None
        self.asking = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(plain_tip(self._ends()))
        self._name()

    def show_value(self, value: float | None, *, asking: bool) -> None:
        """``asking``: the next digit is for this scale."""
        if (value, asking) != (self.value, self.asking):
            self.value, self.asking = value, asking
            self._name()
            self.update()

    def _ends(self) -> str:
        ends = (self.scale.low_text, self.scale.high_text)
        return f"{self.scale.low} {ends[0]}, {self.scale.high} {ends[1]}" if any(ends) else ""

    def _name(self) -> None:
        given = "not given yet" if self.value is None else f"{self.value:g}"
        asked = ", press a digit" if self.asking else f", key {self.key}"
        self.setAccessibleName(f"{self.scale.name}: {given}, from {self.scale.low} to {self.scale.high}{asked}")
        self.setAccessibleDescription(self._ends())

    def sizeHint(self) -> QSize:
        steps = self.scale.high - self.scale.low + 1
        return QSize(theme.px(NAME_PX) + steps * theme.px(STEP_PX) + theme.px(90), theme.px(28))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(NAME_PX), theme.px(28))

    def _box(self, number: int) -> QRect:
        room = max(1, self.width() - theme.px(NAME_PX))
        step = min(theme.px(STEP_PX), room // (self.scale.high - self.scale.low + 1))
        return QRect(theme.px(NAME_PX) + (number - self.scale.low) * step, theme.px(2), step - 4, theme.px(24))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for number in range(self.scale.low, self.scale.high + 1):
            if self._box(number).contains(event.position().toPoint()):
                self.chosen.emit(float(number))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        value = self.scale.low if self.value is None else int(self.value) + step
        self.chosen.emit(float(min(self.scale.high, max(self.scale.low, value))))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, left = self.height() // 2, cap_width(self.key)
        paint_key_cap(painter, left, middle, self.key, t.accent.accent if self.asking else t.text.secondary)
        painter.setFont(theme.font("strong" if self.asking else "body"))
        painter.setPen(t.text.primary)
        room = QRect(left + theme.px(8), 0, theme.px(NAME_PX) - left - theme.px(16), self.height())
        name = QFontMetrics(painter.font()).elidedText(self.scale.name, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), name)
        painter.setFont(theme.font("small", mono=True))
        for number in range(self.scale.low, self.scale.high + 1):
            box, on = QRectF(self._box(number)).adjusted(0.5, 0.5, -0.5, -0.5), self.value == number
            painter.setPen(QPen(t.accent.accent if on or self.asking else t.line.border, 1))
            painter.setBrush(t.accent.accent if on else t.surface.control)
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(t.text.on_accent if on else t.text.primary)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(number))
        words = self._ends() if self.value is None else ""
        after = self._box(self.scale.high).right() + theme.px(10)
        if self.asking:
            words = "press a digit"
        painter.setFont(theme.font("small"))
        painter.setPen(t.accent.accent if self.asking else t.text.quiet)
        rest = QRect(after, 0, max(0, self.width() - after), self.height())
        shown = QFontMetrics(painter.font()).elidedText(words, Qt.TextElideMode.ElideRight, rest.width())
        painter.drawText(rest, int(Qt.AlignmentFlag.AlignVCenter), shown)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class TagChip(QPushButton):
    """A tag that is given or not; a tick and a frame say so, colour alone carries nothing."""

    def __init__(self, tag: str, key: str = "", parent: QWidget | None = None) -> None:
        super().__init__(tag, parent)
        self._key = key
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Tag {tag}" + (f", key {key}" if key else ""))

    def sizeHint(self) -> QSize:
        cap = cap_width(self._key) + theme.px(8) if self._key else 0
        text = QFontMetrics(theme.font("body")).horizontalAdvance(self.text())
        return QSize(min(theme.px(200), cap + text + theme.px(34)), theme.px(26))

    minimumSizeHint = sizeHint

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        on = self.isChecked()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(t.accent.accent if on else t.line.border, 1))
        painter.setBrush(t.surface.selection if on else t.surface.control)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        left = theme.px(8)
        if self._key:
            left += cap_width(self._key)
            paint_key_cap(painter, left, self.height() // 2, self._key, t.text.primary if on else t.text.secondary)
            left += theme.px(8)
        painter.setFont(theme.font("body"))
        painter.setPen(t.text.primary)
        room = QRect(left, 0, self.width() - left - theme.px(20), self.height())
        text = QFontMetrics(painter.font()).elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width() + 2)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        if on:
            painter.setPen(QPen(t.accent.accent, 2))
            x, y = self.width() - theme.px(16), self.height() // 2
            painter.drawLine(x, y, x + 3, y + 3)
            painter.drawLine(x + 3, y + 3, x + 9, y - 4)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()

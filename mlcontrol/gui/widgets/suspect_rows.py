"""What may have caused it: key, change, reason, odds as a bar and as a number. "None of these" is always a row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.incidents.brief import SuspectLine
from mlcontrol.gui.theme import paint_focus_ring, theme, tokens
from mlcontrol.gui.viewmodels.phrases import clock_text, visible_text
from mlcontrol.gui.widgets.button import paint_key_cap

NOTHING = "Nothing recorded yet"
ROW_H, BAR_W, BAR_H = 44, 80, 8


class SuspectRows(QWidget):
    """*Signals:* ``picked(index)``: a row was chosen by its number, by Enter or by the pointer."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[SuspectLine, ...] = ()
        self._nothing = NOTHING
        self.current = -1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("What changed before, with the odds that it is the cause")

    @property
    def lines(self) -> tuple[SuspectLine, ...]:
        return self._lines

    def put(self, lines: Sequence[SuspectLine], nothing: str = NOTHING) -> None:
        """The selection stays on the same suspect. ``nothing``: what stands there without any."""
        self._nothing = nothing
        chosen = self._lines[self.current].event if 0 <= self.current < len(self._lines) else None
        had = self.current >= 0
        self._lines = tuple(lines)
        self.current = next((i for i, one in enumerate(self._lines) if had and one.event == chosen), -1)
        self.setAccessibleDescription(
            "; ".join(
                f"{i + 1}: {one.title}, {odds_text(one.probability)}, {one.why}" for i, one in enumerate(self._lines)
            )
            or nothing
        )
        self.updateGeometry()
        self.update()

    def pick(self, index: int) -> None:
        if 0 <= index < len(self._lines):
            self.current = index
            self.update()
            self.picked.emit(index)

    def sizeHint(self) -> QSize:
        return QSize(320, theme.px(ROW_H) * max(1, len(self._lines)))

    minimumSizeHint = sizeHint

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            self.pick(min(len(self._lines) - 1, max(0, self.current + step)))
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pick(int(event.position().y()) // theme.px(ROW_H))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        high = theme.px(ROW_H)
        if not self._lines:
            painter.setPen(t.text.quiet)
            painter.setFont(theme.font("body"))
            painter.drawText(self.rect().adjusted(12, 0, -12, 0), int(Qt.AlignmentFlag.AlignVCenter), self._nothing)
        for i, line in enumerate(self._lines):
            self._paint_row(painter, QRect(0, i * high, self.width(), high), i, line)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()

    def _paint_row(self, painter: QPainter, rect: QRect, i: int, line: SuspectLine) -> None:
        t = tokens()
        if i == self.current:
            painter.fillRect(rect, t.surface.selection)
            painter.fillRect(QRect(0, rect.top(), 2, rect.height()), t.accent.accent)
        painter.setPen(t.line.hairline)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        paint_key_cap(painter, theme.px(28), rect.center().y(), str(i + 1), t.text.quiet)
        odds_w, bar_w = theme.px(44), theme.px(BAR_W)
        right = rect.right() - theme.px(12)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(theme.font("strong"))
        painter.setPen(t.text.primary if line.event else t.text.secondary)
        painter.drawText(
            QRect(right - odds_w, rect.top(), odds_w, rect.height()),
            middle | int(Qt.AlignmentFlag.AlignRight),
            odds_text(line.probability),
        )
        bar = QRect(
            right - odds_w - theme.px(8) - bar_w, rect.center().y() - theme.px(BAR_H) // 2, bar_w, theme.px(BAR_H)
        )
        painter.fillRect(bar, t.surface.control)
        painter.fillRect(
            QRect(bar.left(), bar.top(), max(1, round(bar_w * line.probability)), bar.height()), t.text.primary
        )
        left = theme.px(40)
        wide = bar.left() - left - theme.px(8)
        half = rect.height() // 2
        when = f", {clock_text(line.at_s)}" if line.at_s is not None else ""
        title = QFontMetrics(theme.font("strong")).elidedText(
            visible_text(line.title, 200) + when, Qt.TextElideMode.ElideMiddle, wide
        )
        painter.drawText(QRect(left, rect.top() + 4, wide, half - 4), middle, title)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.secondary)
        why = painter.fontMetrics().elidedText(visible_text(line.why, 300), Qt.TextElideMode.ElideRight, wide)
        painter.drawText(QRect(left, rect.top() + half, wide, half - 4), middle, why)


def odds_text(probability: float) -> str:
    """ "0.91", "<0.01"."""
    return "<0.01" if probability < 0.01 else f"{probability:.2f}"

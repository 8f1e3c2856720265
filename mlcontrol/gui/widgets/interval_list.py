"""Shares with their intervals on one axis, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens

ROW_PX = 24


@dataclass(frozen=True, slots=True)
class Interval:
    """``value`` `None`: not known, drawn as "?" without a mark."""

    label: str
    value: float | None
    low: float
    high: float
    note: str
    strong: bool = False


class IntervalList(QWidget):
    """Label, interval on 0 to 100 %, the numbers. One axis for all rows, so that they can be compared."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._rows: tuple[Interval, ...] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: Sequence[Interval]) -> None:
        self._rows = tuple(rows)
        self.setAccessibleName(f"{self._name}: " + "; ".join(f"{r.label} {self._words(r)}" for r in self._rows))
        self.updateGeometry()
        self.update()

    @staticmethod
    def _words(row: Interval) -> str:
        if row.value is None:
            return f"? {row.note}"
        return f"{100 * row.value:.1f} % ({100 * row.low:.0f} to {100 * row.high:.0f}) {row.note}"

    def sizeHint(self) -> QSize:
        return QSize(theme.px(420), theme.px(ROW_PX) * max(1, len(self._rows)) + theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        high, label_w = theme.px(ROW_PX), min(theme.px(170), self.width() // 4)
        words_w = min(theme.px(250), self.width() // 2)
        axis = QRect(label_w, 0, max(40, self.width() - label_w - words_w - theme.px(12)), high * len(self._rows))
        painter.setFont(theme.font("caption", mono=True))
        for share in (0.0, 0.5, 1.0):
            x = axis.left() + round(axis.width() * share)
            painter.setPen(t.line.grid)
            painter.drawLine(x, 0, x, axis.bottom())
            painter.setPen(t.text.quiet)
            place = QRect(x - theme.px(24), axis.bottom() + theme.px(2), theme.px(48), theme.px(16))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{100 * share:.0f} %")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for i, row in enumerate(self._rows):
            y = i * high
            painter.setFont(theme.font("strong" if row.strong else "body"))
            painter.setPen(t.text.primary if row.strong else t.text.secondary)
            shown = painter.fontMetrics().elidedText(row.label, Qt.TextElideMode.ElideMiddle, label_w - theme.px(8))
            painter.drawText(QRect(0, y, label_w, high), _LEFT, shown)
            painter.setFont(theme.font("small", mono=True))
            painter.setPen(t.text.primary if row.value is not None else t.state.unknown)
            # Where no interval is drawn, the reason has its room too.
            room = words_w if row.value is not None else self.width() - label_w
            words = painter.fontMetrics().elidedText(self._words(row), Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(self.width() - room, y, room, high), _LEFT, words)
            if row.value is None:
                continue
            middle = y + high / 2

            def at(share: float) -> float:
                return axis.left() + axis.width() * min(1.0, max(0.0, share))

            painter.setPen(QPen(t.text.secondary, 1.5))
            painter.drawLine(QPointF(at(row.low), middle), QPointF(at(row.high), middle))
            for end in (row.low, row.high):
                painter.drawLine(QPointF(at(end), middle - 3), QPointF(at(end), middle + 3))
            painter.setBrush(t.accent.accent)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QPointF(at(row.value), middle), 3.5, 3.5)
        painter.end()


class AgreementMatrix(QWidget):
    """Kappa of every two raters. "undefined" is a word, never a number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._raters: tuple[str, ...] = ()
        self._cells: dict[tuple[str, str], str] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_pairs(self, pairs: Sequence[tuple[str, str, float | None, int]]) -> None:
        self._raters = tuple(sorted({name for a, b, _, _ in pairs for name in (a, b)}))[:10]
        self._cells = {
            (a, b): f"{kappa:.2f} · {n}" if kappa is not None else f"undefined · {n}" for a, b, kappa, n in pairs
        }
        spoken = "; ".join(f"{a} and {b} {words}" for (a, b), words in self._cells.items())
        self.setAccessibleName(
            f"Agreement, Cohen's kappa and common items: {spoken or 'no two raters judged the same item'}"
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(420), theme.px(ROW_PX) * (len(self._raters) + 1) + 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._raters:
            return
        t = tokens()
        painter = QPainter(self)
        high = theme.px(ROW_PX)
        first = theme.px(110)
        wide = min(theme.px(120), (self.width() - first) // max(1, len(self._raters)))
        painter.setFont(theme.font("small"))
        for i, name in enumerate(self._raters):
            painter.setPen(t.text.quiet)
            shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, wide - theme.px(8))
            painter.drawText(QRect(first + i * wide, 0, wide, high), Qt.AlignmentFlag.AlignCenter, shown)
            shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, first - theme.px(8))
            painter.drawText(QRect(0, (i + 1) * high, first, high), _LEFT, shown)
            for j, other in enumerate(self._raters):
                cell = QRect(first + j * wide, (i + 1) * high, wide, high)
                painter.setPen(t.line.hairline)
                painter.drawRect(cell)
                if i == j:
                    continue
                words = self._cells.get((min(name, other), max(name, other)), "no overlap")
                painter.setPen(t.text.primary if words[0].isdigit() or words[0] == "-" else t.text.quiet)
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, words)
        painter.end()


_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)

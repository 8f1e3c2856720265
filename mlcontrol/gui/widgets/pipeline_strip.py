"""The stages that a version went through, side by side, with arrows between them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.pipeline_words import Cell


def rows_of(lines: Sequence[str], room: int, width: int, metrics: QFontMetrics) -> list[str]:
    """The lines, broken between words where they are wider than ``width`` pixels, while there are fewer than ``room`` rows."""
    rows: list[str] = []
    for i, text in enumerate(lines):
        spare = room - len(rows) - (len(lines) - i)
        while spare > 0 and metrics.horizontalAdvance(text) > width:
            head = text
            while " " in head and metrics.horizontalAdvance(head) > width:
                head = head.rpartition(" ")[0]
            if head == text or metrics.horizontalAdvance(head) > width:
                break
            rows.append(head)
            text, spare = text[len(head) :].lstrip(), spare - 1
        rows.append(text)
    return rows


class PipelineStrip(QWidget):
    """What is not known is dashed and says so. The whole words of a stage are its tool tip. *Thread:* GUI."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: tuple[Cell, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Pipeline of this version")

    def put(self, cells: Sequence[Cell]) -> None:
        self._cells = tuple(cells)
        self.setAccessibleDescription("; ".join(cell.words for cell in self._cells))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, theme.px(100))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = theme.px(16)
        for i, cell in enumerate(self._cells):
            box = self._box(i)
            pen = QPen(t.line.border if cell.known else t.text.quiet, 1)
            pen.setStyle(Qt.PenStyle.SolidLine if cell.known else Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawRoundedRect(box, 4, 4)
            inner = box.adjusted(8, 5, -6, -4)
            painter.setFont(theme.font("strong"))
            painter.setPen(t.text.primary if cell.known else t.text.quiet)
            self._say(painter, QRect(inner.left(), inner.top(), inner.width(), line + 2), cell.title)
            painter.setFont(theme.font("caption"))
            painter.setPen(t.text.secondary if cell.known else t.text.quiet)
            room = max(1, (box.bottom() - inner.top() - 4) // line - 1)
            for k, words in enumerate(rows_of(cell.lines, room, inner.width(), painter.fontMetrics())[:room]):
                self._say(painter, QRect(inner.left(), inner.top() + (k + 1) * line + 4, inner.width(), line), words)
            if i:
                self._arrow(painter, box)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            found = next((c for i, c in enumerate(self._cells) if self._box(i).contains(event.pos())), None)
            if found is not None:
                QToolTip.showText(event.globalPos(), "\n".join((found.title, *found.lines)), self)
                return True
        return super().event(event)

    def _box(self, i: int) -> QRect:
        gap, count = theme.px(16), max(1, len(self._cells))
        wide = (self.width() - gap * (count - 1) - 2) / count
        return QRect(round(1 + i * (wide + gap)), 2, round(wide), min(self.height() - 4, theme.px(104)))

    def _arrow(self, painter: QPainter, box: QRect) -> None:
        t = tokens()
        x, y = box.left() - 4, box.top() + theme.px(14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.text.quiet)
        painter.drawPolygon(QPolygonF([QPointF(x - 6, y - 4), QPointF(x, y), QPointF(x - 6, y + 4)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _say(self, painter: QPainter, box: QRect, words: str) -> None:
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)

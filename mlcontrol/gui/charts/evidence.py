"""One line of evidence per guard, between two zones: up is "worse: go back", down is "fine: go on".

A line that lies in a zone has decided. Nothing is interpolated: a guard that knows nothing has a dashed box and its reason.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.judge.verdict import Verdict
from mlcontrol.gui.glyphs import paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.rollout_evidence import EvidenceRow

ROW, ZONE, GLYPH = 78, 14, 14
LEFT_SHARE, RIGHT_SHARE = 0.38, 0.25


class EvidenceLines(QWidget):
    """As tall as its rows. ``slot``: the colour of the version that is judged."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[EvidenceRow, ...] = ()
        self._slot = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Evidence")

    def show_rows(self, rows: tuple[EvidenceRow, ...], slot: int = 1) -> None:
        if (rows, slot) == (self.rows, self._slot):
            return
        taller = len(rows) != len(self.rows)
        self.rows, self._slot = rows, slot
        self.setAccessibleDescription(". ".join(row.words for row in rows))
        if taller:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(520, theme.px(ROW) * max(1, len(self.rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(360, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        high = theme.px(ROW)
        for i, row in enumerate(self.rows):
            self._paint_row(painter, row, QRect(0, i * high, self.width(), high))
        painter.end()

    def _paint_row(self, painter: QPainter, row: EvidenceRow, rect: QRect) -> None:
        t, pad = tokens(), theme.px(10)
        painter.setPen(t.line.hairline)
        painter.drawLine(rect.left(), rect.bottom(), rect.right(), rect.bottom())
        left = QRect(rect.x(), rect.y() + pad, round(rect.width() * LEFT_SHARE), rect.height() - 2 * pad)
        right_w = round(rect.width() * RIGHT_SHARE)
        plot = QRect(
            left.right() + pad, left.y() - 2, rect.width() - left.width() - right_w - 2 * pad, left.height() + 4
        )
        right = QRect(plot.right() + pad, left.y(), right_w - pad, left.height())
        side = theme.px(GLYPH)
        paint_glyph(painter, QRect(left.x() + 2, left.y() + 2, side, side), row.glyph)
        text = left.adjusted(side + theme.px(10), 0, 0, 0)
        advisory = "  watched" if row.advisory else ""
        _lines(
            painter,
            text,
            (
                (row.title, "strong", t.text.primary),
                (row.figures, "small", t.text.secondary),
                (row.limit, "small", t.text.quiet),
            ),
            advisory,
        )
        colour = {"critical": t.state.critical, "unknown": t.state.unknown}.get(row.glyph, t.text.primary)
        _lines(painter, right, ((row.result, "strong", colour), (row.under, "small", t.text.secondary)))
        self._paint_plot(painter, row, plot)

    def _paint_plot(self, painter: QPainter, row: EvidenceRow, plot: QRect) -> None:
        t, zone = tokens(), theme.px(ZONE)
        if row.verdict is Verdict.UNKNOWN:
            pen = QPen(t.state.unknown, 1, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawRect(plot.adjusted(0, 0, -1, -1))
            painter.setFont(theme.font("small"))
            painter.drawText(plot, int(Qt.AlignmentFlag.AlignCenter), "no data")
            return
        painter.fillRect(plot, t.surface.plot)
        worse, fine = (
            QRect(plot.x(), plot.y(), plot.width(), zone),
            QRect(plot.x(), plot.bottom() - zone + 1, plot.width(), zone),
        )
        painter.fillRect(worse, t.wash.critical)
        painter.fillRect(fine, t.wash.ok)
        painter.setFont(theme.font("caption"))
        for box, words, colour in ((worse, "worse: go back", t.state.critical), (fine, "fine: go on", t.state.ok)):
            painter.setPen(colour)
            painter.drawText(
                box.adjusted(0, 0, -4, 0), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), words
            )
        middle = plot.center().y()
        painter.setPen(QPen(t.line.grid, 1))
        painter.drawLine(plot.left(), middle, plot.right(), middle)
        if not row.line:
            return
        step = plot.width() / max(1, len(row.line) - 1 if len(row.line) > 1 else 1)
        reach = plot.height() / 2 - zone / 2
        points = [QPointF(round(plot.x() + i * step), round(middle - v * reach)) for i, v in enumerate(row.line)]
        painter.setPen(QPen(QColor(t.version.slot(self._slot)), 1))
        painter.drawPolyline(points)
        painter.fillRect(QRect(round(points[-1].x()) - 2, round(points[-1].y()) - 1, 3, 3), t.version.slot(self._slot))


def _lines(painter: QPainter, rect: QRect, lines: tuple[tuple[str, str, QColor], ...], first_suffix: str = "") -> None:
    y = rect.y()
    for i, (text, role, colour) in enumerate(lines):
        font = theme.font(role)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        painter.setPen(colour)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(QRect(rect.x(), y, rect.width(), metrics.height()), int(Qt.AlignmentFlag.AlignVCenter), shown)
        if i == 0 and first_suffix:
            used = metrics.horizontalAdvance(shown)
            painter.setFont(theme.font("caption"))
            painter.setPen(tokens().text.quiet)
            painter.drawText(
                QRect(rect.x() + used, y, rect.width() - used, metrics.height()),
                int(Qt.AlignmentFlag.AlignVCenter),
                first_suffix,
            )
        y += metrics.height() + 1

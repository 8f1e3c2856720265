"""Paints the cells of the fleet table: signals, versions, quiet text and section lines."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mlcontrol.gui.charts.sparkline import paint_sparkline
from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.models.columns import ROW
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.fleet_rows import CALM, FleetRow
from mlcontrol.gui.widgets.badge import WASHED, paint_badge
from mlcontrol.gui.widgets.button import paint_key_cap
from mlcontrol.gui.widgets.version_tag import paint_version

TITLE, TEAM, PRESENCE, USE, ACCURACY, INTENDED, SERVED, USED, AGE, TRAFFIC, CHANGE, BACK = range(12)
SPARK_W, SPARK_MIN_W, SPARK_H, GLYPH_W = 48, 22, 18, 12

_Index = QModelIndex | QPersistentModelIndex


class FleetCells(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(60, theme.px(32))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        t = tokens()
        rect: QRect = option.rect
        row: FleetRow = index.data(ROW)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen:
            painter.fillRect(rect, t.surface.selection)
            if index.column() == TITLE:
                painter.fillRect(QRect(rect.x(), rect.y(), 2, rect.height()), t.accent.accent)
        painter.fillRect(QRect(rect.x(), rect.bottom(), rect.width(), 1), t.line.hairline)
        if row.section:
            self._section(painter, rect, row)
        elif row.cells is not None and row.versions is not None:
            self._cell(painter, rect.adjusted(0, 0, 0, -1), row, index.column(), index.data(), chosen)
        painter.restore()

    def _section(self, painter: QPainter, rect: QRect, row: FleetRow) -> None:
        t, side = tokens(), theme.px(12)
        paint_glyph(painter, QRect(rect.x() + 8, rect.center().y() - side // 2, side, side), row.section_state)
        painter.setFont(theme.font("body"))
        painter.setPen(t.text.secondary)
        left = rect.x() + 8 + side + 6
        painter.drawText(rect.adjusted(left - rect.x(), 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), row.section)
        left += QFontMetrics(painter.font()).horizontalAdvance(row.section) + 8 + theme.px(16)
        paint_key_cap(painter, left, rect.center().y() + 1, "Z", t.text.quiet)
        painter.setPen(t.text.quiet)
        words = "unfold" if row.folded else "fold"
        painter.drawText(rect.adjusted(left - rect.x() + 5, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), words)

    def _cell(self, painter: QPainter, rect: QRect, row: FleetRow, column: int, text: str, chosen: bool) -> None:
        t = tokens()
        if PRESENCE <= column <= ACCURACY and row.cells is not None:
            self._signal(painter, rect, row, column - PRESENCE, chosen)
            return
        if INTENDED <= column <= USED and row.versions is not None:
            cell = row.versions[column - INTENDED]
            inner = rect.adjusted(4, 4, -4, -4)
            colour: QColor | None = None
            if cell.odd:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setBrush(t.wash.critical)
                painter.drawRoundedRect(QRectF(inner), 3, 3)
                colour = t.state.critical
            elif cell.slot is None and cell.version is not None:
                colour = t.text.secondary
            swatch = None if cell.slot is None else t.version.slot(cell.slot)
            paint_version(painter, inner.adjusted(4, 0, 0, 0), cell.version, swatch, colour=colour)
            return
        painter.setFont(theme.font("strong" if column == TITLE and row.rank < CALM else "body"))
        tone = {TITLE: t.text.primary, TEAM: t.text.quiet}.get(column, t.text.secondary)
        if column == BACK and row.way_tone in ("warning", "critical", "unknown"):
            tone = t.state.of(row.way_tone)
        elif text == "?":
            tone = t.state.unknown
        painter.setPen(tone)
        side = Qt.AlignmentFlag.AlignRight if column in (AGE, TRAFFIC) else Qt.AlignmentFlag.AlignLeft
        inner = rect.adjusted(16 if column == TITLE else 6, 0, -6, 0)
        shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | side), shown)

    def _signal(self, painter: QPainter, rect: QRect, row: FleetRow, which: int, chosen: bool) -> None:
        t = tokens()
        cells = row.cells
        if cells is None:
            return
        cell = cells[which]
        height = theme.px(24)
        box = QRect(rect.x() + 2, rect.y() + (rect.height() - height) // 2, rect.width() - 8, height)
        if cell.state in WASHED:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(t.wash.of(cell.state))
            painter.drawRoundedRect(QRectF(box), 3, 3)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        # What glyph, words and their margins leave; a line too short to read is left out.
        words = QFontMetrics(theme.font("strong")).horizontalAdvance(cell.text)
        room = min(theme.px(SPARK_W), box.width() - words - theme.px(GLYPH_W) - 24)
        spark = room if len(cell.spark) > 1 and room >= theme.px(SPARK_MIN_W) else 0
        paint_badge(painter, box.adjusted(0, 0, -spark - (6 if spark else 0), 0), cell.state, cell.text, calm=True)
        if spark:
            place = QRect(box.right() - spark - 5, box.center().y() - SPARK_H // 2, spark, SPARK_H)
            colour = (
                glyph_colour(cell.state) if cell.state in WASHED else (t.text.secondary if chosen else t.text.quiet)
            )
            paint_sparkline(painter, place, cell.spark, colour)

"""Paints the rows of the fleet table: signals, versions, quiet text and section lines.

Not a delegate: Qt asks one for a cell at a time, with a style option and a model index each, and a page of the fleet has hundreds
of cells to paint within a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap

from mlcontrol.gui.cached_pixmap import cached_pixmap
from mlcontrol.gui.charts.sparkline import paint_sparkline
from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.fleet_rows import CALM, FleetRow
from mlcontrol.gui.viewmodels.phrases import rate_text
from mlcontrol.gui.viewmodels.signal_cells import Cell
from mlcontrol.gui.widgets.badge import WASHED
from mlcontrol.gui.widgets.button import paint_key_cap
from mlcontrol.gui.widgets.cached_text import paint_text, text_width
from mlcontrol.gui.widgets.version_tag import paint_version

TITLE, TEAM, PRESENCE, USE, ACCURACY, INTENDED, SERVED, USED, AGE, TRAFFIC, CHANGE, BACK = range(12)
SPARK_W, SPARK_MIN_W, SPARK_H, GLYPH_W = 48, 22, 18, 12
_RIGHT = (AGE, TRAFFIC)


@dataclass(frozen=True, slots=True)
class Place:
    """A column on the screen, in pixels of the viewport."""

    column: int
    left: int
    width: int


def paint_row(
    painter: QPainter, row: FleetRow, top: int, height: int, places: Sequence[Place], *, chosen: bool
) -> None:
    """``places``: the columns to paint, from left to right; a section line spans all of them."""
    if not places:
        return
    t = tokens()
    left, right = places[0].left, places[-1].left + places[-1].width
    if chosen:
        painter.fillRect(left, top, right - left, height, t.surface.selection)
        if places[0].column == TITLE:
            painter.fillRect(left, top, 2, height, t.accent.accent)
    painter.fillRect(left, top + height - 1, right - left, 1, t.line.hairline)
    if row.section:
        _section(painter, QRect(left, top, right - left, height), row)
        return
    if row.cells is None or row.versions is None:
        return
    for place in places:
        column, rect = place.column, QRect(place.left, top, place.width, height - 1)
        if PRESENCE <= column <= ACCURACY:
            _signal(painter, rect, row.cells[column - PRESENCE], chosen=chosen)
        elif INTENDED <= column <= USED:
            _version(painter, rect, row, column - INTENDED)
        else:
            _words(painter, rect, row, column)


def _section(painter: QPainter, rect: QRect, row: FleetRow) -> None:
    t, side = tokens(), theme.px(12)
    paint_glyph(painter, QRect(rect.x() + 8, rect.center().y() - side // 2, side, side), row.section_state)
    painter.setPen(t.text.secondary)
    left = rect.x() + 8 + side + 6
    paint_text(painter, rect.adjusted(left - rect.x(), 0, 0, 0), row.section)
    left += text_width(row.section) + 8 + theme.px(16)
    paint_key_cap(painter, left, rect.center().y() + 1, "Z", t.text.quiet)
    painter.setPen(t.text.quiet)
    paint_text(painter, rect.adjusted(left - rect.x() + 5, 0, 0, 0), "unfold" if row.folded else "fold")


def _words(painter: QPainter, rect: QRect, row: FleetRow, column: int) -> None:
    t = tokens()
    if column == TITLE:
        text, tone = row.title, t.text.primary
    elif column == TEAM:
        text, tone = row.team, t.text.quiet
    elif column == AGE:
        text, tone = row.age, t.text.secondary
    elif column == TRAFFIC:
        text, tone = rate_text(row.traffic_per_s), t.text.secondary
    elif column == CHANGE:
        text, tone = row.last_change, t.text.secondary
    else:
        text, tone = row.way_back, t.text.secondary
    if not text:
        return
    if column == BACK and row.way_tone in WASHED:
        tone = t.state.of(row.way_tone)
    elif text == "?":
        tone = t.state.unknown
    painter.setPen(tone)
    role = "strong" if column == TITLE and row.rank < CALM else "body"
    inner = rect.adjusted(16 if column == TITLE else 6, 0, -6, 0)
    paint_text(painter, inner, text, role, right=column in _RIGHT)


def _version(painter: QPainter, rect: QRect, row: FleetRow, which: int) -> None:
    if row.versions is None:
        return
    t, cell = tokens(), row.versions[which]
    inner = rect.adjusted(4, 4, -4, -4)
    if cell.odd:
        painter.drawPixmap(inner.topLeft(), _washed(painter, inner.width(), inner.height(), t.wash.critical))
    colour: QColor | None = None
    if cell.odd:
        colour = t.state.critical
    elif cell.slot is None and cell.version is not None:
        colour = t.text.secondary
    swatch = None if cell.slot is None else t.version.slot(cell.slot)
    paint_version(painter, inner.adjusted(4, 0, 0, 0), cell.version, swatch, colour=colour)


def _signal(painter: QPainter, rect: QRect, cell: Cell, *, chosen: bool) -> None:
    t, loud = tokens(), cell.state in WASHED
    height, side = theme.px(24), theme.px(GLYPH_W)
    box = QRect(rect.x() + 2, rect.y() + (rect.height() - height) // 2, rect.width() - 8, height)
    if loud:
        painter.drawPixmap(box.topLeft(), _washed(painter, box.width(), height, t.wash.of(cell.state)))
    # What glyph, words and their margins leave; a line too short to read is left out.
    spark = 0
    if len(cell.spark) > 1:
        room = min(theme.px(SPARK_W), box.width() - text_width(cell.text, "strong") - side - 24)
        spark = room if room >= theme.px(SPARK_MIN_W) else 0
    paint_glyph(painter, QRect(box.x() + 6, box.y() + (height - side) // 2, side, side), cell.state)
    colour = glyph_colour(cell.state) if loud else t.text.secondary
    painter.setPen(colour)
    paint_text(painter, box.adjusted(12 + side, 0, -spark - (10 if spark else 4), 0), cell.text)
    if spark:
        place = QRect(box.right() - spark - 5, box.center().y() - SPARK_H // 2, spark, SPARK_H)
        paint_sparkline(painter, place, cell.spark, colour if loud or chosen else t.text.quiet)


def _washed(painter: QPainter, width: int, height: int, colour: QColor) -> QPixmap:
    """A box with round corners; there are few sizes and colours of them on a page."""

    def paint(inner: QPainter) -> None:
        inner.setPen(Qt.PenStyle.NoPen)
        inner.setBrush(colour)
        inner.drawRoundedRect(QRectF(0, 0, width, height), 3, 3)

    return cached_pixmap(f"washed-{colour.rgba()}", width, height, painter.device().devicePixelRatioF(), paint)

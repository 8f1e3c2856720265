"""The fast painter of a chart row, for a scene and for a tile alike: a picture that scrolls while zoom and scale stay.

Whatever changes goes through `RowPicture.paint`. It draws again only the pixel columns that differ from what it drew last: a live
chart costs its newest columns, a new zoom or scale costs the whole row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from mlcontrol.gui.charts.lying import paint_lying, pixels, standing
from mlcontrol.gui.charts.newest import MOST, Run, columns_of, set_columns
from mlcontrol.gui.charts.quiet_place import Ink, ink_of
from mlcontrol.gui.charts.reduce import Buckets, Floats, Ints, Lines, Reduced, dashed, draw_lines, strokes
from mlcontrol.gui.charts.row_marks import line_colour, paint_band, paint_bars, paint_limit, paint_over, paint_points
from mlcontrol.gui.charts.sampled_together import Together, together
from mlcontrol.gui.charts.scale import Scale, Span, extent, y_range
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, LONG, SOLID, ChartRow, Line

_DASHES = {DASH: (7, 5), DOT: (4, 2), LONG: (14, 11)}  # period and drawn part, in pixel columns
ABOVE, BELOW = 5, 4  # free pixels over the scale's upper end and under its lower one


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Lines on the same times, reduced to the lowest and highest of each pixel column: (2, lines, columns)."""

    lines: list[Line]
    buckets: Buckets
    both: Floats
    moved: Ints
    new_from: int | None = None  # the first bucket that is not as it was, where none moved

    def first_stale(self, shift: int, width: int) -> int:
        """The first bucket in the plot that did not just move to the left by ``shift``; how many there are, if none."""
        if shift == 0 and self.new_from is not None:
            return self.new_from
        stale = (self.moved != shift) & (self.buckets.columns >= 0)
        first = int(stale.argmax()) if len(stale) else 0
        return first if len(stale) and stale[first] else len(stale)


class RowPicture:
    """*Thread:* GUI. Keeps the picture of one row between paints."""

    def __init__(self) -> None:
        self._reduced: dict[object, Reduced] = {}
        self._together = Together()
        self._picture: QImage | None = None
        self._drawn: tuple[tuple[object, ...], Span] | None = None  # look and span of the picture
        self.dash_phase = 0  # columns scrolled: dashes go along
        self.columns_painted = 0  # of the last paint, for who measures
        self.scale = Scale(0.0, 1.0)
        self.empty = True  # whether the last paint had no value to show on a scale
        self.groups: list[Group] = []  # what the last paint showed, before it was drawn

    def paint(self, painter: QPainter, row: ChartRow, span: Span, plot: QRect, scale: Scale | None = None) -> None:
        """Draw the row's plot, without its words. ``scale``: instead of the one that shows everything in the span."""
        if plot.width() < 1 or plot.height() < 1:
            return
        groups = self.groups = [] if row.bars else self.read(row, span, plot.width())
        found = extent(row, span, [(g.buckets, g.both) for g in groups], plot.width())
        self.empty = not found
        if self.empty:
            self._drawn = None
            painter.fillRect(plot, tokens().surface.plot)
            if row.bars:
                paint_bars(painter, row.bars, span, plot)
            else:
                _paint_nothing(painter, row, plot)
            return
        self.scale = scale or y_range(row, found)
        if row.over_limit is None and not any(line.points or line.band for line in row.lines):
            painter.drawImage(plot.topLeft(), self._renew(row, span, plot, groups, painter.device().devicePixelRatio()))
        else:
            self._drawn, self._picture = None, None
            self._paint_standing(painter, row, span, plot, groups)
        if row.limit is not None:
            inner = plot.adjusted(0, ABOVE, 0, -BELOW)
            paint_limit(painter, row, inner, self.scale, self._ink(row, span, inner))

    def read(self, row: ChartRow, span: Span, width: int) -> list[Group]:
        """One pass over all lines that were sampled together; series of one scrape are."""
        drawn = [line for line in row.lines if not line.points and len(line.at_s)]
        self._together = together(drawn, self._together)
        groups: list[Group] = []
        used: dict[object, Reduced] = {}
        for indices in self._together.groups:
            lines = [drawn[i] for i in indices]
            key = tuple(line.label for line in lines)
            reduced = used[key] = self._reduced.get(key) or Reduced()
            stamps = tuple(line.stamp for line in lines)
            stamp = None if None in stamps else stamps
            gap_s = max(row.gap_s, lines[0].gap_s)
            found = reduced.buckets(lines[0].at_s, span.since_s, span.until_s, width, gap_s, stamp)
            both, moved = reduced.read([line.value for line in lines], found, stamp)
            groups.append(Group(lines, found, both, moved, reduced.new_from))
        self._reduced = used
        return groups

    def _renew(self, row: ChartRow, span: Span, plot: QRect, groups: list[Group], ratio: float) -> QImage:
        width, height = plot.width(), plot.height()
        styles = tuple((line.label, line.slot, line.tone, line.style) for g in groups for line in g.lines)
        look = (width, height, ratio, self.scale, id(tokens()), styles, row.gap_s)
        shift, picture = self._shift(look, span, width, ratio), self._picture
        from_x, first = 0, [0] * len(groups)
        if picture is None or self._drawn is None or self._drawn[0][:3] != look[:3]:
            self._picture = picture = QImage(plot.size() * ratio, QImage.Format.Format_RGB32)
            picture.setDevicePixelRatio(ratio)
        elif shift is not None:
            first = [group.first_stale(shift, width) for group in groups]
            from_x = width - shift
            for group, i in zip(groups, first, strict=True):
                if i < len(group.buckets.columns):
                    # From the end of the one before it: a line may lead from there.
                    from_x = min(from_x, max(0, int(group.buckets.columns[i - 1]) + 1) if i else 0)
            if shift:
                self.dash_phase = (self.dash_phase + shift) % 28
                # In one piece: rows one by one would go by way of a second picture. What comes in from the next row's left end lies
                # in the columns that are drawn anew.
                whole, drawn = round(shift * ratio), pixels(picture).reshape(-1)
                drawn[:-whole] = drawn[whole:]
        if from_x < width and not (ratio == 1 and self._set_newest(row, picture, plot, groups, first, from_x)):
            upright, slanted = self._drawings(row, plot, groups, from_x, first)
            paint_lying(picture, width - from_x, tokens().surface.plot, [self._grid(plot), *upright], slanted)
        self.columns_painted = width - from_x
        self._drawn = look, span
        return picture

    def _set_newest(
        self, row: ChartRow, picture: QImage, plot: QRect, groups: list[Group], first: list[int], from_x: int
    ) -> bool:
        """The way of a live chart. False where it is none: nothing is done then."""
        if plot.width() - from_x > MOST or any(line.style != SOLID for group in groups for line in group.lines):
            return False
        low, high = self.scale.ends
        found: dict[int, Run] = {}
        for group, index in zip(groups, first, strict=True):
            cut = slice(max(0, index - 2), None)
            both, bottom = self.scale.mapped(group.both[..., cut]), plot.height() - 1 - BELOW
            runs = columns_of(both, group.buckets, cut, from_x, plot.width(), bottom, ABOVE, low, high)
            if runs is None:
                return False
            found.update(zip((id(line) for line in group.lines), runs, strict=True))
        t = tokens()
        inks = [(line_colour(line).rgb(), found[id(line)]) for line in row.lines if id(line) in found]
        levels = _grid(self.scale, self._inner(plot))
        set_columns(pixels(picture), from_x, t.surface.plot.rgb(), (t.line.grid.rgb(), levels), inks)
        return True

    def _shift(self, look: tuple[object, ...], span: Span, width: int, ratio: float) -> int | None:
        """How far the picture has to scroll; `None` when all of it is to be drawn again."""
        if self._drawn is None or self._drawn[0] != look:
            return None
        old = self._drawn[1]
        step = (span.until_s - span.since_s) / width
        shift = (span.since_s - old.since_s) / step
        whole = round(shift)
        if not math.isclose(old.until_s - old.since_s, step * width, rel_tol=1e-9) or abs(shift - whole) > 0.01:
            return None
        return whole if 0 <= whole < width and not whole * ratio % 1 else None

    def _drawings(
        self, row: ChartRow, plot: QRect, groups: list[Group], from_x: int, first: list[int]
    ) -> tuple[list[tuple[QColor, Lines]], list[tuple[QPen, Lines]]]:
        """Upright and slanted lines from a pixel column on, in the order of the row: a later line lies over an earlier one."""
        low, high = self.scale.ends
        found: dict[int, tuple[Lines, Lines]] = {}
        for group, index in zip(groups, first, strict=True):
            # The bucket before the first one is where its line comes from.
            cut = slice(max(0, index - 2), None)
            both, bottom = self.scale.mapped(group.both[..., cut]), plot.height() - 1 - BELOW
            one = strokes(both, group.buckets.part(cut), plot.width() - 1, bottom, ABOVE, low, high)
            # What lies before the clip only told where the rest comes from.
            seen = int(group.buckets.columns[cut].searchsorted(from_x))
            for i, line in enumerate(group.lines):
                dash, slanted = self._dash(line), one.slanted[i]
                upright = one.upright(i, dash, seen)
                if dash is not None and len(slanted):
                    upright = np.concatenate([upright, dashed(slanted, dash, plot.width() - 1)])
                    slanted = slanted[:0]
                found[id(line)] = upright, slanted
        drawn = [(line, *found[id(line)]) for line in row.lines if id(line) in found]
        return (
            [(line_colour(line), upright) for line, upright, _ in drawn],
            [(_pen(line), slanted) for line, _, slanted in drawn if len(slanted)],
        )

    def _grid(self, plot: QRect) -> tuple[QColor, Lines]:
        levels = [(y, 0, y, plot.width() - 1) for y in _grid(self.scale, self._inner(plot))]
        return tokens().line.grid, np.array(levels, np.int32).reshape(-1, 4)

    def _paint_standing(self, painter: QPainter, row: ChartRow, span: Span, plot: QRect, groups: list[Group]) -> None:
        """With what words, bands and points lie under and over the lines."""
        upright, slanted = self._drawings(row, plot, groups, 0, [0] * len(groups))
        inner = self._inner(plot)
        painter.save()
        painter.translate(plot.topLeft())
        painter.setClipRect(0, 0, plot.width(), plot.height(), Qt.ClipOperation.IntersectClip)
        painter.fillRect(0, 0, plot.width(), plot.height(), tokens().surface.plot)
        colour, grid = self._grid(plot)
        painter.setPen(colour)
        draw_lines(painter, standing(grid, plot.width()))
        if row.over_limit is not None:
            paint_over(painter, row, span, inner, self._ink(row, span, inner))
        for line in row.lines:
            if line.band:
                paint_band(painter, line, row.gap_s, span, inner, self.scale)
        for pen, lines in [*upright, *slanted]:
            painter.setPen(pen)
            draw_lines(painter, standing(lines, plot.width()))
        for line in row.lines:
            if line.points:
                paint_points(painter, line, row.gap_s, span, inner, self.scale)
        painter.restore()
        self.columns_painted = plot.width()

    @staticmethod
    def _inner(plot: QRect) -> QRect:
        """Where the scale lies, in the picture's own pixels."""
        return QRect(0, ABOVE, plot.width(), plot.height() - ABOVE - BELOW)

    def _ink(self, row: ChartRow, span: Span, inner: QRect) -> Ink:
        return ink_of(row, [(g.buckets, g.both) for g in self.groups], span, inner, self.scale)

    def _dash(self, line: Line) -> tuple[int, int, int] | None:
        dash = _DASHES.get(line.style)
        return (*dash, self.dash_phase) if dash else None


def scale_of(row: ChartRow, span: Span, width: int) -> Scale:
    """The scale that shows everything of the row in a span."""
    groups = RowPicture().read(row, span, width)
    return y_range(row, extent(row, span, [(g.buckets, g.both) for g in groups], width))


def _grid(scale: Scale, plot: QRect) -> list[int]:
    if not scale.log:
        return [plot.center().y()]
    first, last = (round(end) for end in scale.ends)
    return [round(scale.y(10.0**power, plot)) for power in range(first + 1, last)]


def _pen(line: Line) -> QPen:
    pen = QPen(line_colour(line), 1)
    pen.setCosmetic(True)
    return pen


def _paint_nothing(painter: QPainter, row: ChartRow, plot: QRect) -> None:
    painter.setPen(tokens().text.quiet)
    painter.setFont(theme.font("caption"))
    painter.drawText(plot.adjusted(10, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), f"? {row.nothing}")

"""The readout at the right of a chart stack: every value at one moment, what matters first."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from mlcontrol.gui.charts.row_marks import line_colour
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, LONG, SOLID, Bar, ChartRow
from mlcontrol.gui.viewmodels.phrases import age_text, version_text, visible_text
from mlcontrol.gui.viewmodels.time_axis import dated_text

LABEL_SHARE = 0.4  # of a line, which its label keeps however long the words are


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the readout. ``state``: "critical" beyond the limit, "unknown" without a value, else empty."""

    label: str
    text: str
    colour: QColor | None
    state: str = ""
    style: str = SOLID


def readings(row: ChartRow, moment: float) -> list[Reading]:
    """What a row says at a moment: beyond its limit first, then in the order of its lines, then the unknown."""
    t = tokens()
    found: list[tuple[int, Reading]] = []
    for bar in row.bars:
        version, slot = bar_at(bar, moment)
        words = visible_text(version_text(version), 120) if slot >= 0 else f"? {version or 'no answer'}"
        colour = t.version.slot(slot) if slot >= 0 else t.state.unknown
        found.append((1, Reading(bar.label, words, colour, "" if slot >= 0 else "unknown")))
    for line in row.lines:
        value = row.at(line, moment)
        if not math.isfinite(value):
            found.append((3, Reading(line.label, "?", line_colour(line), "unknown", line.style)))
            continue
        beyond = row.limit is not None and not line.ghost and row.beyond(value)
        spread = line.spread_at(moment)
        words = row.text(value) + (f" ± {row.text(spread)}" if math.isfinite(spread) else "")
        state = "critical" if beyond else ("quiet" if line.ghost else "")
        found.append(
            (0 if beyond else 2 if line.ghost else 1, Reading(line.label, words, line_colour(line), state, line.style))
        )
    found.sort(key=lambda item: item[0])
    return [reading for _, reading in found] + [Reading(label, words, None) for label, words in row.facts]


def paint_readout_head(painter: QPainter, area: QRect, height: int, cross_s: float | None) -> None:
    t = tokens()
    head = QRect(area.left() + 12, 0, area.width() - 24, height)
    painter.setFont(theme.font("strong"))
    painter.setPen(t.accent.accent if cross_s is not None else t.text.primary)
    now_s = time.time()
    said = f"at {dated_text(cross_s, now_s)}" if cross_s is not None else "now"
    painter.drawText(head, int(Qt.AlignmentFlag.AlignVCenter), said)
    if cross_s is not None:
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        painter.drawText(head, right, age_text(cross_s, now_s))


def paint_readings(painter: QPainter, row: ChartRow, rect: QRect, moment: float) -> None:
    t = tokens()
    line_h = theme.px(15)
    room = max(1, rect.height() // line_h)
    items = readings(row, moment)
    hidden = len(items) - room
    if hidden > 0:
        items.sort(key=lambda item: item.state == "unknown")
    painter.setFont(theme.font("small"))
    metrics = QFontMetrics(painter.font())
    for i, item in enumerate(items[:room]):
        y = rect.top() + i * line_h
        box = QRect(rect.left(), y, rect.width(), line_h)
        if item.colour is not None:
            for top, high in _swatch(item.style, y + 3, line_h - 6):
                painter.fillRect(QRect(box.left(), top, 4, high), item.colour)
        more = f"  +{hidden}" if hidden > 0 and i == room - 1 else ""
        # Label and words share the line: neither is written over the other.
        whole = box.width() - 18 - metrics.horizontalAdvance(more)
        least = min(metrics.horizontalAdvance(item.label), round(LABEL_SHARE * whole))
        said = metrics.elidedText(item.text, Qt.TextElideMode.ElideMiddle, whole - least) + more
        pens = {"critical": t.state.critical, "unknown": t.state.unknown, "quiet": t.text.quiet}
        painter.setPen(pens.get(item.state, t.text.primary))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), said)
        painter.setPen(t.text.secondary)
        wide = box.width() - metrics.horizontalAdvance(said) - 18
        text = metrics.elidedText(item.label, Qt.TextElideMode.ElideMiddle, wide)
        painter.drawText(box.adjusted(10, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), text)


def _swatch(style: str, top: int, high: int) -> list[tuple[int, int]]:
    """The parts of a line's colour bar: dashed as the line is."""
    if style == SOLID:
        return [(top, high)]
    count = {DASH: 2, DOT: 3}.get(style, 1)
    part = max(2, (high - 2 * (count - 1)) // count) if style != LONG else max(2, high // 2)
    return [(top + i * (part + 2), part) for i in range(count)]


def bar_at(bar: Bar, moment: float) -> tuple[str, int]:
    """Version and colour slot at a moment; slot -1 where nobody answered or nobody asked."""
    for since_s, until_s, version, slot in reversed(bar.spans):
        if since_s <= moment <= until_s + 15:
            return version, slot
    return "", -1

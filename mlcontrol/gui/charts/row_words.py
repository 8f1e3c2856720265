"""The words at the left of a chart row: title, unit, both ends of its axis. Painted once and kept: they rarely change."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPixmap

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import ChartRow

_KEPT = 512
_pictures: dict[tuple[object, ...], QPixmap] = {}


def paint_words(painter: QPainter, row: ChartRow, label: QRect, top: str, bottom: str) -> None:
    ratio = painter.device().devicePixelRatio()
    unit = f"{row.unit}, log" if row.log else row.unit
    key = (row.title, unit, top, bottom, label.width(), label.height(), ratio, theme.scale, tokens().name)
    picture = _pictures.get(key)
    if picture is None:
        if len(_pictures) >= _KEPT:
            _pictures.clear()
        picture = QPixmap(label.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(tokens().surface.window)
        own = QPainter(picture)
        _paint(own, row.title, unit, QRect(QPoint(0, 0), label.size()), top, bottom)
        own.end()
        _pictures[key] = picture
    painter.drawPixmap(label.topLeft(), picture)


def _paint(painter: QPainter, title: str, unit: str, label: QRect, top: str, bottom: str) -> None:
    t = tokens()
    tight = label.height() < theme.px(38)
    painter.setFont(theme.font("body"))
    painter.setPen(t.text.primary)
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    place = label.adjusted(16, 2 if tight else 5, -4, 0)
    side = label.adjusted(0, 3, -6, -2)
    metrics = QFontMetrics(theme.font("caption"))
    # The axis' upper end stands beside the title.
    room = side.right() - place.left() - (metrics.horizontalAdvance(top) + theme.px(6) if top else 0)
    painter.drawText(place, flags, painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room))
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    beneath = label.height() > theme.px(34)
    line = place.adjusted(0, theme.px(16), 0, 0)
    if beneath and line.top() + metrics.height() > side.bottom() - metrics.height():
        # A low row has both on one height: the unit gives way.
        room = side.right() - line.left() - metrics.horizontalAdvance(bottom) - theme.px(6)
        unit = metrics.elidedText(unit, Qt.TextElideMode.ElideRight, room)
    painter.drawText(line, flags, unit)
    right = Qt.AlignmentFlag.AlignRight
    painter.drawText(side, int(right | Qt.AlignmentFlag.AlignTop), top)
    if beneath:
        painter.drawText(side, int(right | Qt.AlignmentFlag.AlignBottom), bottom)

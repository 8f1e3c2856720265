"""Upright lines by the thousand are painted lying on their side and then turned.

Qt fills a row of pixels at once and a column pixel by pixel, and numpy turns faster than Qt does: of a chart that is full of
lines this halves what painting costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from shiboken6 import wrapInstance

from mlcontrol.gui.charts.reduce import FEW, Lines, address, draw_lines

STRIP = 64  # columns turned at once
MANY, OFTEN = (
    300,
    2.0,
)  # columns; how often their pixels are painted over, from which on it pays to leave out what is covered


def paint_lying(
    picture: QImage,
    columns: int,
    background: QColor,
    upright: Sequence[tuple[QColor, Lines]],
    slanted: Sequence[tuple[QPen, Lines]],
) -> None:
    """Renew the last ``columns`` of a picture, in pixels of its painter. Later lines lie over earlier ones; all as `Strokes`
    keeps them."""
    ratio = picture.devicePixelRatio()
    if columns <= FEW and ratio == 1 and not slanted:
        _paint_few(picture, columns, background, upright)
        return
    sheet = QImage(picture.height(), round(columns * ratio), QImage.Format.Format_RGB32)
    sheet.fill(background)
    painter = QPainter(sheet)
    painter.setClipRect(sheet.rect())  # with one, Qt takes the short way through its fillers
    painter.setPen(Qt.PenStyle.NoPen)
    for colour, spans in seen_of(upright, picture.height() / ratio):
        painter.setBrush(colour)
        rects = np.ascontiguousarray(spans) if ratio == 1 else _on_screen(spans, ratio)
        if len(rects):
            # The array's memory is handed over as `QRect`s: making objects of them costs more than the drawing.
            painter.drawRects(cast(QRect, wrapInstance(address(rects), QRect)), len(rects))
    painter.scale(ratio, ratio)
    for pen, lines in slanted:
        painter.setPen(pen)
        draw_lines(painter, lines)
    painter.end()
    turned, left = pixels(sheet)[::-1], picture.width() - sheet.height()
    drawn, strip = pixels(picture), STRIP if len(turned) > MANY else len(turned)
    for first in range(0, len(turned), strip):
        # A strip's rows are still in the processor's cache when their next pixels are wanted.
        drawn[:, left + first : left + first + strip] = turned[first : first + strip].T


def seen_of(upright: Sequence[tuple[QColor, Lines]], height: float) -> Sequence[tuple[QColor, Lines]]:
    """The same lines without what later ones cover, where they are many and long: filling costs by the pixel. Others are left as
    they are; the picture is the same."""
    over = [spans for _, spans in upright[1:]]  # the first is the grid
    if len(over) < 2 or len(over[0]) < MANY or any(len(spans) != len(over[0]) for spans in over):
        return upright
    first = over[0]
    area = sum(int((spans[:, 2] - spans[:, 0]).sum()) for spans in over)
    if area < OFTEN * height * len(first) or not all((spans[:, 1] == first[:, 1]).all() for spans in over):
        return upright
    top, bottom = over[-1][:, 0], over[-1][:, 2]
    parts: list[Lines] = [over[-1]]
    for spans in reversed(over[:-1]):
        upper, lower = spans[:, 0], spans[:, 2]
        meets = (upper <= bottom + 1) & (lower >= top - 1)  # what is covered stays one piece in each column
        above, below = spans.copy(), spans[meets]
        above[:, 2] = np.where(meets, np.minimum(lower, top - 1), lower)
        below[:, 0] = np.maximum(upper, bottom + 1)[meets]
        both = np.concatenate([above, below])
        parts.append(both[both[:, 0] <= both[:, 2]])
        top, bottom = np.where(meets, np.minimum(top, upper), top), np.where(meets, np.maximum(bottom, lower), bottom)
    colours = (colour for colour, _ in upright[1:])
    return [upright[0], *zip(colours, reversed(parts), strict=True)]


def pixels(image: QImage) -> NDArray[np.uint32]:
    """An image's own memory, (rows, columns)."""
    return np.frombuffer(image.bits(), np.uint32).reshape(image.height(), image.width())


def _paint_few(picture: QImage, columns: int, background: QColor, upright: Sequence[tuple[QColor, Lines]]) -> None:
    """The same, where there is not enough to paint to be worth a sheet."""
    right = picture.width() - 1
    painter = QPainter(picture)
    painter.fillRect(right - columns + 1, 0, columns, picture.height(), background)
    for colour, spans in upright:
        painter.setPen(colour)
        for y1, x, y2, last in spans.tolist():
            if x < columns:
                painter.drawLine(right - x, y1, right - min(last, columns - 1), y2)
    painter.end()


def standing(lines: Lines, width: int) -> Lines:
    """What lies, as lines of a painter that stands."""
    return np.stack([width - 1 - lines[:, 1], lines[:, 0], width - 1 - lines[:, 3], lines[:, 2]], axis=1)


def _on_screen(spans: Lines, ratio: float) -> Lines:
    """The same corners in pixels of the screen: neighbours touch and do not overlap, whatever the ratio."""
    corner = np.array([0, 0, 1, 1], np.int32)
    scaled: Lines = np.rint((spans + corner) * ratio).astype(np.int32) - corner
    return scaled

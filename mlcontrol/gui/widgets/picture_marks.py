"""Boxes and masks drawn over a picture. Whose they are is told by the line (whole, dashed, dotted) as well as by colour."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPen

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.review_overlays import Mask, Overlay

LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
LINE_WORDS = ("whole line", "dashed line", "dotted line")


def marks_words(overlays: Sequence[Overlay]) -> str:
    """Whose marks have which line, for the line under the picture and for a screen reader."""
    notes = {overlay.note for overlay in overlays if overlay.note}
    parts = [f"{o.words} ({LINE_WORDS[i % 3]})" if len(overlays) > 1 else o.words for i, o in enumerate(overlays)]
    return "; ".join([*parts, *sorted(notes)])


def paint_marks(painter: QPainter, target: QRect, width: int, height: int, overlays: Sequence[Overlay]) -> None:
    """``target``: where the picture of ``width`` by ``height`` pixels is drawn."""
    t = tokens()
    colours = (t.accent.accent, t.state.warning, t.text.primary)
    painter.save()
    painter.setClipRect(target)
    for number, overlay in enumerate(overlays):
        colour = colours[number % 3]
        if overlay.mask is not None:
            painter.drawImage(target, _mask_image(overlay.mask, colour))
        across, down = (1.0, 1.0) if overlay.relative else (float(width), float(height))
        for box in overlay.boxes:
            shown = QRectF(
                target.left() + box.x1 / across * target.width(),
                target.top() + box.y1 / down * target.height(),
                (box.x2 - box.x1) / across * target.width(),
                (box.y2 - box.y1) / down * target.height(),
            ).normalized()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            # A dark line under the coloured one: it is seen on any picture.
            painter.setPen(QPen(QColor(0, 0, 0, 170), 4))
            painter.drawRect(shown)
            painter.setPen(QPen(colour, 2, LINES[number % 3]))
            painter.drawRect(shown)
            if box.words:
                _label(painter, target, shown, box.words, colour)
    painter.restore()


def _label(painter: QPainter, target: QRect, box: QRectF, words: str, colour: QColor) -> None:
    painter.setFont(theme.font("caption"))
    metrics = QFontMetrics(painter.font())
    high, wide = metrics.height() + 2, metrics.horizontalAdvance(words) + 8
    top = box.top() - high if box.top() - high >= target.top() else box.top()
    left = max(float(target.left()), min(box.left(), target.right() - wide))
    plate = QRectF(left, top, wide, high)
    painter.fillRect(plate, QColor(0, 0, 0, 190))
    painter.setPen(QColor("#ffffff"))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, words)
    painter.fillRect(QRectF(left, top, 3, high), colour)


def _mask_image(mask: Mask, colour: QColor) -> QImage:
    """Half transparent, its outer cells opaque: the edge is what is judged."""
    image = QImage(mask.width, mask.height, QImage.Format.Format_Indexed8)
    inside, edge = QColor(colour), QColor(colour)
    inside.setAlpha(90)
    edge.setAlpha(220)
    image.setColorTable([0, inside.rgba(), edge.rgba()])
    cells = bytearray(mask.cells)
    w, h = mask.width, mask.height
    for y in range(h):
        for x in range(w):
            at = y * w + x
            if not mask.cells[at]:
                continue
            inner = 0 < x < w - 1 and 0 < y < h - 1 and all(mask.cells[i] for i in (at - 1, at + 1, at - w, at + w))
            cells[at] = 1 if inner else 2
    padded = bytearray(image.bytesPerLine() * h)
    for y in range(h):
        padded[y * image.bytesPerLine() : y * image.bytesPerLine() + w] = cells[y * w : (y + 1) * w]
    made = QImage(bytes(padded), w, h, image.bytesPerLine(), QImage.Format.Format_Indexed8).copy()
    made.setColorTable(image.colorTable())
    return made

"""Small pictures painted once and drawn many times, kept by Qt under what they show."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPixmap, QPixmapCache


def cached_pixmap(key: str, width: int, height: int, ratio: float, paint: Callable[[QPainter], None]) -> QPixmap:
    """``width`` by ``height`` logical pixels on a screen of ``ratio`` physical ones each. ``key``: everything else that what
    ``paint`` does depends on; it paints smoothly on nothing."""
    key = f"{key}-{width}-{height}-{ratio}"
    pixmap = QPixmap()
    if not QPixmapCache.find(key, pixmap):
        pixmap = clear_pixmap(width, height, ratio)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint(painter)
        painter.end()
        QPixmapCache.insert(key, pixmap)
    return pixmap


def clear_pixmap(width: int, height: int, ratio: float) -> QPixmap:
    """One with nothing on it, in logical pixels."""
    pixmap = QPixmap(round(width * ratio), round(height * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap

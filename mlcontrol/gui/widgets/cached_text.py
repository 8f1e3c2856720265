"""Words laid out once and painted many times: a table of hundreds of cells says mostly what it has said before."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QStaticText, QTextOption, QTransform

from mlcontrol.gui.theme import theme

MOST = 4096
"""So many texts are kept at most: some megabytes."""

_Key = tuple[str, str, bool, int]
_laid: dict[_Key, tuple[QStaticText, float, float]] = {}
_widths: dict[_Key, int] = {}
_plain, _no_wrap, _middle = Qt.TextFormat.PlainText, QTextOption.WrapMode.NoWrap, Qt.TextElideMode.ElideMiddle


def paint_text(
    painter: QPainter, rect: QRect, text: str, role: str = "body", *, mono: bool = False, right: bool = False
) -> None:
    """One line in the middle of the height of ``rect``, in the painter's pen, cut in its middle where it does not fit.
    ``right``: at the right edge. Sets the painter's font."""
    wide = rect.width()
    key = (text, role, mono, wide)
    font = theme.font(role, mono)
    laid = _laid.get(key) or _lay(key, font)
    painter.setFont(font)
    x = rect.x() + (wide - laid[1] if right else 0)
    painter.drawStaticText(round(x), rect.y() + int((rect.height() - laid[2]) / 2), laid[0])


def text_width(text: str, role: str = "body", *, mono: bool = False) -> int:
    """Pixels the whole text takes."""
    key = (text, role, mono, 0)
    known = _widths.get(key)
    if known is None:
        if len(_widths) >= MOST:
            _widths.clear()
        known = _widths[key] = QFontMetrics(theme.font(role, mono)).horizontalAdvance(text)
    return known


def _lay(key: _Key, font: QFont) -> tuple[QStaticText, float, float]:
    if len(_laid) >= MOST:
        _laid.clear()
    text, _role, _mono, wide = key
    shown = QStaticText(QFontMetrics(font).elidedText(text.replace("\n", " "), _middle, wide))
    shown.setTextFormat(_plain)
    option = QTextOption()
    option.setWrapMode(_no_wrap)
    shown.setTextOption(option)
    shown.prepare(QTransform(), font)
    size = shown.size()
    laid = _laid[key] = shown, size.width(), size.height()
    return laid


def _forget() -> None:
    _laid.clear()
    _widths.clear()


theme.changed.connect(_forget)

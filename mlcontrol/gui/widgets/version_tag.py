"""A version with its swatch. The swatch is never the only mark: it stands beside the version's text."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.phrases import version_text
from mlcontrol.gui.widgets.cached_text import paint_text


def paint_version(
    painter: QPainter, rect: QRect, version: str | None, swatch: QColor | None, *, colour: QColor | None = None
) -> None:
    """``swatch`` `None`: no bar (all sources agree). An unknown version prints "?" in the unknown colour."""
    t = tokens()
    left = rect.x()
    if swatch is not None and version:
        painter.fillRect(QRect(left, rect.y() + (rect.height() - theme.px(12)) // 2, 4, theme.px(12)), swatch)
    painter.setPen(colour or (t.text.primary if version else t.state.unknown))
    paint_text(painter, rect.adjusted(9, 0, 0, 0), version_text(version), "small", mono=True)


class VersionTag(QWidget):
    """``slot``: 0 baseline, 1 candidate, ... (`tokens.Versions.slot`); `None` shows no swatch."""

    def __init__(self, version: str | None = None, slot: int | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._version, self._slot = version, slot
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set(self, version: str | None, slot: int | None = None, detail: str = "") -> None:
        self.setToolTip(plain_tip(detail))
        if (version, slot) != (self._version, self._slot):
            self._version, self._slot = version, slot
            self.setAccessibleName(version_text(version))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font("small", mono=True))
        return QSize(min(200, metrics.horizontalAdvance(version_text(self._version))) + 12, theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        swatch = None if self._slot is None else tokens().version.slot(self._slot)
        paint_version(painter, self.rect(), self._version, swatch)
        painter.end()

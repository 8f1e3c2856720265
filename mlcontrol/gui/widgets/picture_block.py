"""A colour picture, of numbers or of an encoded file, with what was found in it drawn over it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.review_blocks import Block
from mlcontrol.gui.viewmodels.review_overlays import Overlay
from mlcontrol.gui.widgets.picture_marks import marks_words, paint_marks


class PictureBlock(QWidget):
    """Small pictures grow by whole pixels, unsmoothed; large ones are fitted. ``zoom``: 1 fits the block."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._name = ""
        self._overlays: tuple[Overlay, ...] = ()
        self._marked = True
        self.zoom = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_block(self, block: Block, name: str) -> None:
        if block.picture is not None:
            p = block.picture
            self._image = QImage(p.rgb, p.width, p.height, 3 * p.width, QImage.Format.Format_RGB888).copy()
        else:
            self._image = QImage.fromData(block.encoded)
        self._name = name
        self._restate()
        self.updateGeometry()
        self.update()

    def show_marks(self, overlays: Sequence[Overlay], *, shown: bool) -> None:
        self._overlays, self._marked = tuple(overlays), shown
        self._restate()
        self.update()

    def set_zoom(self, zoom: float) -> None:
        self.zoom = zoom
        self.setMinimumWidth(round(self._base().width() * zoom) if zoom > 1 else 0)
        self.updateGeometry()
        self.update()

    def words(self) -> str:
        """Its size, how it is shown, and whose marks have which line."""
        if self._image.isNull():
            return "This picture cannot be read."
        scale = self._target().width() / self._image.width()
        marks = marks_words(self._overlays) if self._marked else "marks hidden" if self._overlays else ""
        size = f"{self._image.width()} × {self._image.height()} colour, shown {scale:.3g} ×"
        return f"{size} · {marks}" if marks else size

    def _restate(self) -> None:
        self.setAccessibleName(f"{self._name}, picture {self.words()}")

    def _base(self) -> QSize:
        return QSize(theme.px(480), theme.px(340))

    def sizeHint(self) -> QSize:
        base = self._base()
        return QSize(round(base.width() * self.zoom), round(base.height() * self.zoom))

    def _target(self) -> QRect:
        wide, high = max(1, self.width()), max(1, self.height())
        w, h = self._image.width(), self._image.height()
        scale = min(wide / w, high / h)
        if scale >= 1:
            scale = float(int(scale))
        return QRect(0, 0, max(1, round(w * scale)), max(1, round(h * scale)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            painter.setFont(theme.font("small"))
            painter.setPen(tokens().state.unknown)
            painter.drawText(self.rect(), "? This picture cannot be read.")
            painter.end()
            return
        target = self._target()
        smaller = target.width() < self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=smaller)
        painter.drawImage(target, self._image)
        if self._marked:
            paint_marks(painter, target, self._image.width(), self._image.height(), self._overlays)
        painter.end()

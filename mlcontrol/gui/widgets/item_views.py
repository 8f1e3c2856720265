"""What an evaluator looks at: a picture in whole pixels, scores as bars, the trail of the last judgements."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.review_bench import RECENT, Picture
from mlcontrol.gui.viewmodels.review_overlays import Overlay
from mlcontrol.gui.widgets.picture_marks import marks_words, paint_marks


class PictureView(QWidget):
    """Draws each source pixel as a square of whole screen pixels: no smoothing, so that nothing is invented."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: Picture | None = None
        self._image = QImage()
        self._overlays: tuple[Overlay, ...] = ()
        self._marked = True
        self.zoom = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_marks(self, overlays: Sequence[Overlay], *, shown: bool) -> None:
        self._overlays, self._marked = tuple(overlays), shown
        self._restate()
        self.update()

    def set_zoom(self, zoom: float) -> None:
        """1 fits the room; more than that grows beyond it, and the page scrolls."""
        self.zoom = zoom
        side = theme.px(160) if zoom <= 1 else round(theme.px(420) * zoom)
        self.setMinimumSize(side, side)
        self.update()

    def _restate(self) -> None:
        if self._picture is not None:
            marks = f", {marks_words(self._overlays)}" if self._overlays and self._marked else ""
            self.setAccessibleName(f"Picture, {self._picture.width} by {self._picture.height} grey values{marks}")

    def show_picture(self, picture: Picture | None) -> None:
        self._picture = picture
        if picture is not None:
            image = QImage(picture.width, picture.height, QImage.Format.Format_Grayscale8)
            for i, grey in enumerate(picture.grey):
                level = round(255 * grey)
                image.setPixelColor(i % picture.width, i // picture.width, QColor(level, level, level))
            self._image = image
            self._restate()
        self.setVisible(picture is not None)
        self.update()

    def scale(self) -> int:
        """Screen pixels per source pixel."""
        if self._picture is None:
            return 1
        room = min(self.width() // self._picture.width, self.height() // self._picture.height)
        return max(1, int(room * min(1.0, self.zoom)))

    def words(self) -> str:
        if self._picture is None:
            return ""
        marks = marks_words(self._overlays) if self._marked else "marks hidden" if self._overlays else ""
        size = f"{self._picture.width} × {self._picture.height} grey, shown {self.scale()} ×, no smoothing"
        return f"{size} · {marks}" if marks else size

    def sizeHint(self) -> QSize:
        return QSize(theme.px(420), theme.px(420))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(160))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._picture is None:
            return
        painter = QPainter(self)
        scale = self.scale()
        target = QRect(0, 0, self._picture.width * scale, self._picture.height * scale)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.drawImage(target, self._image)
        painter.setPen(tokens().line.border)
        painter.drawRect(target.adjusted(0, 0, -1, -1))
        if self._marked:
            paint_marks(painter, target, self._picture.width, self._picture.height, self._overlays)
        painter.end()


class ScoreBars(QWidget):
    """Class, bar, share: the best first. The scale is always 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: tuple[tuple[str, float], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_scores(self, scores: tuple[tuple[str, float], ...]) -> None:
        self._scores = scores[:4]
        self.setAccessibleName("Scores: " + ", ".join(f"{name} {share:.3f}" for name, share in self._scores))
        self.setVisible(bool(scores))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(300), theme.px(22) * max(1, len(self._scores)))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("small", mono=True))
        row_h, label_w, value_w = theme.px(22), theme.px(72), theme.px(52)
        track = self.width() - label_w - value_w
        for i, (name, share) in enumerate(self._scores):
            y = i * row_h
            painter.setPen(t.text.primary if i == 0 else t.text.secondary)
            shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, label_w - theme.px(8))
            painter.drawText(QRect(0, y, label_w, row_h), int(Qt.AlignmentFlag.AlignVCenter), shown)
            bar = QRect(label_w, y + theme.px(7), track, theme.px(8))
            painter.fillRect(bar, t.surface.control)
            wide = round(track * min(1.0, max(0.0, share)))
            painter.fillRect(QRect(bar.left(), bar.top(), wide, bar.height()), t.text.secondary)
            painter.drawText(
                QRect(label_w + track, y, value_w, row_h),
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
                f"{share:.3f}",
            )
        painter.end()


class JudgementTrail(QWidget):
    """The last sixteen judgements as their keys, then this item, then whether the next one is already here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks: tuple[str, ...] = ()
        self._next_ready = False
        self.setAccessibleName("Last judgements")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_trail(self, marks: list[str], next_ready: bool) -> None:
        self._marks, self._next_ready = tuple(marks[-RECENT:]), next_ready
        self.setAccessibleName(f"Last judgements: {' '.join(self._marks) or 'none yet'}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(520), theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        side, gap, x = theme.px(16), theme.px(4), 0
        for mark in self._marks:
            box = QRect(x, theme.px(1), side, side)
            painter.setPen(t.line.strong)
            painter.drawRect(box)
            painter.setPen(t.text.secondary)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, mark)
            x += side + gap
        painter.setPen(t.accent.accent)
        painter.drawRect(QRect(x, theme.px(1), side, side))
        painter.drawRect(QRect(x + 1, theme.px(1) + 1, side - 2, side - 2))
        x += side + gap
        pen = painter.pen()
        pen.setStyle(Qt.PenStyle.DashLine)
        pen.setColor(t.line.strong)
        painter.setPen(pen)
        painter.drawRect(QRect(x, theme.px(1), side, side))
        x += side + theme.px(10)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        words = "the next item is already loaded" if self._next_ready else "the next item is on its way"
        count = f"your last {len(self._marks)}, this one; " if self._marks else "this one; "
        painter.drawText(
            QRect(x, 0, max(0, self.width() - x), theme.px(18)), int(Qt.AlignmentFlag.AlignVCenter), count + words
        )
        painter.end()

"""Every score of a model's generations on one scale: train, validation, test, golden, canary, production, human."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.quality.generations import FROM_REGISTRY, KINDS, Generations, Point
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tokens import Tokens
from mlcontrol.gui.viewmodels.phrases import metric_text, version_text, visible_text

_DASHES: dict[str, list[float]] = {"train": [1, 3], "validation": [5, 2]}
_FILLED = ("test", "production", "human")
NAME_PX = 150  # what a version's name may take, however many there are
_SIDE_PX = 9
"""Marks of one version stand side by side: equal scores would hide each other."""


class GenerationsChart(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what: Generations | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Quality by version")

    def show_generations(self, what: Generations | None) -> None:
        if what != self._what:
            self._what = what
            self.setAccessibleDescription(" ".join(words for words, _ in what.findings) if what is not None else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, theme.px(170))

    def paintEvent(self, event: QPaintEvent) -> None:
        t, what = tokens(), self._what
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        if what is None or not what.points:
            words = "? No version carries a score: neither from training, nor golden, nor measured."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
            painter.end()
            return
        plot = self.rect().adjusted(theme.px(52), 10, -24, -theme.px(22))
        ends = [v for p in what.points for v in (p.value, p.low, p.high) if v is not None]
        if what.threshold is not None:
            ends.append(what.threshold)
        if plot.height() > 20:
            low, high = min(ends), max(ends)
            self._paint(painter, t, what, plot, low, high)
        painter.end()

    def _paint(self, painter: QPainter, t: Tokens, what: Generations, plot: QRect, low: float, high: float) -> None:
        """``low``, ``high``: the least and the largest score; room is left beyond them, but no line or number."""
        pad = max((high - low) * 0.12, abs(high) * 0.002, 1e-6)
        step = plot.width() / max(1, len(what.versions))
        xs = {v: plot.left() + step * (i + 0.5) for i, v in enumerate(what.versions)}

        def y(value: float) -> float:
            return plot.bottom() - (value - low + pad) / (high - low + 2 * pad) * plot.height()

        painter.setPen(t.line.grid)
        for value in (low, (low + high) / 2, high):
            painter.drawLine(plot.left(), round(y(value)), plot.right(), round(y(value)))
        painter.setFont(theme.font("caption"))
        painter.setPen(t.text.quiet)
        for value in (low, high):
            box = QRectF(0, y(value) - 8, plot.left() - 6, 16)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), metric_text(value))
        self._paint_versions(painter, t, what, plot, xs, step)
        if what.threshold is not None:
            self._paint_threshold(painter, t, plot, y(what.threshold), what.threshold)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shown = [kind for kind in KINDS if what.of(kind)]
        side = min(float(theme.px(_SIDE_PX)), step / max(len(shown) + 1, 2))
        for place, kind in enumerate(shown):
            shift = (place - (len(shown) - 1) / 2) * side
            of = what.of(kind)
            points = [(QPointF(xs[v] + shift, y(of[v].value)), of[v]) for v in what.versions if v in of]
            self._paint_kind(painter, t, kind, points, y)

    def _paint_versions(
        self, painter: QPainter, t: Tokens, what: Generations, plot: QRect, xs: dict[str, float], step: float
    ) -> None:
        tone = what.findings[0][1] if what.findings else ""
        named = self._named(painter, what, step)
        for version, x in xs.items():
            here = version == what.current
            if here and tone in ("warning", "critical"):
                wash = t.wash.critical if tone == "critical" else t.wash.warning
                painter.fillRect(QRectF(x - step * 0.45, plot.top() - 6, step * 0.9, plot.height() + 10), wash)
            if version in named:
                words, wide = named[version]
                painter.setFont(theme.font("caption", mono=True))
                painter.setPen(t.text.primary if here else t.text.quiet)
                # Half of the first and the last name may stand beside the plot.
                left = min(max(0.0, x - wide / 2), self.width() - wide)
                box = QRectF(left, plot.bottom() + 4, wide, theme.px(16))
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), words)

    def _named(self, painter: QPainter, what: Generations, step: float) -> dict[str, tuple[str, float]]:
        """The names there is room for, and how wide each is: of many versions every few one, always the current one. Nothing is
        written over another."""
        metrics = QFontMetrics(theme.font("caption", mono=True))
        most = max(step, theme.px(NAME_PX)) - theme.px(6)
        words = {
            v: metrics.elidedText(visible_text(version_text(v), 200), Qt.TextElideMode.ElideMiddle, round(most))
            for v in what.versions
        }
        width = {v: float(metrics.horizontalAdvance(said)) for v, said in words.items()}
        order = sorted(range(len(what.versions)), key=lambda i: (what.versions[i] != what.current, -i))
        taken: list[int] = []
        for i in order:
            mine = width[what.versions[i]]
            if all(abs(i - j) * step >= (mine + width[what.versions[j]]) / 2 + theme.px(6) for j in taken):
                taken.append(i)
        return {what.versions[i]: (words[what.versions[i]], width[what.versions[i]]) for i in taken}

    def _paint_threshold(self, painter: QPainter, t: Tokens, plot: QRect, at: float, value: float) -> None:
        painter.setPen(QPen(t.text.secondary, 1, Qt.PenStyle.DashLine))
        painter.drawLine(plot.left(), round(at), plot.right(), round(at))
        painter.setFont(theme.font("caption"))
        box = QRectF(plot.left() + 4, at + 1, plot.width() - 8, 14)
        words = f"history asks for {metric_text(value)}"
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words)

    def _paint_kind(
        self, painter: QPainter, t: Tokens, kind: str, points: list[tuple[QPointF, Point]], y: Callable[[float], float]
    ) -> None:
        colour = kind_colour(t, kind)
        pen = QPen(colour, 1)
        if kind in _DASHES:
            pen.setDashPattern(_DASHES[kind])
        painter.setPen(pen)
        if kind in FROM_REGISTRY and len(points) > 1:
            painter.drawPolyline([at for at, _ in points])
        painter.setPen(QPen(colour, 1.2))
        for at, point in points:
            if point.low is not None and point.high is not None:
                painter.drawLine(QPointF(at.x(), y(point.low)), QPointF(at.x(), y(point.high)))
            painter.setBrush(colour if kind in _FILLED else Qt.BrushStyle.NoBrush)
            paint_kind_mark(painter, kind, at)


def kind_colour(t: Tokens, kind: str) -> QColor:
    """What was measured where it serves is loudest; test has the colour of a candidate."""
    if kind == "test":
        return t.version.v2
    return t.text.primary if kind in ("production", "human") else t.text.secondary


def paint_kind_mark(painter: QPainter, kind: str, at: QPointF) -> None:
    """Square, diamond, dot, triangle, cross, bar, house: the kinds differ by shape before colour."""
    x, y = at.x(), at.y()
    match kind:
        case "train":
            painter.drawRect(QRectF(x - 3, y - 3, 6, 6))
        case "validation":
            painter.drawPolygon([QPointF(x, y - 4), QPointF(x + 4, y), QPointF(x, y + 4), QPointF(x - 4, y)])
        case "test":
            painter.drawEllipse(at, 3, 3)
        case "golden":
            painter.drawPolygon([QPointF(x, y - 4), QPointF(x + 4, y + 3), QPointF(x - 4, y + 3)])
        case "canary":
            painter.drawLine(QPointF(x - 3, y - 3), QPointF(x + 3, y + 3))
            painter.drawLine(QPointF(x - 3, y + 3), QPointF(x + 3, y - 3))
        case "production":
            painter.drawRect(QRectF(x - 5, y - 1, 10, 2))
        case _:
            painter.drawPolygon([QPointF(x, y + 4), QPointF(x + 4, y - 3), QPointF(x - 4, y - 3)])


class KindLegend(QWidget):
    """Names the marks of the chart beside it; what there is no room for is left to the accessible name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kinds: tuple[str, ...] = KINDS
        self.setFixedHeight(theme.px(20))
        self.setAccessibleName("Marks: " + ", ".join(KINDS))

    def show_kinds(self, what: Generations | None) -> None:
        """Only what has a mark in the chart is named."""
        self._kinds = tuple(kind for kind in KINDS if what is None or what.of(kind))
        self.setAccessibleName("Marks: " + ", ".join(self._kinds))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        x = 0.0
        for kind in self._kinds:
            wide = painter.fontMetrics().horizontalAdvance(kind)
            if x + 13 + wide > self.width():
                break
            colour = kind_colour(t, kind)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(colour, 1.2))
            painter.setBrush(colour if kind in _FILLED else Qt.BrushStyle.NoBrush)
            paint_kind_mark(painter, kind, QPointF(x + 6, self.height() / 2))
            painter.setPen(t.text.secondary)
            painter.drawText(QRectF(x + 13, 0, wide + 4, self.height()), int(Qt.AlignmentFlag.AlignVCenter), kind)
            x += 13 + wide + 6
        painter.end()

"""One row of charts large, in a pyqtgraph scene: both axes zoom and pan by hand; the painter is the one of the small rows.

pyqtgraph is imported by this module and by nothing else: who opens it first has let `StepwiseImport` run.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from mlcontrol.gui.charts.event_words import Rule
from mlcontrol.gui.charts.row_marks import rule_pen
from mlcontrol.gui.charts.row_picture import ABOVE, BELOW, RowPicture
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import ChartRow

ZOOM = 1.25
UTC = 0


def _literal(words: str) -> str:
    """pyqtgraph formats a line's label: braces of a server's text are no fields."""
    return words.replace("{", "{{").replace("}", "}}")


class RowItem(pg.GraphicsObject):  # type: ignore[misc]
    """The lines of a row over the view's whole rectangle. Coordinates: UTC seconds, values (their logarithms on a log axis)."""

    def __init__(self) -> None:
        super().__init__()
        self.row: ChartRow | None = None
        self.picture = RowPicture()

    def put(self, row: ChartRow) -> None:
        self.row = row
        self.update()

    def boundingRect(self) -> QRectF:
        view = self.getViewBox()
        return QRectF(view.viewRect()) if view is not None else QRectF()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        view = self.getViewBox()
        if self.row is None or view is None:
            return
        # In whole pixels of the screen: the painter reduces to pixel columns.
        plot = painter.transform().mapRect(self.boundingRect()).toAlignedRect()
        (since_s, until_s), (low, high) = view.viewRange()
        # The painter leaves room at both ends of its scale; the view's axis does not.
        unit = (high - low) / max(1, plot.height())
        low, high = low + unit * (BELOW + 1), high - unit * ABOVE
        scale = Scale(10.0**low, 10.0**high, log=True) if self.row.log else Scale(low, high)
        painter.save()
        painter.resetTransform()
        self.picture.paint(painter, self.row, Span(since_s, until_s), plot, scale)
        painter.restore()


class ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """Ticks in the words of the row: its units, not a power beside a number."""

    def __init__(self) -> None:
        super().__init__("left")
        self.row: ChartRow | None = None
        self.enableAutoSIPrefix(False)

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.row is None:
            return [""] * len(values)
        return [self.row.text(10.0**value if self.row.log else value) for value in values]


class RowScene(pg.PlotWidget):  # type: ignore[misc]
    """Wheel zooms around the pointer (over an axis: that axis alone), dragging pans, the right button stretches. Keys: + and -
    zoom time, Shift with Up and Down zoom values, Left and Right move the crosshair, Home shows everything.

    *Signals:* ``crosshair_moved(at_s)`` in UTC seconds; ``looked()`` after a person moved an axis."""

    crosshair_moved = Signal(float)
    looked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._values = ValueAxis()
        super().__init__(parent, axisItems={"bottom": pg.DateAxisItem(utcOffset=UTC), "left": self._values})
        self.item = RowItem()
        self.span = Span(0.0, 1.0)
        self._rules: list[pg.InfiniteLine] = []
        self._ruled: tuple[list[Rule], str, float] = ([], "", 0.0)
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(8, 8, 12, 4)  # the words of the outermost ticks stand half outside
        plot.addItem(self.item)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.hide()
        plot.addItem(self._cross)
        self.setAccessibleName("One chart, large")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.scene().sigMouseMoved.connect(self._on_moved)
        self.getViewBox().sigRangeChangedManually.connect(lambda *_: self.looked.emit())
        self.restyle()

    def restyle(self) -> None:
        """The theme's colours and fonts."""
        t = tokens()
        self.setBackground(t.surface.plot)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(t.line.border)
            axis.setTextPen(t.text.quiet)
            axis.setTickFont(theme.font("caption"))
        self._cross.setPen(t.accent.accent)

    def put(self, row: ChartRow, scale: Scale, span: Span, rules: list[Rule], *, follow: bool) -> None:
        """``scale``: shown when ``follow``, with the span."""
        self.item.put(row)
        self.span = span
        self._values.row = row
        self._values.picture = None  # it is drawn again although its range may be the same
        self._values.update()
        if follow:
            low, high = scale.ends
            self.setRange(xRange=(span.since_s, span.until_s), yRange=(low, high), padding=0)
        if (rules, tokens().name, theme.scale) == self._ruled:
            return
        self._ruled = list(rules), tokens().name, theme.scale
        for line in self._rules:
            self.removeItem(line)
        self._rules = []
        for rule in rules:
            pen = rule_pen(rule.kind, tokens().state.critical if rule.kind == "alert" else tokens().text.secondary)
            pen.setCosmetic(True)
            side = (0.0, 0.5) if rule.right else (1.0, 0.5)
            style = {"position": 0.97, "color": tokens().text.secondary, "movable": False, "anchors": [side, side]}
            words = _literal(rule.words) if rule.words else None
            line = pg.InfiniteLine(rule.at_s, angle=90, pen=pen, label=words, labelOpts=style)
            if words:
                line.label.textItem.setFont(theme.font("caption"))
            self.addItem(line)
            self._rules.append(line)

    @property
    def shown(self) -> Span:
        return Span(*self.getViewBox().viewRange()[0])

    def cross_at(self, at_s: float | None) -> None:
        self._cross.setVisible(at_s is not None)
        if at_s is not None:
            self._cross.setValue(at_s)
            self.crosshair_moved.emit(at_s)

    def _on_moved(self, at: QPointF) -> None:
        box = self.getViewBox()
        self.cross_at(box.mapSceneToView(at).x() if box.sceneBoundingRect().contains(at) else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, box, span = event.key(), self.getViewBox(), self.shown
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            box.scaleBy(x=ZOOM if key == Qt.Key.Key_Minus else 1 / ZOOM)
            self.looked.emit()
        elif shift and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            box.scaleBy(y=ZOOM if key == Qt.Key.Key_Down else 1 / ZOOM)
            self.looked.emit()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            here = self._cross.value() if self._cross.isVisible() else span.until_s
            step = (span.until_s - span.since_s) / 60 * (1 if key == Qt.Key.Key_Right else -1)
            self.cross_at(min(span.until_s, max(span.since_s, here + step)))
        else:
            event.ignore()

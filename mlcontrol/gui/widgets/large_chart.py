"""One chart of the stack in the place of all: its scene, its readings, the way to the next one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.types import TimelineEvent
from mlcontrol.gui.charts.event_words import Rule, named
from mlcontrol.gui.charts.readout import paint_readings, readings
from mlcontrol.gui.charts.row_picture import scale_of
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.charts.stack_marks import event_name
from mlcontrol.gui.stepwise_import import StepwiseImport
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.time_axis import dated_text
from mlcontrol.gui.widgets.label import PlainLabel

if TYPE_CHECKING:
    from mlcontrol.gui.charts.scene import RowScene

# What pyqtgraph pulls in from elsewhere.
NEEDED = (
    "inspect",
    "unittest",
    "multiprocessing",
    "ctypes.util",
    "hashlib",
    "html",
    "xml.dom.minidom",
    "numpy.fft",
    "decimal",
)
RULE_AIR = 12.0  # around an event's words, in pixels
HINT = "wheel or + − zoom · Shift+↑ ↓ values · ← → crosshair · ↑ ↓ next chart · Home all · Esc back"


class Readings(QWidget):
    """What the row says at a moment, as beside the small charts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row: ChartRow | None = None
        self.moment_s = 0.0

    def put(self, row: ChartRow, moment_s: float) -> None:
        self.row, self.moment_s = row, moment_s
        said = ", ".join(f"{one.label} {one.text}" for one in readings(row, moment_s))
        self.setAccessibleName(f"Values of {row.title}: {said}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.row is not None:
            painter = QPainter(self)
            paint_readings(painter, self.row, self.rect(), self.moment_s)
            painter.end()


class LargeChart(QWidget):
    """*Thread:* GUI. Follows the stack's span until a person moves an axis; Home follows again.

    *Signals:* ``closed()``: the person goes back to all charts; ``looked(since_s, until_s)``: they look at this span now."""

    closed = Signal()
    looked = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row_id = ""
        self.follows = True
        self.loading = StepwiseImport("pyqtgraph", NEEDED, self)
        self.scene: RowScene | None = None
        self._rows: tuple[ChartRow, ...] = ()
        self._events: tuple[TimelineEvent, ...] = ()
        self._span = Span(0.0, 1.0)
        self._at_s: float | None = None
        self._title, self._hint = PlainLabel("", "strong"), PlainLabel(HINT, "small", "quiet", elide=True)
        self._moment, self.readings = PlainLabel("", "strong"), Readings()
        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 16, 8)
        head.setSpacing(16)
        head.addWidget(self._title)
        head.addWidget(self._hint, 1)
        side = QWidget()
        side.setFixedWidth(theme.px(236))
        facts = QVBoxLayout(side)
        facts.setContentsMargins(12, 0, 12, 12)
        facts.addWidget(self._moment)
        facts.addWidget(self.readings, 1)
        self._below = QHBoxLayout()
        self._below.setSpacing(0)
        self._below.addWidget(side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(self._below, 1)
        theme.changed.connect(self._restyle)

    def open(self, row_id: str) -> None:
        """``row_id``: of the row to show; the first with lines, if it has none."""
        if self.scene is None:
            self.loading.finish()
            from mlcontrol.gui.charts.scene import RowScene

            self.scene = RowScene()
            self.scene.crosshair_moved.connect(self._on_crosshair)
            self.scene.looked.connect(self._on_looked)
            self._below.insertWidget(0, self.scene, 1)
            self.setFocusProxy(self.scene)
        known = [row.id for row in self._choices()]
        self.row_id = row_id if row_id in known else (known[0] if known else "")
        self.follows = True
        self._show()

    @property
    def span(self) -> Span:
        """What is shown: the stack's span until a person moved the axis."""
        return self._span if self.follows or self.scene is None else self.scene.shown

    @property
    def row(self) -> ChartRow | None:
        return next((row for row in self._choices() if row.id == self.row_id), None)

    def put(self, rows: Sequence[ChartRow], events: Sequence[TimelineEvent], span: Span) -> None:
        self._rows, self._events, self._span = tuple(rows), tuple(events), span
        if self.isVisible():
            self._show()

    def _choices(self) -> list[ChartRow]:
        return [row for row in self._rows if row.lines]

    def _show(self) -> None:
        row = self.row
        if row is None or self.scene is None:
            return
        self._title.setText(f"{row.title}, {row.unit}" if row.unit else row.title)
        span = self.span
        width = max(100, self.scene.width())
        scale = scale_of(row, self._span, width) if self.follows else self.scene.item.picture.scale
        self.scene.put(row, scale, self._span, self._rules(span), follow=self.follows)
        self._say(row)

    def _rules(self, span: Span) -> list[Rule]:
        """The events of a span; those have words that would stand on no other event and no other words."""
        shown = [e for e in self._events if span.since_s <= e.at_s <= span.until_s]
        wide = float(self.scene.getViewBox().width()) if self.scene is not None else 0.0
        metrics = QFontMetrics(theme.font("caption"))
        plot = QRect(0, 0, max(1, round(wide)), 1)
        marks = [(span.x(e.at_s, plot), e) for e in shown]
        names = named(marks, lambda e: metrics.horizontalAdvance(event_name(e)) + RULE_AIR, 0.0, wide)
        left_of = {one.event.id: one.left for one in names}
        return [
            Rule(e.at_s, e.kind.value, event_name(e) if e.id in left_of else "", left_of.get(e.id, x) >= x)
            for x, e in marks
        ]

    def _say(self, row: ChartRow) -> None:
        moment = self._at_s if self._at_s is not None else min(time.time(), self.span.until_s)
        self._moment.setText(f"at {dated_text(moment, time.time())} UTC")
        self.readings.put(row, moment)

    def _on_crosshair(self, at_s: float) -> None:
        self._at_s = at_s
        if self.row is not None:
            self._say(self.row)

    def _on_looked(self) -> None:
        self.follows = False
        self._show()
        self.looked.emit(self.span.since_s, self.span.until_s)

    def _restyle(self) -> None:
        if self.scene is not None:
            self.scene.restyle()

    def walk(self, steps: int) -> None:
        """To the next or the previous chart that has lines."""
        known = [row.id for row in self._choices()]
        if known:
            at = known.index(self.row_id) if self.row_id in known else 0
            self.row_id, self.follows = known[(at + steps) % len(known)], True
            self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.walk(1 if key == Qt.Key.Key_Down else -1)
        elif key == Qt.Key.Key_Home:
            self.follows = True
            self._show()
        elif key == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

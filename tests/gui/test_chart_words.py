"""What charts say and shade: nothing across what is not known, words where lines leave them room."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from mlcontrol.gui.charts.quiet_place import Ink, ink_of
from mlcontrol.gui.charts.row_marks import spans_beyond
from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.charts.spans import SPANS_S
from mlcontrol.gui.charts.stack import ChartStack
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import ChartRow, Line
from mlcontrol.gui.viewmodels.time_axis import dated_text

pytestmark = pytest.mark.usefixtures("qapp")
AT = np.arange(0.0, 900.0, 5.0)
WHOLE = Span(0.0, 900.0)


def plot_of(row: ChartRow, span: Span = WHOLE, wide: int = 300) -> QImage:
    image = QImage(wide, 100, QImage.Format.Format_RGB32)
    image.fill(tokens().surface.plot)
    painter = QPainter(image)
    RowPicture().paint(painter, row, span, QRect(0, 0, wide, 100))
    painter.end()
    return image


def shaded(image: QImage, x: int) -> bool:
    """Whether a column shows anything but the plot and its grid."""
    calm = {tokens().surface.plot.rgb(), tokens().line.grid.rgb()}
    return any(image.pixel(x, y) not in calm for y in range(image.height()))


def test_a_band_is_not_shaded_across_a_gap() -> None:
    kept = (AT < 300) | (AT > 600)
    at = AT[kept]
    line = Line("cpu", at, np.full(len(at), 0.3), np.full(len(at), 0.2), np.full(len(at), 0.4), band=True)
    seen = plot_of(ChartRow("cpu", "CPU", "%", (line,)))
    assert shaded(seen, 50)
    assert shaded(seen, 250)
    assert not any(shaded(seen, x) for x in range(105, 195))
    joined = plot_of(ChartRow("cpu", "CPU", "%", (line,), gap_s=400.0))
    assert shaded(joined, 150), "the twin: where it is no gap it is shaded"


def test_a_band_loses_no_peak_of_a_long_series() -> None:
    at = np.arange(0.0, 9000.0)
    high = np.where(at == 4507, 9.0, 1.0)
    line = Line("cpu", at, np.full(len(at), 0.5), np.zeros(len(at)), high, band=True)
    seen = plot_of(ChartRow("cpu", "CPU", "%", (line,)), Span(0.0, 9000.0))
    tops = [next((y for y in range(100) if seen.pixel(x, y) != tokens().surface.plot.rgb()), 100) for x in range(300)]
    assert min(tops[148:153]) < 20 < min(tops[100:140])


def test_what_is_not_known_is_not_beyond_the_limit() -> None:
    def row(value: Any, at: Any = AT, **more: Any) -> ChartRow:
        over = Line("all", at, np.asarray(value, float), stamp=1)
        return ChartRow("e", "Errors", "%", (over,), limit=(1.0, "limit"), over_limit=over, **more)

    def beyond(of: ChartRow) -> list[tuple[float, float]]:
        assert of.over_limit is not None
        return spans_beyond(of, of.over_limit)

    value = np.zeros(len(AT))
    value[20:40] = 2.0
    assert beyond(row(value)) == [(100.0, 200.0)], "until it is back"
    silent = (AT < 150) | (AT > 400)
    assert beyond(row(value[silent], AT[silent])) == [(100.0, 145.0)], "until nothing was heard"
    value[80:100] = 2.0
    again = (AT < 150) | (AT > 450)
    assert beyond(row(value[again], AT[again])) == [(100.0, 145.0), (455.0, 500.0)]
    assert beyond(row(value[again], AT[again], gap_s=400.0)) == [(100.0, 500.0)], "the twin: no gap, one span"
    value[30] = np.nan
    assert beyond(row(value)) == [(100.0, 145.0), (155.0, 200.0), (400.0, 500.0)]
    assert beyond(row(2.0 - value, floor=True))[0] == (100.0, 145.0)
    assert beyond(row([], AT[:0])) == []


def test_words_stand_where_no_line_crosses_them() -> None:
    x = np.arange(0.0, 300.0)
    ink = Ink(((x, np.full(300, 40.0), np.full(300, 44.0)),))
    on, over = QRectF(4, 36, 80, 12), QRectF(4, 20, 80, 12)
    assert ink.crossed(on) > 20
    assert ink.crossed(over) == 0
    assert ink.quietest([on, over]) == over
    assert Ink(()).quietest([on, over]) == on
    points = Line("labels", AT, np.full(len(AT), 0.5), points=True)
    sparse = ink_of(ChartRow("q", "Q", "", (points,)), [], WHOLE, QRect(0, 0, 300, 100), Scale(0.0, 1.0))
    assert sparse.crossed(QRectF(4, 44, 80, 12)) > 20


def test_the_words_of_a_limit_leave_a_line_that_lies_on_it(window: Any) -> None:
    """Where they stood, right above the limit, the line would go through them."""
    noisy = 0.95 + 0.02 * np.where(np.arange(len(AT)) % 2 == 0, 1.0, 0.1)
    line = Line("a", AT, noisy, tone="warning")
    row = ChartRow("q", "Quality", "", (line,), limit=(0.9, "objective accuracy"), ceiling=1.0)
    seen, bare = plot_of(row), plot_of(ChartRow("q", "Quality", "", (line,), limit=(0.9, ""), ceiling=1.0))
    written = [(x, y) for x in range(300) for y in range(100) if seen.pixel(x, y) != bare.pixel(x, y)]
    assert written
    rows = sorted({y for _, y in written})
    line_rows = {y for x in range(300) for y in range(100) if bare.pixel(x, y) == tokens().state.warning.rgb()}
    assert not line_rows & set(rows)


def test_a_moment_of_another_day_says_its_day() -> None:
    now = 20_000 * 86_400.0 + 50_000
    assert dated_text(now - 60, now) == "13:52:20"
    assert dated_text(now - 86_400, now) == "03 Oct 13:53:20"


def wheel(stack: ChartStack, sideways: int, upright: int) -> None:
    middle = QPointF(stack.rect().center())
    turned = QWheelEvent(
        middle, QPointF(stack.mapToGlobal(middle.toPoint())), QPoint(), QPoint(sideways, upright),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(stack, turned)


@pytest.fixture
def stack(qtbot: Any, qapp: QApplication) -> ChartStack:
    theme.install(qapp, "dark")
    made = ChartStack()
    qtbot.addWidget(made)
    made.resize(900, 400)
    now = time.time()
    made.look_at(now - 7200.0, now - 3600.0)
    return made


def test_a_touch_pad_zooms_by_the_hand_and_sideways_pans(stack: ChartStack) -> None:
    def length() -> float:
        return stack.span.until_s - stack.span.since_s

    for _ in range(15):
        wheel(stack, 0, 8)  # a touch pad's notch comes in parts
    assert length() == pytest.approx(0.8 * 3600.0), "as one notch of a wheel"
    before = stack.span
    wheel(stack, 120, 0)
    assert length() == pytest.approx(before.until_s - before.since_s), "sideways is no zoom"
    assert stack.span.since_s < before.since_s
    wheel(stack, -120, 0)
    assert stack.span.since_s == pytest.approx(before.since_s)


def test_nobody_pans_into_the_future(stack: ChartStack) -> None:
    for _ in range(40):
        wheel(stack, -1200, 0)
    assert stack.span.until_s <= time.time()
    ahead = time.time() + 500.0
    stack.look_at(ahead - 900.0, ahead)
    wheel(stack, -120, 0)
    assert stack.span.until_s == ahead, "what was chosen stays"


def test_the_axis_goes_from_half_a_minute_to_three_months(stack: ChartStack) -> None:
    for _ in range(30):
        stack.zoom(1)
    assert stack.span.until_s - stack.span.since_s == 90 * 86_400.0 == SPANS_S[-1]
    for _ in range(30):
        stack.zoom(-1)
    assert stack.span.until_s - stack.span.since_s == 30.0

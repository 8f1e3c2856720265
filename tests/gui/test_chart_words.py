"""What charts say and shade: nothing across what is not known, words where lines leave them room."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from mlcontrol.core.quality.generations import Generations, Point
from mlcontrol.gui.charts.generations_chart import GenerationsChart
from mlcontrol.gui.charts.lanes import _beside
from mlcontrol.gui.charts.quiet_place import Ink, ink_of
from mlcontrol.gui.charts.readout import paint_readings
from mlcontrol.gui.charts.reduce import dashed
from mlcontrol.gui.charts.row_marks import spans_beyond
from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.charts.spans import SPANS_S
from mlcontrol.gui.charts.stack import ChartStack
from mlcontrol.gui.charts.stack_marks import paint_axis
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, LONG, Bar, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import bytes_text, metric_text, milliseconds_text, percent_text, rate_text
from mlcontrol.gui.viewmodels.time_axis import dated_text
from mlcontrol.gui.widgets.label import PlainLabel

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


def test_a_row_whose_span_holds_no_number_says_so_instead_of_an_axis(qapp: QApplication) -> None:
    picture = RowPicture()

    def empty(value: Any, span: Span) -> bool:
        image = QImage(300, 100, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        line = Line("a", AT, np.broadcast_to(np.asarray(value, float), AT.shape).copy())
        picture.paint(painter, ChartRow("m", "Memory", "B", (line,)), span, QRect(0, 0, 300, 100))
        painter.end()
        return picture.empty

    assert empty(np.nan, WHOLE)
    assert empty(1.0, Span(5000.0, 6000.0))
    assert not empty(1.0, WHOLE)
    assert not empty(7.0, Span(11.0, 14.0)), "between two samples their line is seen"
    assert picture.scale.low <= 7.0 <= picture.scale.high
    assert empty(7.0, Span(896.0, 899.0)), "after the last there is none"


def read_out(row: ChartRow, wide: int, high: int) -> list[tuple[QRect, str]]:
    """What `paint_readings` writes, and where: its box and the words that stand in it."""
    said: list[tuple[QRect, str]] = []

    class Spy(QPainter):
        def drawText(self, box: QRect, flags: int, words: str) -> None:
            wide = self.fontMetrics().horizontalAdvance(words)
            at = box.right() - wide if flags & int(Qt.AlignmentFlag.AlignRight) else box.left()
            said.append((QRect(at, box.top(), wide, box.height()), words))

    image = QImage(wide, high, QImage.Format.Format_RGB32)
    painter = Spy(image)
    paint_readings(painter, row, QRect(0, 0, wide, high), 890.0)
    painter.end()
    return said


def test_label_and_value_of_a_reading_are_not_written_over_each_other() -> None:
    version = "2026.11.9-release-candidate-with-a-very-long-name-that-goes-on"
    bar = Bar(((0.0, 900.0, version, 0),), label="answered")
    line = Line("java.lang.IllegalArgumentException: shape mismatch", AT, np.full(len(AT), 1e9))
    for row in (
        ChartRow("p", "P", "", bars=(bar,)),
        ChartRow("e", "E", "", (line,), text=lambda v: f"{v:,.0f} answers"),
    ):
        (value, _), (label, words) = read_out(row, 210, 15)
        assert value.left() > label.right()
        assert words


def test_what_has_no_room_in_the_readout_is_counted_and_the_unknown_with_it() -> None:
    known = [Line(f"k{i}", AT, np.full(len(AT), float(i))) for i in range(4)]
    unknown = [Line(f"u{i}", AT, np.full(len(AT), np.nan)) for i in range(3)]
    said = [words for _, words in read_out(ChartRow("e", "E", "", (*unknown, *known)), 210, 45)]
    assert said[-2].endswith("+4")
    assert not [words for words in said if words.startswith("u")]


@pytest.mark.parametrize("versions", [2, 5, 12, 60])
def test_names_of_generations_do_not_overlap_and_the_current_one_is_there(qtbot: Any, versions: int) -> None:
    names = tuple(f"2026.11.{i}-rc-long-name" for i in range(versions))
    what = Generations("accuracy", names, (Point("test", names[0], 0.9),), current=names[0])
    chart = GenerationsChart()
    qtbot.addWidget(chart)
    chart.resize(640, 140)
    image = QImage(640, 140, QImage.Format.Format_RGB32)
    painter, step = QPainter(image), 560 / versions
    found = chart._named(painter, what, step)
    painter.end()
    assert names[0] in found
    at = sorted((names.index(name) * step, wide) for name, (_, wide) in found.items())
    assert all(b - a >= (wide_a + wide_b) / 2 for (a, wide_a), (b, wide_b) in itertools.pairwise(at))
    assert len(found) == versions or versions > 2


def test_the_name_of_what_served_stands_beside_a_mark_not_under_it() -> None:
    assert _beside([], 10.0, 20.0, 8.0) == 10.0
    assert _beside([100.0], 10.0, 20.0, 8.0) == 10.0
    assert _beside([15.0, 40.0, 300.0], 10.0, 20.0, 8.0) == 48.0


@pytest.mark.parametrize("text", ["\u202eevil", "a\u200bb", "x\x07"])
def test_a_label_shows_what_would_turn_it_round(qtbot: Any, text: str) -> None:
    label = PlainLabel(text)
    qtbot.addWidget(label)
    assert label.text().isprintable()
    assert PlainLabel("مرحبا\nv3").text() == "مرحبا\nv3", "another script is no trick"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "0.5 ms"), (118.4, "118 ms"), (9_999.0, "9999 ms"), (8_873_812.0, "8874 s"), (1e12, "1 000 000 000 s")],
)
def test_long_waits_are_said_in_seconds(value: float, words: str) -> None:
    assert milliseconds_text(value) == words


def test_no_number_is_written_with_hundreds_of_digits() -> None:
    for text in (milliseconds_text, rate_text, percent_text, bytes_text, metric_text):
        assert all(len(text(value)) < 24 for value in (1e200, -1e200, 1e16, -1e16))


@pytest.mark.parametrize("style", [DASH, DOT, LONG])
@pytest.mark.parametrize("apart_s", [4.0, 9.0, 60.0])
def test_dashes_are_seen_however_close_the_samples_are(style: str, apart_s: float) -> None:
    """A pen that begins its dashes anew with every sample would draw the first dash alone: a solid line."""
    at = np.arange(0.0, 900.0, apart_s)
    line = Line("a", at, np.full(len(at), 5.0), tone="warning", style=style)
    seen = plot_of(ChartRow("a", "A", "", (line,), gap_s=100.0), Span(0.0, 300.0))
    ink = tokens().state.warning.rgb()
    lit = np.array([any(seen.pixel(x, y) == ink for y in range(100)) for x in range(300)])
    assert 0.4 < lit.mean() < 0.9
    runs = np.diff(np.flatnonzero(np.diff(lit.astype(int)) == 1))
    assert len(set(runs[:-1].tolist())) == 1, "one rhythm along the line"


def test_a_dashed_line_from_far_outside_costs_what_is_seen() -> None:
    pieces = dashed(np.array([[10, 1_000_299, 90, -1_000_000]], np.int32), (7, 5, 0), 299)
    assert 150 < len(pieces) <= 300
    assert set(pieces[:, 1].tolist()) <= set(range(300))


@pytest.mark.parametrize("since_s", [0.0, 110.0, 63.0])
@pytest.mark.parametrize("follows", [True, False])
def test_the_words_of_an_axis_stand_between_the_names_and_the_end(since_s: float, follows: bool) -> None:
    """A label that would lie on the edge of the names, or under "now", is left out."""
    image = QImage(700, 22, QImage.Format.Format_RGB32)
    image.fill(tokens().surface.plot)
    painter = QPainter(image)
    plot = QRect(100, 0, 580, 22)
    paint_axis(painter, plot, Span(since_s, since_s + 600), follows)
    painter.end()
    ground = QColor(tokens().surface.plot).rgb()
    inked = [x for x in range(700) if any(image.pixel(x, y) != ground for y in range(2, 22))]
    assert inked
    assert min(inked) >= plot.left() + 4
    assert max(inked) <= plot.right()
    ends = [a for a, b in itertools.pairwise(inked) if b - a > 20]
    if follows:
        assert ends[-1] <= plot.right() - 34, "the last time stands clear of the word now"

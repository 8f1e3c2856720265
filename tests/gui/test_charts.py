"""Charts lose no spike and draw nothing across a gap; the stack's axis obeys keys and pointer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.gui.charts.lying import paint_lying, standing
from mlcontrol.gui.charts.pyramid import Cover, Pyramid, levels_of
from mlcontrol.gui.charts.reduce import Reduced, buckets, extremes, strokes
from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.row_words import paint_words
from mlcontrol.gui.charts.scale import Span, extent, y_range
from mlcontrol.gui.charts.spans import USUAL_S
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, LONG, SOLID, ChartRow, Line
from mlcontrol.gui.viewmodels.service_charts import chart_rows


def brute(at: Any, value: Any, since: float, until: float, width: int) -> dict[int, tuple[float, float]]:
    found: dict[int, list[float]] = {}
    for a, v in zip(at, value, strict=True):
        if since <= a < until and math.isfinite(v):
            found.setdefault(math.floor((a - since) * (width / (until - since))), []).append(v)
    return {x: (min(vs), max(vs)) for x, vs in found.items()}


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(50, 700))
def test_columns_equal_brute_force_minimum_and_maximum(seed: int, count: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, 1000, count))
    value = rng.normal(size=count)
    value[rng.random(count) < 0.1] = np.nan
    since, until = sorted(rng.uniform(0, 1000, 2))
    until += 1.0
    b = buckets(at, since, until, width, gap_s=50.0)
    (low,), (high,) = extremes([value], b)
    inside = {
        int(x): (lo, hi) for x, lo, hi in zip(b.columns, low, high, strict=True) if 0 <= x < width and np.isfinite(lo)
    }
    wanted = brute(at, value, since, until, width)
    assert inside == {x: pair for x, pair in wanted.items() if x < width}


def crowd(seed: int, count: int, dtype: Any = float) -> tuple[Any, Any]:
    """Times and values of a long series with spikes, gaps of knowledge and what no server should say."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1.0, count))
    value = rng.normal(size=count).astype(dtype)
    value[rng.random(count) < 0.001] *= 1000
    value[rng.random(count) < 0.01] = np.nan
    value[rng.random(count) < 0.001] = np.inf
    return at, value


@given(st.integers(0, 2**32 - 1), st.integers(100, 60_000), st.integers(20, 300), st.floats(0, 0.9), st.floats(0.02, 1))
@settings(max_examples=60, deadline=None)
def test_columns_through_a_pyramid_equal_brute_force(
    seed: int, count: int, width: int, left: float, part: float
) -> None:
    at, value = crowd(seed, count)
    since = at[-1] * left
    until = since + max(1.0, at[-1] * part)
    b = buckets(at, since, until, width, gap_s=50.0)
    pyramid = Pyramid(value[: count // 3])
    pyramid.grow(value)  # as it comes in
    low, high = pyramid.extremes(Cover(b.starts, b.ends, levels_of(count)))
    for i in range(len(b.starts)):
        cell = value[b.starts[i] : b.ends[i]]
        cell = cell[np.abs(cell) < 1e300]
        assert (low[i], high[i]) == (cell.min(), cell.max()) if len(cell) else math.isnan(low[i])


def test_a_pyramid_without_its_finer_edges_would_miss_a_spike() -> None:
    """The twin: snapped to whole cells, the spike beside a column's edge would be lost."""
    value = np.zeros(10_000)
    value[5003] = 9.0
    starts, ends = np.array([5003]), np.array([9000])
    cover = Cover(starts, ends, levels_of(len(value)))
    assert Pyramid(value).extremes(cover)[1][0] == 9.0
    cover.samples = cover.samples[:1] * 0 + 5010
    cover.levels = cover.levels[1:]
    assert Pyramid(value).extremes(cover)[1][0] == 0.0


def shown(row: ChartRow, span: Span, picture: RowPicture) -> bytes:
    image = QImage(240, 90, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    picture.paint(painter, row, span, QRect(0, 0, 240, 90))
    painter.end()
    return bytes(image.constBits())


@pytest.mark.usefixtures("qapp")
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 3)), min_size=1, max_size=8),
    st.sampled_from((SOLID, DASH, DOT, LONG)),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_picture_that_scrolls_is_the_picture_drawn_whole(seed: int, moves: list[tuple[int, int]], style: str) -> None:
    """Whatever comes in and however far the axis moves: pixel for pixel, but for the column whose left neighbour has left."""
    at, value = crowd(seed, 3000)
    at = np.arange(3000.0)
    value = np.clip(np.nan_to_num(value, nan=0.5, posinf=0.5), -2, 2)
    kept, count, since, step = RowPicture(), 2000, 0.0, 5.0
    for more, columns in [(0, 0), *moves]:
        count, since = min(3000, count + more), since + columns * step
        lines = tuple(
            Line(name, at[:count], sign * value[:count], slot=i, style=style, stamp=name)
            for i, (name, sign) in enumerate((("a", 1.0), ("b", -1.0)))
        )
        row, span = ChartRow("r", "r", "", lines), Span(since, since + 240 * step)
        seen = np.frombuffer(shown(row, span, kept), np.uint8).reshape(90, 240, 4)
        fresh = RowPicture()
        fresh.dash_phase = kept.dash_phase
        whole = np.frombuffer(shown(row, span, fresh), np.uint8).reshape(90, 240, 4)
        assert np.array_equal(seen[:, 1:], whole[:, 1:])


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("style", [SOLID, DASH])
def test_what_is_painted_lying_and_turned_is_what_a_painter_draws_upright(ratio: float, style: str) -> None:
    """Pixel for pixel on a plain screen; on a fine one every column and row of pixels is covered once."""
    at, value = np.arange(3000.0), np.cumsum(np.random.default_rng(4).normal(size=3000))
    b = buckets(at, 0.0, 3000.0, 240, 9.0)
    both = extremes([value, value[::-1]], b)
    drawn = strokes(both, b, 239, 85, 5, float(both.min()), float(both.max()))
    dash = (7, 5, 3) if style == DASH else None
    colours = QColor("red"), QColor("green")
    lines = [(colour, drawn.upright(i, dash)) for i, colour in enumerate(colours)]
    turned, plain = (QImage(round(240 * ratio), round(90 * ratio), QImage.Format.Format_RGB32) for _ in range(2))
    turned.setDevicePixelRatio(ratio)
    paint_lying(turned, 240, QColor("black"), lines, [])
    plain.fill(QColor("black"))
    painter = QPainter(plain)
    for colour, spans in lines:
        for x, y1, _, y2 in standing(spans, 240).tolist():
            edges = edges_from_right(x, y1, y2, ratio)
            painter.fillRect(edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1], colour)
    painter.end()
    turned.setDevicePixelRatio(1)
    assert turned == plain
    few = turned.copy()
    few.setDevicePixelRatio(ratio)
    newest = [(colour, spans[-3:]) for colour, spans in lines]
    paint_lying(few, 3, QColor("black"), newest, [])
    few.setDevicePixelRatio(1)
    assert dash is not None or few == turned


def edges_from_right(x: int, y1: int, y2: int, ratio: float) -> list[int]:
    """Of a column in pixels of a fine screen, counted from the right as the picture scrolls to the left."""
    whole = round(240 * ratio)
    return [
        whole - int(np.rint((240 - x) * ratio)),
        int(np.rint(y1 * ratio)),
        whole - int(np.rint((239 - x) * ratio)),
        int(np.rint((y2 + 1) * ratio)),
    ]


@pytest.mark.usefixtures("qapp")
def test_a_live_picture_draws_its_newest_columns_alone() -> None:
    at, value, picture = np.arange(3000.0), np.tile([0.0, 1.0], 1500), RowPicture()

    def columns(count: int, since: float, stamp: object = "a", top: float = 1.0) -> int:
        row = ChartRow("r", "r", "", (Line("a", at[:count], value[:count], stamp=stamp),), limit=(top, ""))
        shown(row, Span(since, since + 1200.0), picture)
        return picture.columns_painted

    assert columns(2000, 800.0) == 240
    assert columns(2000, 800.0) == 0  # nothing came
    assert 1 <= columns(2001, 805.0) <= 3
    assert columns(2002, 805.0) == 1
    assert columns(2004, 805.0) == 0  # what came lies within what its column shows already
    assert columns(2004, 830.0) <= 8  # five columns on, nothing in them yet
    assert columns(2004, 830.0, top=9.0) == 240  # another scale
    assert columns(2004, 830.0, stamp="b", top=9.0) == 240  # the past was rewritten
    assert columns(2004, 832.0, "b", 9.0) == 240  # not a whole column


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0.0, 0.1, 0.3, 1.0, 4.0)),
            st.floats(-9, 9) | st.sampled_from((math.nan, math.inf, 1e300)),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_columns_that_only_grew_equal_those_made_anew(samples: list[tuple[float, float, bool]]) -> None:
    """Samples come one by one, several in a column, on its very edge, with gaps, without a value or a wild one."""
    at = np.cumsum([step for step, _, _ in samples])
    values = np.array([[value, -value] for _, value, _ in samples]).T.copy()
    live, since = Reduced(), 0.0
    for count, (_, _, scrolls) in enumerate(samples, 1):
        since = max(since, at[count - 1] - 8.0) if scrolls else since
        b = live.buckets(at[:count], since, since + 10.0, 20, 2.5, "s")
        fresh = buckets(at[:count], since, since + 10.0, 20, 2.5)
        for name in ("columns", "starts", "ends", "breaks"):
            assert np.array_equal(getattr(b, name), getattr(fresh, name))
        both, _ = live.read([row[:count] for row in values], b, "s")
        for mine, plain in zip(both, extremes([row[:count] for row in values], fresh), strict=True):
            assert np.array_equal(mine, plain, equal_nan=True)


def test_columns_are_made_anew_where_the_samples_are_others() -> None:
    """The twin: with the same mark the older columns would be believed."""
    at, one, other = np.arange(5.0), np.zeros((1, 5)), np.ones((1, 5))
    live = Reduced()
    b = live.buckets(at, 0.0, 10.0, 20, 9.0, 1)
    live.read(one, b, 1)
    for stamp, expected in ((1, 0.0), (2, 1.0)):
        b = live.buckets(at, 0.0, 10.0, 20, 9.0, stamp)
        assert live.read(other, b, stamp)[0].max() == expected


def test_nothing_is_drawn_across_a_gap() -> None:
    at = np.array([0.0, 1, 2, 50, 51, 52])
    b = buckets(at, 0.0, 100.0, 1000, gap_s=5.0)
    lines = standing(strokes(extremes([np.ones(6)], b), b, 999, 100, 0, 0.0, 2.0).slanted[0], 1000)
    assert not [line for line in lines if line[0] <= 20 and line[2] >= 500]
    closed = buckets(at, 0.0, 100.0, 1000, gap_s=100.0)  # the twin: with a wide gap it would be drawn
    lines = standing(strokes(extremes([np.ones(6)], closed), closed, 999, 100, 0, 0.0, 2.0).slanted[0], 1000)
    assert [line for line in lines if line[0] <= 20 and line[2] >= 500]


def test_the_store_joins_history_and_live_samples(bridge: Any) -> None:
    key = SeriesKey("digits", "queries_per_s", (("version", "3"),))
    store = SeriesStore("digits")
    assert not store.take_samples([Sample(SeriesKey("other", "queries_per_s"), 1.0, 1.0)])
    assert store.take_samples([Sample(key, float(i), float(i)) for i in range(1000)])
    store.take_samples([Sample(key, 999.0, 5.0), Sample(key, 500.5, 7.0)])
    data = store.series[key]
    assert len(data.at_s) == 1001
    assert data.value[-1] == 5.0
    assert np.all(np.diff(data.at_s) > 0)


def test_silence_is_a_gap_in_presence_not_a_version() -> None:
    key = SeriesKey("digits", "answered", (("version", "3"),))
    store = SeriesStore("digits")
    store.take_samples([Sample(key, float(at), 1.0) for at in [*range(0, 100, 5), *range(200, 300, 5)]])
    spans = chart_rows(store, 0.0, 300.0, 5.0, {})[0].bars[0].spans
    assert [(version, slot >= 0) for _, _, version, slot in spans] == [
        ("3", True),
        ("not recorded", False),
        ("3", True),
    ]


def test_what_came_before_the_first_answer_is_not_recorded_rather_than_the_first_version() -> None:
    key = SeriesKey("digits", "answered", (("version", "3"),))
    store = SeriesStore("digits")
    store.take_samples([Sample(key, float(at), 1.0) for at in range(200, 300, 5)])
    first, second = chart_rows(store, 0.0, 300.0, 5.0, {})[0].bars[0].spans
    assert first == (0.0, 200.0, "not recorded", -1)
    assert second[2] == "3"


def test_the_latency_legend_begins_with_what_callers_of_the_used_version_wait() -> None:
    store = SeriesStore("digits")
    sample = [Sample(SeriesKey("digits", "answered", (("version", "2"),)), 5.0, 1.0)]
    for version in ("1", "2"):
        for metric, quantile in (("latency_ms", "0.5"), ("latency_ms", "0.99"), ("caller_latency_ms", "0.99")):
            key = SeriesKey("digits", metric, (("quantile", quantile), ("version", version)))
            sample.append(Sample(key, 10.0, 20.0))
    store.take_samples(sample)
    latency = next(row for row in chart_rows(store, 0.0, 300.0, 5.0, {}) if row.id == "latency")
    assert [line.label for line in latency.lines] == [
        "p99 callers v2", "p99 callers v1", "p99 v2", "p99 v1", "p50 v2", "p50 v1",
    ]  # fmt: skip


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("service", service="digits")
    qtbot.waitUntil(lambda: window.page.answered > 0)
    return window.page


def test_keys_zoom_and_follow(page: Any, qtbot: Any, window: Any) -> None:
    length = page.charts.span.until_s - page.charts.span.since_s
    qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    assert page.charts.span.until_s - page.charts.span.since_s < length
    qtbot.keyClick(window, Qt.Key.Key_BracketRight)
    assert page.charts.span.until_s - page.charts.span.since_s == pytest.approx(length)


def test_dragging_looks_back_and_n_follows_again(page: Any, qtbot: Any, window: Any) -> None:
    before = page.charts.span
    middle = QPoint(page.charts.width() // 2, page.charts.height() // 2)
    qtbot.mousePress(page.charts, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(page.charts, middle + QPoint(80, 0))
    qtbot.mouseRelease(page.charts, Qt.MouseButton.LeftButton, pos=middle + QPoint(80, 0))
    assert page.charts.span.since_s < before.since_s
    assert not page.charts.follows
    qtbot.keyClick(window, Qt.Key.Key_N)
    assert page.charts.follows


def test_a_young_fleet_fills_the_width_until_a_person_chooses_a_span(page: Any, qtbot: Any, window: Any) -> None:
    charts = page.charts
    end_s = charts.span.until_s
    assert end_s - charts.span.since_s == USUAL_S  # there are twenty minutes of history
    for known_s, shown_s in ((40.0, 120.0), (130.0, 300.0), (601.0, USUAL_S), (86_400.0, USUAL_S)):
        charts.fit(end_s - known_s)
        assert charts.span.until_s - charts.span.since_s == shown_s
        assert charts.span.until_s == end_s
    qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    chosen = charts.span
    charts.fit(end_s - 40.0)
    assert charts.span == chosen


def test_the_axis_stands_still_while_the_crosshair_is_on(page: Any, qtbot: Any) -> None:
    qtbot.keyClick(page.charts, Qt.Key.Key_Left)
    assert page.charts.crosshair_s is not None
    before = page.charts.span
    page.charts.advance(before.until_s + 60)
    assert page.charts.span == before
    qtbot.keyClick(page.charts, Qt.Key.Key_Escape)
    page.charts.advance(before.until_s + 60)
    assert page.charts.span.until_s > before.until_s


def test_comparing_two_versions(page: Any, qtbot: Any, window: Any) -> None:
    qtbot.keyClick(window, Qt.Key.Key_C)
    table = page.foot.difference.table
    found = {table.row(i)[0]: table.row(i)[1:] for i in range(table.rowCount())}
    assert found["aliases"] == ("none", "champion")
    assert "test_accuracy" in found


def test_live_samples_reach_the_charts(page: Any, engine: Any, qtbot: Any) -> None:
    import time

    from mlcontrol.engine import messages as m

    key = SeriesKey("digits", "queries_per_s", (("version", "3"),))
    before = len(page.store.series[key].at_s)
    engine.say(m.SamplesArrived(samples=(Sample(key, time.time(), 99.0),)))
    qtbot.waitUntil(lambda: len(page.store.series[key].at_s) == before + 1)


def test_the_axis_of_what_is_never_negative_begins_at_nought_though_its_usual_band_does_not() -> None:
    at = np.array([0.0, 10.0, 20.0])
    share = Line("cpu", at, np.array([5.0, 60.0, 5.0]), low=np.full(3, -17.0), high=np.full(3, 90.0), band=True)
    row = ChartRow("cpu", "CPU", "%", lines=(share,))
    assert y_range(row, extent(row, Span(0.0, 20.0), [], 100)).low == 0.0
    owed = replace(share, value=np.array([-5.0, 60.0, 5.0]))
    row = replace(row, lines=(owed,))
    assert y_range(row, extent(row, Span(0.0, 20.0), [], 100)).low == -17.0


@pytest.mark.parametrize("height", [35, 44, 52, 80])
def test_in_a_low_row_the_unit_gives_way_to_the_end_of_the_axis(qapp: QApplication, height: int) -> None:
    def painted(unit: str) -> QImage:
        image = QImage(148, height, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        paint_words(painter, ChartRow("quality", "Quality", unit, ()), QRect(0, 0, 148, height), "1", "0.5159")
        painter.end()
        return image.copy(100, height - 13, 48, 13)  # where the lower end stands

    assert painted("accuracy · bar = 95 % of them") == painted("")

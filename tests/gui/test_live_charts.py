"""The short ways of a live chart show what the long ones would."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PySide6.QtGui import QColor, QImage

from mlcontrol.gui.charts.lying import MANY, paint_lying, pixels, seen_of
from mlcontrol.gui.charts.newest import columns_of, set_columns
from mlcontrol.gui.charts.reduce import buckets, extremes, strokes
from mlcontrol.gui.charts.sampled_together import Together, together
from mlcontrol.gui.charts.scale import Scale
from mlcontrol.gui.viewmodels.chart_rows import Line


@pytest.mark.usefixtures("qapp")
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_newest_columns_are_set_as_a_painter_draws_them(seed: int, columns: int, series: int, log: bool) -> None:
    """The short way of a live chart, pixel for pixel; its twin below shows that this notices."""
    rng = np.random.default_rng(seed)
    at, values = np.arange(1200.0), np.cumsum(rng.normal(size=(series + 1, 1200)), axis=1) ** 2 + 0.01
    b = buckets(at, 0.0, 1200.0, 240, 9.0)
    scale = Scale(10.0 ** math.floor(math.log10(values.min())), float(values.max()) * 1.1, log)
    both = scale.mapped(extremes(list(values), b))
    cut, from_x = slice(240 - columns - 1, None), 240 - columns
    runs = columns_of(both[..., cut], b, cut, from_x, 240, 85, 5, *scale.ends)
    assert runs is not None
    drawn = strokes(both[..., cut], b.part(cut), 239, 85, 5, *scale.ends)
    inks = [QColor.fromHsv(40 * i, 200, 200) for i in range(series + 1)]
    grid = np.array([[40, 0, 40, 239]], np.int32)
    by_painter, by_pixel = (QImage(240, 90, QImage.Format.Format_RGB32) for _ in range(2))
    for image in (by_painter, by_pixel):
        image.fill(QColor("navy"))
    upright = [(QColor("grey"), grid), *((ink, drawn.upright(i, None, 1)) for i, ink in enumerate(inks))]
    paint_lying(by_painter, columns, QColor("black"), upright, [])
    of = [(ink.rgb(), run) for ink, run in zip(inks, runs, strict=True)]
    set_columns(pixels(by_pixel), from_x, QColor("black").rgb(), (QColor("grey").rgb(), [40]), of)
    assert by_pixel == by_painter
    set_columns(pixels(by_pixel), from_x, QColor("white").rgb(), (QColor("grey").rgb(), [40]), of)
    assert by_pixel != by_painter


def test_the_short_way_is_not_taken_where_it_would_be_wrong() -> None:
    def runs(at: Any, value: Any, top: float = 9.0) -> Any:
        b = buckets(at, 0.0, 240.0, 240, 3.5)
        cut = slice(max(0, len(b.starts) - 3), None)
        return columns_of(extremes([value], b)[..., cut], b, cut, 239, 240, 85, 5, 0.0, top)

    at = np.arange(240.0)
    assert runs(at, np.ones(240)) is not None
    assert runs(np.append(at[:-4], 239.5), np.ones(237)) is None, "a gap"
    assert runs(np.append(at[:-2], 239.5), np.ones(239)) is None, "sparse columns are joined by slanted lines"
    assert runs(at, np.where(at == 238, np.nan, 1.0)) is None, "not known"
    assert runs(at, np.where(at == 238, 20.0, 1.0)) is None, "beyond the scale"
    assert runs(at[:0], np.ones(0)) is None


def test_lines_stay_together_only_while_their_times_do() -> None:
    at = np.arange(10.0)
    other = at.copy()
    other[7] = 7.5

    def lines(*times: Any, marks: Any = (1, 2, 3), gaps: Any = (0.0, 0.0, 0.0)) -> list[Line]:
        return [Line("x", t, t, stamp=m, gap_s=g) for t, m, g in zip(times, marks, gaps, strict=False)]

    first = together(lines(at[:6], at[:6].copy(), other[:6]), Together())
    assert first.groups == ((0, 1, 2),)
    assert together(lines(at[:6], at[:6].copy(), other[:6]), first) is first
    grown = together(lines(at[:7], at[:7].copy(), other[:7]), first)
    assert grown.groups == ((0, 1, 2),)
    assert together(lines(at[:8], at[:8], other[:8]), grown).groups == ((0, 1), (2,)), "one sample, another time"
    assert together(lines(at, at, other), grown).groups == ((0, 1), (2,)), "several samples"
    assert together(lines(at[:8], at[:7], other[:7]), grown).groups == ((0,), (1, 2)), "one of them had none"
    rewritten = at[:6] + 0.5
    assert together(lines(at[:6], rewritten, other[:6], marks=(1, 9, 3)), first).groups == ((0, 2), (1,))
    assert together(lines(at[:6], rewritten, marks=(None, None)), first).groups == ((0,), (1,))
    assert together(lines(at, at, gaps=(0.0, 9.0)), Together()).groups == ((0,), (1,))


@pytest.mark.parametrize("ratio", [1.0, 1.5])
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 60))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_covered_is_left_out_and_nothing_else(ratio: float, seed: int, series: int, long: int) -> None:
    """Many long lines over each other, some beside each other: the picture is that of all of them."""
    rng = np.random.default_rng(seed)
    x = np.arange(MANY, dtype=np.int32)
    lines = [(QColor("grey"), np.array([[40, 0, 40, MANY - 1]], np.int32))]
    for i in range(series):
        upper = rng.integers(0, 90 - long, MANY)
        lower = upper + rng.integers(0, long + 1, MANY)
        lines.append((QColor.fromHsv(50 * i, 220, 220), np.stack([upper, x, lower, x], axis=1).astype(np.int32)))
    seen = [lines[0], *seen_of(lines, 0.0)[1:]]
    painted, all_of = (sum(int((s[:, 2] - s[:, 0] + 1).sum()) for _, s in of[1:]) for of in (seen, lines))
    assert painted <= all_of
    whole, short = (QImage(round(MANY * ratio), round(90 * ratio), QImage.Format.Format_RGB32) for _ in range(2))
    for image, of in ((whole, lines), (short, seen)):
        image.setDevicePixelRatio(ratio)
        paint_lying(image, MANY, QColor("black"), of, [])
        image.setDevicePixelRatio(1)
    assert whole == short


def test_lines_that_are_short_or_in_other_columns_are_painted_as_they_are() -> None:
    x = np.arange(MANY, dtype=np.int32)
    line = np.stack([x * 0, x, x * 0 + 80, x], axis=1).astype(np.int32)
    grid = (QColor("grey"), line[:1])
    many = [grid, *[(QColor("red"), line)] * 4]
    assert seen_of(many, 90.0) is not many, "the twin"
    for few in (many[:2], [grid, *[(QColor("red"), line[:-1])] * 4], [*many, (QColor("red"), line[1:])]):
        assert seen_of(few, 90.0) is few
    beside = line.copy()
    beside[:, 1] += 1
    other = [*many, (QColor("red"), beside)]
    assert seen_of(other, 90.0) is other
    assert seen_of(many, 900.0) is many, "little is painted twice"

"""What the service page's charts can do beyond drawing: earlier times under now, logarithms, bands, ranking, copies."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from mlcontrol.core.types import EventKind, Health, SeriesData, SeriesKey, Signal, TimelineEvent, VersionSummary
from mlcontrol.engine import messages as m
from mlcontrol.gui.charts.readout import readings
from mlcontrol.gui.charts.row_painter import paint_row
from mlcontrol.gui.charts.row_picture import scale_of
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_export import to_csv, to_words
from mlcontrol.gui.viewmodels.chart_rows import ChartRow, Line
from mlcontrol.gui.viewmodels.comparison import Comparison, comparisons, with_past
from mlcontrol.gui.viewmodels.service_charts import chart_rows
from mlcontrol.gui.viewmodels.service_facts import service_facts
from mlcontrol.ports.deep_link import parse_link
from tests.gui import conftest as made

# Painted text needs an application's fonts, whichever test comes first.
pytestmark = pytest.mark.usefixtures("qapp")

AT = np.arange(0.0, 900.0, 5.0)
WHOLE = Span(0.0, 900.0)


def line(label: str, value: Any = 1.0, **more: Any) -> Line:
    return Line(label, AT, np.broadcast_to(np.asarray(value, float), AT.shape).copy(), **more)


def painted(row: ChartRow, span: Span = WHOLE) -> QImage:
    picture = QImage(400, 100, QImage.Format.Format_RGB32)
    picture.fill(0)
    painter = QPainter(picture)
    paint_row(painter, row, span, QRect(0, 0, 100, 100), QRect(100, 0, 300, 100))
    painter.end()
    return picture


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("service", service="digits")
    qtbot.waitUntil(lambda: window.page.answered > 0)
    return window.page


def test_an_earlier_span_is_laid_under_now_by_its_main_lines() -> None:
    now = ChartRow("errors", "Errors", "%", (line("all"), line("5xx")))
    before = ChartRow("errors", "Errors", "%", (line("all", 3.0), line("4xx", 2.0)))
    (row,) = with_past([now], [before], Comparison("yesterday", 86_400.0))
    ghost = row.lines[0]
    assert (ghost.label, ghost.ghost, len(row.lines)) == ("yesterday", True, 3)
    assert ghost.at_s[0] == 86_400.0
    assert ghost.value[0] == 3.0


def test_the_previous_version_is_compared_from_its_own_deploy() -> None:
    def deploy(name: str, at_s: float, version: str, service: str = "digits") -> TimelineEvent:
        return TimelineEvent(name, at_s, EventKind.DEPLOY, name, service, version_to=version)

    found = comparisons(
        [deploy("b", 5000.0, "3"), deploy("a", 1000.0, "2"), deploy("c", 4000.0, "9", "other")], "digits"
    )
    assert [by.words for by in found] == ["yesterday", "last week", "v2 after its deploy"]
    assert found[-1].shift_s == 4000.0
    assert [by.words for by in comparisons([], "digits")] == ["yesterday", "last week"]


def test_a_logarithmic_axis_shows_powers_and_survives_zero() -> None:
    scale = Scale(0.01, 100.0, log=True)
    plot = QRect(0, 0, 10, 101)
    assert scale.y(1.0, plot) == pytest.approx(50, abs=1)
    assert scale.y(0.0, plot) == plot.bottom()
    values = np.where(np.arange(len(AT)) % 50 == 0, 0.0, np.geomspace(0.01, 1000, len(AT)))
    row = ChartRow("x", "Rate", "per s", (line("a", values),), log=True)
    assert painted(row) != painted(ChartRow("x", "Rate", "per s", (line("a", values),)))
    assert not painted(ChartRow("x", "Rate", "per s", (line("a", 0.0),), log=True)).isNull()


def test_the_band_is_two_standard_deviations_of_the_five_minutes_before() -> None:
    value = 1e9 + np.random.default_rng(3).normal(0, 1e3, len(AT))
    value[20] = np.nan
    store = SeriesStore("s")
    key = SeriesKey("s", "memory_bytes", (("source", "a"),))
    store.take_history([SeriesData(key, AT.tobytes(), value.tobytes())])
    row = next(r for r in chart_rows(store, 0.0, 900.0, 5.0, {}) if r.id == "memory_bytes")
    (found,) = row.lines
    i = 150
    window = value[i - 60 : i + 1]
    assert found.low[i] == pytest.approx(window.mean() - 2 * window.std(), rel=1e-9)
    assert found.high[i] == pytest.approx(window.mean() + 2 * window.std(), rel=1e-9)
    assert found.spread_at(AT[i]) == pytest.approx(2 * window.std(), rel=1e-4)
    assert np.isnan(found.low[3]), "three readings are no band"


def test_what_is_beyond_its_limit_comes_first_and_the_unknown_last(window: Any) -> None:
    lines = (line("calm", 0.1), line("silent", np.nan), line("bad", 5.0), line("then", 9.0, ghost=True))
    row = ChartRow("e", "Errors", "%", lines, limit=(1.0, "limit"))
    assert [(r.label, r.state) for r in readings(row, 890.0)] == [
        ("bad", "critical"), ("calm", ""), ("then", "quiet"), ("silent", "unknown"),
    ]  # fmt: skip
    floor = ChartRow("q", "Quality", "", (line("low", 0.9), line("fine", 0.99)), limit=(0.95, "objective"), floor=True)
    assert [r.label for r in readings(floor, 890.0)] == ["low", "fine"]


def test_neighbours_of_a_reduced_series_are_joined_and_real_gaps_are_not() -> None:
    store = SeriesStore("s")
    key = SeriesKey("s", "cpu_share", (("source", "a"),))
    at = np.concatenate([np.arange(0.0, 40_000.0, 300.0), np.arange(60_000.0, 86_400.0, 300.0)])
    store.take_history([SeriesData(key, at.tobytes(), np.full(len(at), 0.5).tobytes(), step_s=300.0)])
    row = next(r for r in chart_rows(store, 0.0, 86_400.0, 5.0, {}) if r.id == "cpu_share")
    picture = painted(row, Span(0.0, 86_400.0))
    lit = [any(picture.pixelColor(100 + x, y).lightness() > 150 for y in range(10, 95)) for x in range(300)]
    assert all(lit[2:135]), "a reduced series is one line"
    assert not any(lit[145:205]), "a gap is a gap"
    raw = SeriesStore("s")
    raw.take_history([SeriesData(key, at.tobytes(), np.full(len(at), 0.5).tobytes())])
    twin = painted(next(r for r in chart_rows(raw, 0.0, 86_400.0, 5.0, {}) if r.id == "cpu_share"), Span(0.0, 86_400.0))
    assert twin != picture, "without the step it would be dots"


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e308])
def test_one_wild_value_is_a_gap_and_never_flattens_the_rest(wild: float) -> None:
    """Reliability, fault 13: a metric that says NaN, Inf or 1e308 once."""
    calm = 5 + np.sin(AT / 50)
    one = calm.copy()
    one[90] = wild
    row, plain = (ChartRow("x", "Rate", "per s", (Line("a", AT, value),)) for value in (one, calm))
    first, second = painted(row), painted(plain)
    differing = [x for x in range(400) if any(first.pixel(x, y) != second.pixel(x, y) for y in range(100))]
    assert differing, "it shows"
    assert all(240 <= x <= 256 for x in differing), "and only there"


def test_the_table_has_every_moment_once_and_no_live_formula() -> None:
    rows = [
        ChartRow("a", "Errors", "%", (Line("=cmd()", np.array([1.0, 2.0]), np.array([0.5, np.nan])),)),
        ChartRow("b", "=Queries", "", (Line("v1", np.array([2.0, 3.0, 99.0]), np.array([7.0, 8.0, 9.0])),)),
    ]
    table = list(csv.reader(io.StringIO(to_csv(rows, 0.0, 10.0))))
    assert table[0] == ["at", "Errors: =cmd()", "'=Queries: v1"]
    assert [row[1:] for row in table[1:]] == [["0.5", ""], ["", "7.0"], ["", "8.0"]]
    assert to_csv([], 0.0, 1.0).strip() == "at"


def test_the_words_name_the_span_and_how_to_look_further() -> None:
    words = to_words(
        "Digits", "digits", [ChartRow("a", "Errors", "%", (line("all", 0.064),), text=lambda v: f"{v:.1%}")], 0.0, 900.0
    )
    assert "Errors: all 6.4%" in words
    assert "mlcontrol timeline --service digits --since 1970-01-01T00:00:00.000Z" in words


def test_keys_compare_copy_and_change_the_axis(page: Any, engine: Any, qtbot: Any, window: Any) -> None:
    before = len(engine.sent(m.QueryHistory))
    qtbot.keyClick(page.charts, Qt.Key.Key_Y)
    assert page.compared.words == "yesterday"
    asked = engine.sent(m.QueryHistory)
    assert len(asked) == before + 1
    assert asked[-1].until_s < time.time() - 80_000
    qtbot.waitUntil(lambda: bool(page.past.series))
    for _ in range(10):
        qtbot.keyClick(page.charts, Qt.Key.Key_Y)
        if page.compared is None:
            break
    assert page.compared is None
    qtbot.keyClick(page.charts, Qt.Key.Key_L)
    assert page.charts.log_rows
    qtbot.keyClick(page.charts, Qt.Key.Key_L)
    assert not page.charts.log_rows
    control = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(page.charts, Qt.Key.Key_X, control)
    assert QGuiApplication.clipboard().text().startswith("at,")
    qtbot.keyClick(page.charts, Qt.Key.Key_L, control)
    assert "mlcontrol timeline --service digits" in QGuiApplication.clipboard().text()
    qtbot.keyClick(page.charts, Qt.Key.Key_K, control)
    link = QGuiApplication.clipboard().text()
    shown = page.charts.span
    page.charts.follow()
    page.charts.set_length(60.0)
    window.open_link(parse_link(link))
    opened = window.page.charts.span
    assert (opened.since_s, opened.until_s) == pytest.approx((shown.since_s, shown.until_s), abs=1.0)
    assert not window.page.charts.follows
    qtbot.keyClick(page.charts, Qt.Key.Key_C, control)
    assert not QGuiApplication.clipboard().pixmap().isNull()


def test_an_event_opens_the_charts_around_it(window: Any, qtbot: Any) -> None:
    moment = time.time() - 5000
    window.open_page("service", service="digits", at_s=moment)
    span = window.page.charts.span
    assert span.since_s < moment < span.until_s
    assert not window.page.charts.follows


def test_the_side_says_what_is_not_known() -> None:
    state = made.service("digits")
    facts = {name: (words, tone) for name, words, tone in service_facts(state, 900.0, True, None)}
    assert facts["Span  [ ]"][0] == "15 min"
    assert facts["Size"][0].startswith("1.01 MB\n+0.3 % to v")
    alike = replace(state, versions=tuple(replace(one, size_bytes=1_010_000) for one in state.versions))
    assert {n: w for n, w, _ in service_facts(alike, 900.0, True, None)}["Size"].startswith("1.01 MB\nas v")
    assert facts["Digest"][0] == "? not told\n? no data yet"
    same, other = (
        Signal(health, text)
        for health, text in ((Health.OK, "as registered"), (Health.CRITICAL, "served b, registered a"))
    )
    for artifact, words in (
        (same, ("? not told\nserved as registered", "")),
        (other, ("served b\nregistered a", "critical")),
    ):
        shown = service_facts(made.service("digits", artifact=artifact), 900.0, True, None)
        assert words in [(said, tone) for name, said, tone in shown if name == "Digest"]
    nobody = made.service(
        "x", versions=(VersionSummary("1"),), used=made.t.VersionFact(), intended=made.t.VersionFact()
    )
    unknown = {name: tone for name, _, tone in service_facts(nobody, 900.0, False, None)}
    assert unknown["Model age"] == "unknown"
    grown = (VersionSummary("2", 1.0, 100), VersionSummary("3", 2.0, 110))
    assert ("Size", "warning") in [
        (n, t) for n, _, t in service_facts(made.service("y", versions=grown), 1.0, True, None)
    ]


def test_a_device_has_a_row_only_where_one_is_told_of() -> None:
    store = SeriesStore("s")
    assert not {"gpu_share", "gpu_memory_bytes"} & {r.id for r in chart_rows(store, 0.0, 900.0, 5.0, {})}
    for gpu, share in (("GPU-1", 0.25), ("GPU-2", 0.75)):
        key = SeriesKey("s", "gpu_share", (("gpu", gpu), ("source", "a")))
        store.take_history([SeriesData(key, AT.tobytes(), np.full(len(AT), share).tobytes())])
    rows = {r.id: r for r in chart_rows(store, 0.0, 900.0, 5.0, {})}
    assert [line.label for line in rows["gpu_share"].lines] == ["GPU-1", "GPU-2"]
    assert rows["gpu_share"].ceiling == 1.0
    assert "gpu_memory_bytes" not in rows


def test_no_axis_of_errors_goes_beyond_all_answers() -> None:
    store = SeriesStore("s")
    key = SeriesKey("s", "error_share", (("type", "5xx"),))
    store.take_history([SeriesData(key, AT.tobytes(), np.full(len(AT), 1 + 1e-12).tobytes())])
    (row,) = [r for r in chart_rows(store, 0.0, 900.0, 5.0, {}) if r.id == "errors"]
    assert scale_of(row, Span(float(AT[0]), float(AT[-1])), 200).high == 1.0


def test_the_band_of_a_share_stays_within_all_of_it_and_none() -> None:
    value = np.where(np.arange(len(AT)) % 2 == 0, 0.0, 1.0)
    store = SeriesStore("s")
    store.take_history([SeriesData(SeriesKey("s", "cpu_share", (("source", "a"),)), AT.tobytes(), value.tobytes())])
    (line,) = next(r for r in chart_rows(store, 0.0, 900.0, 5.0, {}) if r.id == "cpu_share").lines
    assert line.band
    assert (np.nanmin(line.low), np.nanmax(line.high)) == (0.0, 1.0)


def test_a_service_that_is_none_is_not_called_by_the_name_of_another(page: Any, window: Any) -> None:
    assert page.title == "Digits"
    window.open_page("service", service="no-such-service")
    assert page.title == "Service"


def queries(**versions: tuple[np.ndarray, np.ndarray]) -> dict[str, str]:
    """The words beside the chart of queries. ``versions``: "v3" and what it answered a second."""
    store = SeriesStore("s")
    for name, (at, value) in versions.items():
        key = SeriesKey("s", "queries_per_s", (("version", name[1:]),))
        store.take_history([SeriesData(key, at.tobytes(), value.tobytes())])
        made_key = SeriesKey("s", "predictions_per_s", (("version", name[1:]),))
        store.take_history([SeriesData(made_key, at.tobytes(), (16 * value).tobytes())])
    row = next(r for r in chart_rows(store, 0.0, 86_400.0, 5.0, {}) if r.id == "queries")
    return dict(row.facts)


def daily(since_s: float, until_s: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """100 a second at noon, 10 at midnight."""
    at = np.arange(since_s, until_s, 30.0)
    return at, scale * (55 - 45 * np.cos(2 * np.pi * at / 86_400.0))


def test_the_new_version_is_held_against_the_previous_one_at_one_time_of_day() -> None:
    """v3 took over at noon and answers all that comes; at midnight it had read as a tenth of what v2 had at noon."""
    assert queries(v2=daily(0, 43_200), v3=daily(43_200, 86_400))["new ÷ previous"] == "1.00 x"
    assert queries(v2=daily(0, 43_200), v3=daily(43_200, 86_400, 0.4))["new ÷ previous"] == "0.40 x"
    shared = queries(v2=daily(0, 86_400, 0.8), v3=daily(43_200, 86_400, 0.2))
    assert shared["new ÷ previous"] == "0.25 x"


def test_after_a_way_back_the_version_that_answers_now_is_the_new_one() -> None:
    (early, was), (late, again) = daily(0, 30_000), daily(50_000, 86_400)
    back = (np.concatenate([early, late]), np.concatenate([was, again]))
    # Noon is near: five minutes later a little less is asked.
    assert queries(v2=back, v3=daily(30_000, 50_000, 0.5))["new ÷ previous"] == "1.99 x"


def test_versions_a_night_apart_are_not_held_against_each_other() -> None:
    assert "new ÷ previous" not in queries(v2=daily(0, 43_200), v3=daily(60_000, 86_400))


def test_predictions_of_now_stand_beside_the_queries() -> None:
    at, value = daily(0, 86_400)
    assert queries(v2=(at, value))["predictions"] == f"{16 * value[-1]:.0f} /s"
    assert queries(v2=daily(0, 43_200), v3=daily(43_200, 86_400))["predictions"] == f"{16 * value[-1]:.0f} /s"

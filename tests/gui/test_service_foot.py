"""The foot of the service page: what was measured is asked for, shown and judged in words."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.capacity import Capacity, Forecast
from mlcontrol.core.data_report import DataFinding, DataReport
from mlcontrol.core.pipeline import Lineage, pipeline
from mlcontrol.core.problem import Problem
from mlcontrol.core.quality.generations import Point, generations
from mlcontrol.core.quality.report import FeedbackShare, Measure, QualityReport, SliceQuality, Task
from mlcontrol.core.types import VersionSummary
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.capacity_words import capacity_sentence
from mlcontrol.gui.viewmodels.quality_rows import quality_rows, quality_sentence
from mlcontrol.gui.widgets.pipeline_strip import rows_of


def report(**changes: Any) -> QualityReport:
    values: dict[str, Any] = {
        "service": "digits", "version": "3", "task": Task.CLASSES, "since_s": 0.0, "until_s": 21600.0, "served": 900,
        "drawn": 900, "labelled": 700,
        "measures": (Measure("accuracy", 0.957, 0.94, 0.97, 700, method="Wilson"),
                     Measure("auc", 0.99, 0.98, 1.0, 700, share=False)),
        "slices": (SliceQuality("region", "south", Measure("accuracy", 0.71, 0.64, 0.78, 160), True, 1e-6),
                   SliceQuality("region", "north", Measure("accuracy", 0.97, 0.93, 0.99, 170), False, 0.4)),
        "estimate": Measure("accuracy", 0.94, 0.91, 0.97, 200, note="an estimate"),
        "feedback": (FeedbackShare("accept", 200, 300, 900, 0.61, 0.72, 0.9, 300, -0.29, -0.17),),
    }  # fmt: skip
    return QualityReport(**(values | changes))


@pytest.fixture
def foot(window: Any, qtbot: Any, engine: Any) -> Any:
    window.open_page("service", service="digits")
    qtbot.waitUntil(lambda: bool(engine.sent(m.QueryGenerations)))
    return window.page.foot


def cells(table: Any) -> list[list[str]]:
    model = table.model()
    return [[model.index(r, c).data() for c in range(model.columnCount())] for r in range(model.rowCount())]


def test_an_interval_of_a_regression_is_not_cut_off(foot: Any) -> None:
    """A number that is cut off is another number: "57.96 to 60...." stood there."""
    measure = Measure("rmse", 59.04, 57.96, 60.12, 5604, share=False)
    foot.quality.table.put(quality_rows(report(measures=(measure,), slices=(), estimate=None, feedback=())))
    assert cells(foot.quality)[0][3] == "57.96 to 60.12"
    assert foot.quality.sizeHintForColumn(3) <= foot.quality.columnWidth(3)


def test_v_turns_to_quality_and_shows_the_worst_slice_first(foot: Any, window: Any, engine: Any, qtbot: Any) -> None:
    foot.next_view()
    (asked,) = engine.sent(m.QueryQuality)
    assert asked.service == "digits"
    engine.say(m.QualityAnswer(request=asked.request, report=report()))
    qtbot.waitUntil(lambda: foot.quality.model().rowCount() == 6)
    rows = cells(foot.quality)
    assert rows[0][:5] == ["all answers", "accuracy", "95.7 %", "94.0 to 97.0", "700"]
    assert rows[1][1] == "estimated accuracy"
    assert "less than the time before (-29.0 to -17.0 points)" in rows[3][5]
    assert rows[4][0] == "region south"
    assert rows[4][5].startswith("worse than the rest")
    assert "worse than elsewhere in region south; 200 answers of 900 without a label" in foot.verdict.text()


def test_a_refusal_says_why_and_empties_the_table(foot: Any, engine: Any, qtbot: Any) -> None:
    foot.next_view()
    (asked,) = engine.sent(m.QueryQuality)
    engine.say(m.Refused(request=asked.request, problem=Problem("It cannot be measured.", "No log.")))
    qtbot.waitUntil(lambda: "cannot be measured" in foot.verdict.text())
    assert foot.quality.model().rowCount() == 0


def test_the_generations_carry_what_was_measured(foot: Any, window: Any, engine: Any, qtbot: Any) -> None:
    asked = engine.sent(m.QueryGenerations)[-1]
    versions = [(str(n), {"test_accuracy": 0.95 + n / 1000, "train_accuracy": 0.97}) for n in (1, 2, 3)]
    found = generations("accuracy", versions, [Point("production", "3", 0.88, 0.86, 0.9, 900)], "3")
    engine.say(m.GenerationsAnswer(request=asked.request, service="digits", found=found))
    qtbot.waitUntil(lambda: "does not hold" in foot.verdict.text())
    assert "does not hold" in foot.chart.accessibleDescription()
    before = foot.chart.grab().toImage()
    foot.chart.show_generations(generations("accuracy", versions, [], "3"))
    assert foot.chart.grab().toImage() != before


def test_another_service_forgets_what_was_told_of_the_first(foot: Any, window: Any, engine: Any, qtbot: Any) -> None:
    foot.next_view()
    asked = engine.sent(m.QueryQuality)[-1]
    window.open_page("service", service="churn")
    engine.say(m.QualityAnswer(request=asked.request, report=report()))
    qtbot.waitUntil(lambda: foot.answered > 0)
    assert foot.quality.model().rowCount() == 0


def test_changes_of_the_data_are_shown_with_what_they_rest_on(foot: Any, engine: Any, qtbot: Any) -> None:
    foot.views.choose(2)
    asked = engine.sent(m.QueryData)[-1]
    engine.say(m.DataAnswer(request=asked.request, service="digits", report=None))
    qtbot.waitUntil(lambda: "not been looked at yet" in foot.verdict.text())
    drift = DataFinding(
        "image",
        "distribution",
        "training",
        "median 0 in training, 3 now",
        "region south",
        0.31,
        0.08,
        1e-9,
        480,
        0.1,
        2,
    )
    looked = DataReport("digits", "3", 0.0, 900.0, 2000, 4000, 60, 2, (drift,), trained_until_s=1.0)
    engine.say(m.DataAnswer(request=asked.request, service="digits", report=looked))
    foot.ask()
    asked = engine.sent(m.QueryData)[-1]
    engine.say(m.DataAnswer(request=asked.request, service="digits", report=looked))
    qtbot.waitUntil(lambda: foot.data.model().rowCount() == 1)
    assert cells(foot.data)[0] == [
        "image", "region south", "distribution", "training", "0.310", "1e-09", "480", "median 0 in training, 3 now",
    ]  # fmt: skip
    assert "image in region south changed, likely harm first" in foot.verdict.text()


def forecasted(**changes: Any) -> Forecast:
    now_s, hour = 1_760_000_000.0, 3600.0
    past = tuple(now_s - hour * (240 - i) for i in range(240))
    ahead = tuple(now_s + hour * i for i in range(240))
    grown = tuple(50 + 0.1 * i for i in range(480))
    values: dict[str, Any] = {
        "capacity": Capacity(80.0, source="declared"),
        "past_at_s": past, "past": grown[:240], "at_s": ahead, "expected": grown[240:],
        "low": tuple(v - 4 for v in grown[240:]), "high": tuple(v + 4 for v in grown[240:]),
        "reached_s": ahead[60], "earliest_s": ahead[20], "latest_s": ahead[100],
        "per_day": 2.4, "per_day_low": 2.0, "per_day_high": 2.8, "season": "daily", "n": 240, "horizon_s": 864_000.0,
    }  # fmt: skip
    return Forecast(**(values | changes))


def test_the_capacity_forecast_is_one_line_and_a_band(foot: Any, engine: Any, qtbot: Any) -> None:
    foot.views.choose(4)
    asked = engine.sent(m.QueryCapacity)[-1]
    engine.say(m.CapacityAnswer(request=asked.request, service="digits", found=forecasted()))
    qtbot.waitUntil(lambda: "is reached" in foot.verdict.text())
    assert foot.capacity.accessibleDescription() == foot.verdict.text()
    with_band = foot.capacity.grab().toImage()
    foot.capacity.put(forecasted(low=forecasted().expected, high=forecasted().expected))
    assert foot.capacity.grab().toImage() != with_band


KNOWN = "80 /s (declared capacity) is reached in"
MEASURED = Capacity(80.0, 76.0, 84.0, "measured", 900)


@pytest.mark.parametrize(
    ("changes", "words", "tone"),
    [
        ({}, (KNOWN, "(95 %: ", "Trend +2.4 /s a day (+2 to +2.8), daily", "n = 240 h"), "warning"),
        ({"latest_s": None}, ("to after 10 d)",), "warning"),
        ({"reached_s": None, "latest_s": None}, ("not expected to be reached in 10 d", "it may be from"), "secondary"),
        ({"reached_s": None, "earliest_s": None}, ("is not reached in 10 d",), "secondary"),
        ({"capacity": Capacity(why="none is told"), "reached_s": None}, ("? Its capacity is not known: none",), "unknown"),
        ({"why": "1.2 of the 7 days"}, ("? No forecast of the traffic: 1.2 of the 7 days.",), "unknown"),
        ({"per_day_low": -1.0}, ("No trend beyond chance (-1 to +2.8 /s a day)",), "warning"),
        ({"capacity": MEASURED}, ("80 /s (measured: 76 to 84, 900 readings)",), "warning"),
    ],
)  # fmt: skip
def test_the_line_says_when_how_sure_and_from_how_much(
    changes: dict[str, Any], words: tuple[str, ...], tone: str
) -> None:
    found = forecasted(**changes)
    said, colour = capacity_sentence(found, 1_760_000_000.0)
    assert all(part in said for part in words), said
    assert colour == tone


def test_the_pipeline_is_a_strip_of_five_stages(foot: Any, engine: Any, qtbot: Any) -> None:
    foot.views.choose(5)
    asked = engine.sent(m.QueryPipeline)[-1]
    found = pipeline(
        VersionSummary("3", 1000.0), Lineage(run="r" * 32, began_s=900.0, ended_s=960.0), ("2", 500.0), None
    )
    engine.say(m.PipelineAnswer(request=asked.request, service="digits", found=found))
    qtbot.waitUntil(lambda: "2 of 5 stages" in foot.verdict.text())
    said = foot.pipeline.accessibleDescription()
    assert "Data snapshot: ? not told" in said
    assert "Train: 01-01 00:15, 1 min, commit not told, run rrrrrrrr" in said
    drawn = foot.pipeline.grab().toImage()
    foot.pipeline.put(())
    assert foot.pipeline.grab().toImage() != drawn


@pytest.mark.parametrize(
    ("lines", "room", "rows"),
    [
        (("short",), 4, ["short"]),
        (("a line of many words that is long",), 4, ["a line of many", "words that is", "long"]),
        (("a line of many words that is long", "run 1"), 3, ["a line of many", "words that is long", "run 1"]),
        (("a line of many words that is long", "run 1"), 2, ["a line of many words that is long", "run 1"]),
        (("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa no", "run 1"), 4, ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa no", "run 1"]),
        ((), 4, []),
    ],
)
def test_a_stage_s_words_are_broken_where_there_is_room(lines: tuple[str, ...], room: int, rows: list[str]) -> None:
    letters = type("Metrics", (), {"horizontalAdvance": staticmethod(len)})()
    assert rows_of(lines, room, 14, letters) == rows


@pytest.mark.parametrize("view", range(6))
def test_what_the_foot_says_is_never_cut_off(foot: Any, engine: Any, qtbot: Any, view: int) -> None:
    """At the width of a small screen, with three sentences on capacity and a pipeline of five stages."""
    foot.views.choose(view)
    foot._say(" ".join(["a sentence of some words that is said of this service"] * 6), "secondary")
    qtbot.waitUntil(lambda: foot.verdict.height() >= foot.verdict.heightForWidth(foot.verdict.width()))
    assert foot.panes.height() >= 50
    assert foot.versions.isVisible() is (view not in (4, 5))


def test_on_a_wide_screen_the_versions_stay_beside_a_pipeline(foot: Any, qtbot: Any) -> None:
    foot.views.choose(5)
    assert not foot.versions.isVisible()
    foot.window().resize(2200, 900)
    qtbot.waitUntil(lambda: foot.versions.isVisible())
    foot.window().resize(1100, 800)
    qtbot.waitUntil(lambda: not foot.versions.isVisible())


def test_a_report_that_could_compare_no_slice_does_not_call_them_well() -> None:
    few = SliceQuality("region", "south", Measure("accuracy", 0.5, 0.1, 0.9, 4))
    words, tone = quality_sentence(report(slices=(few,), feedback=()))
    assert (tone, "no slice has labels enough" in words) == ("unknown", True)
    assert quality_sentence(report(slices=(), feedback=()))[1] == "unknown"
    noted = quality_rows(report(notes=("labels of 3 answers contradict each other",)))
    assert noted[-1].words == "labels of 3 answers contradict each other"

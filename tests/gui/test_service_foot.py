"""The foot of the service page: what was measured is asked for, shown and judged in words."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.data_report import DataFinding, DataReport
from mlcontrol.core.problem import Problem
from mlcontrol.core.quality.generations import Point, generations
from mlcontrol.core.quality.report import FeedbackShare, Measure, QualityReport, SliceQuality, Task
from mlcontrol.engine import messages as m


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

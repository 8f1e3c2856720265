"""What changed stands on every chart of the service page, without being asked for; the timeline names each kind and its source."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine import messages as m

UNRULED = EventKind.REVIEW  # people's verdicts come by the dozen: their marks stand in the lane alone


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("service", service="digits")
    qtbot.waitUntil(lambda: window.page.answered > 0)
    return window.page


def ruled(page: Any, x: int) -> list[bool]:
    """Of each row of charts: whether there is a line from top to bottom at about ``x``, dotted or not."""
    image = page.charts.grab().toImage()
    found = []
    for _, rect in page.charts._layout_rows():
        heights = range(rect.top() + 2, rect.bottom() - 1)
        other = (
            sum(image.pixelColor(column, y) != image.pixelColor(column - 4, y) for y in heights)
            for column in (x - 1, x, x + 1)
        )
        found.append(max(other) > 0.2 * len(heights))
    return found


@pytest.mark.parametrize("kind", list(EventKind), ids=lambda kind: kind.value)
def test_an_event_is_a_line_through_all_rows_by_default(page: Any, engine: Any, qtbot: Any, kind: EventKind) -> None:
    charts = page.charts
    at_s = charts.span.since_s + 0.37 * (charts.span.until_s - charts.span.since_s)
    x = round(charts.span.x(at_s, charts._plot(0, 10)))
    assert not any(ruled(page, x)), "nothing has happened then"
    engine.say(m.TimelineGrew(events=(TimelineEvent("d1", at_s, kind, "it happened", service="digits"),)))
    qtbot.waitUntil(lambda: any(e.id == "d1" for e in charts._events))
    rows = ruled(page, round(charts.span.x(at_s, charts._plot(0, 10))))
    assert len(rows) >= 6
    assert all(rows) is (kind is not UNRULED)

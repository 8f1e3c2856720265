"""Where what callers send is what broke, the page says what helps: going back to another version does not."""

from __future__ import annotations

from typing import Any

from mlcontrol.core.incidents.data_advice import Advice, NextSteps
from tests.gui.test_incident_page import IncidentEngine, page, press, sample_brief, told

__all__ = ["page", "press", "told"]


def test_where_what_callers_send_broke_the_page_says_what_helps_instead_of_a_way_back(
    page: Any, told: IncidentEngine, qtbot: Any
) -> None:
    steps = NextSteps(
        "Rolling back does not help: every version is asked the same.",
        (
            Advice("Ask the callers in region south, or the owner of price", "what they changed at 05:21:47."),
            Advice("Hold deploys", "They are frozen."),
        ),
    )
    told.brief = sample_brief(steps=steps)
    qtbot.waitUntil(lambda: page.way_back.title.text() == "What helps", timeout=5000)
    assert "Rolling back does not help" in page.way_back.sentence.text()
    assert [row.title for row in page.way_back.rows.rows] == [one.title for one in steps.steps]
    told.brief = sample_brief()
    qtbot.waitUntil(lambda: page.way_back.title.text().startswith("Way back"), timeout=5000)
    assert page.way_back.rows.rows == ()

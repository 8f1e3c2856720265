"""Twins of the incident page's tests: with a guard taken out, each would be seen to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.incidents.story import Story
from mlcontrol.core.operation import OperationKind
from mlcontrol.engine import messages as m
from mlcontrol.gui import single_instance
from mlcontrol.gui.pages.incident import IncidentPage
from mlcontrol.ports.deep_link import parse_link
from tests.gui.conftest import FakeEngine
from tests.gui.test_incident_page import IncidentEngine, page, press, sample_brief, told

__all__ = ["page", "press", "told"]


def test_twin_a_link_that_acts_would_be_seen(
    told: IncidentEngine, window: Any, engine: FakeEngine, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that takes what a link fills in for a person's word."""
    fill = IncidentPage.show_for

    def act(page: Any, service_id: str | None, **context: Any) -> None:
        fill(page, service_id, **context)
        plan = m.MakePlan(request=page.bridge.request_id(), kind=OperationKind.ROLLBACK, service=service_id or "")
        page.bridge.ask(plan, lambda _event: None)

    monkeypatch.setattr(IncidentPage, "show_for", act)
    window.open_link(parse_link("mlcontrol://incident?service=diamond-cut&alert=ErrorsHigh"))
    qtbot.waitUntil(lambda: engine.sent(m.MakePlan) != [])


def test_twin_without_one_name_for_the_workspace_the_second_would_not_find_the_first(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(("one", "other"))
    monkeypatch.setattr(single_instance, "workspace_name", lambda _path: next(names))
    first = single_instance.Doorbell(tmp_path / "w.toml")
    first.listen()
    try:
        assert not single_instance.Doorbell(tmp_path / "w.toml").somebody_answers()
    finally:
        first.close()


def test_twin_without_making_it_visible_a_name_would_turn_the_sentence_round(
    page: Any, told: IncidentEngine, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two see to it: the words of the page, and whatever label shows them."""
    monkeypatch.setattr("mlcontrol.gui.viewmodels.incident_words.visible_text", lambda text, _limit=0: text)
    monkeypatch.setattr("mlcontrol.gui.widgets.label.visible", lambda text: text)
    evil = "digits\u202e"
    told.brief = sample_brief(story=Story(evil, evil, evil, "critical"))
    qtbot.waitUntil(lambda: "\u202e" in page.head.sentences[0], timeout=5000)

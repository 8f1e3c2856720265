"""An answer that comes after somebody has gone on to another incident is not taken for that one's."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.incident import IncidentPhase
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.incident_acts import IncidentActs
from mlcontrol.gui.pages.incident_facts import IncidentFacts
from tests.gui.test_incident_page import sample_brief


class SlowBridge:
    """Keeps every question until it is answered by hand."""

    connected = True
    hello = None

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any]] = []

    def request_id(self) -> str:
        return f"r{len(self.asked)}"

    def ask(self, command: Any, answer: Any) -> None:
        self.asked.append((command, answer))

    def briefs(self) -> list[tuple[Any, Any]]:
        return [pair for pair in self.asked if isinstance(pair[0], m.QueryIncident)]


@pytest.fixture
def bridge() -> SlowBridge:
    return SlowBridge()


@pytest.fixture
def facts(qapp: Any, bridge: SlowBridge) -> IncidentFacts:
    made = IncidentFacts()
    any_bridge: Any = bridge
    made.bridge = any_bridge
    return made


def answer(bridge: SlowBridge, brief: Brief) -> None:
    command, then = bridge.briefs()[-1]
    then(m.BriefAnswer(request=command.request, brief=brief))


def test_the_answer_about_an_ended_incident_does_not_bring_it_back(facts: IncidentFacts, bridge: SlowBridge) -> None:
    """The same service burns again: one key asks for what is not declared yet while the old incident's answer is under way."""
    facts.choose("digits", "incident-31", "")
    facts.ask()
    facts.choose("digits", "", "errors again")
    facts.ask()  # one question at a time: this one waits
    over = sample_brief()
    assert over.incident.id == "incident-31"
    answer(bridge, over)
    assert (facts.incident_id, facts.brief) == ("", None)
    assert [(c.incident, c.service) for c, _ in bridge.briefs()] == [("incident-31", "digits"), ("", "digits")]
    fresh = sample_brief(declared=False)
    answer(bridge, fresh)
    assert facts.brief is fresh
    assert fresh.incident.phase is IncidentPhase.DETECTED


def test_an_incident_of_another_service_is_followed_only_where_it_was_asked_for(
    facts: IncidentFacts, bridge: SlowBridge
) -> None:
    facts.choose("diamond-cut", "incident-31", "")
    facts.ask()
    answer(bridge, sample_brief())
    assert (facts.service_id, facts.incident_id) == ("digits", "incident-31")
    facts.ask()
    facts.choose("diamond-cut", "", "")
    answer(bridge, sample_brief())
    assert (facts.service_id, facts.incident_id, facts.brief) == ("diamond-cut", "", None)


def test_what_follows_a_declaration_is_not_done_to_the_service_chosen_since(
    facts: IncidentFacts, bridge: SlowBridge
) -> None:
    unused: Any = None
    acts = IncidentActs(unused, facts, unused, unused, unused)
    done: list[str] = []
    facts.choose("digits", "", "")
    acts.declare(lambda: done.append("rolled back"))
    command, then = bridge.asked[-1]
    assert (type(command), command.service) == (m.DeclareIncident, "digits")
    facts.choose("diamond-cut", "", "")
    then(m.IncidentAnswer(request=command.request, incident=sample_brief().incident))
    assert (done, facts.incident_id) == ([], "")
    facts.choose("digits", "", "")
    then(m.IncidentAnswer(request=command.request, incident=sample_brief().incident))
    assert (done, facts.incident_id) == (["rolled back"], "incident-31")

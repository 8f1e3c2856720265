"""An exercise on the real fleet: a version is swapped behind the panel's back, taken back through the guard, proven, scored."""

from __future__ import annotations

import uuid

import pytest

from mlcontrol.core.incidents.incident import IncidentPhase
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.testing.fleet import RunningFleet
from tests.engine.shell import Shell, until
from tests.engine.test_real_fleet import WITHIN_S, present, services, shell

__all__ = ["shell"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def test_an_exercise_is_played_worked_through_and_scored(shell: Shell, running_fleet: RunningFleet) -> None:
    until(lambda: present(shell), WITHIN_S)
    begun = shell.host.ask(m.StartPractice(request=new_request(), actor="ann", fault="version-swap"), WITHIN_S)
    assert isinstance(begun, m.PracticeAnswer)
    assert begun.practice.running is not None
    until(lambda: services(shell)["digits"].presence.health is Health.CRITICAL, WITHIN_S)
    declared = shell.host.ask(m.DeclareIncident(request=new_request(), service="digits", actor="ann"))
    assert isinstance(declared, m.IncidentAnswer)
    assert declared.incident.practice == "version-swap"
    planned = shell.host.ask(
        m.MakePlan(request=new_request(), kind=OperationKind.ROLLBACK, service="digits", version="2", express=True),
        WITHIN_S,
    )
    assert isinstance(planned, m.PlanAnswer)
    shell.host.ask(
        m.Execute(
            request=new_request(), operation=uuid.uuid4().hex, plan_hash=planned.plan_hash, reason="another version answers",
            actor="ann", accept_unknown=True,
        )
    )  # fmt: skip

    def proven() -> bool:
        shell.host.ask(m.RefreshNow(request=new_request(), service="digits"), WITHIN_S)
        answer = shell.host.ask(m.QueryIncident(request=new_request(), incident=declared.incident.id), WITHIN_S)
        assert isinstance(answer, m.BriefAnswer)
        return answer.brief.incident.phase is IncidentPhase.MITIGATED

    until(proven, 2 * WITHIN_S)
    scored = shell.host.ask(m.ScorePractice(request=new_request(), actor="ann"))
    assert isinstance(scored, m.ScoreAnswer)
    found = scored.score
    assert (found.fault, found.person, found.wrong_turns) == ("version-swap", "ann", ())
    for seconds in (found.detect_s, found.decide_s, found.recover_s):
        assert seconds is not None
        assert 0.0 <= seconds < 3 * WITHIN_S
    known = shell.host.ask(m.QueryPractice(request=new_request(), actor="ann"))
    assert isinstance(known, m.PracticeAnswer)
    assert (known.practice.running, known.practice.scores) == (None, (found,))
    others = shell.host.ask(m.QueryPractice(request=new_request(), actor="bob"))
    assert isinstance(others, m.PracticeAnswer)
    assert others.practice.scores == ()

"""`mlcontrol incident` on an engine that answers what it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlcontrol.core.bisect import Found, bisect_strategy
from mlcontrol.core.incidents.exercise import Practice, Score
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.plan import Assumption, BlastRadius, Plan
from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from tests.cli.conftest import ScriptedEngine

Run = Callable[..., Any]
BURNS = Incident("incident-31", 31, "digits", "prod", "digits: errors 6 %")
PLAN = Plan(
    "digits", OperationKind.BISECT, "3", "2", True, Assumption("3", ("2", "3"), "3", None, 0.0, None), (),
    BlastRadius(40.0, 0.1, (), None), None, 60.0, time.time(), bisect_strategy("errors"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "code"), [(Found.NAMED, 0), (Found.CLEARED, 0), (Found.INCONCLUSIVE, 2)], ids=lambda v: str(v)
)
def test_a_bisect_is_followed_to_its_verdict(engine: ScriptedEngine, run: Run, found: Found, code: int) -> None:
    def execute(command: m.Execute) -> m.Done:
        done = Operation(
            command.operation, OperationKind.BISECT, "digits", "3", "2", command.actor, command.reason, "", Phase.DONE,
            summary=f"said of v3: {found}", found=found.value,
        )  # fmt: skip
        engine.tell(m.OperationChanged(operation=done))
        return m.Done(request=command.request)

    engine.answers |= {
        m.FindIncidents: lambda c: m.IncidentsAnswer(request=c.request, incidents=(BURNS,)),
        m.PlanBisect: lambda c: m.PlanAnswer(request=c.request, plan=PLAN, plan_hash=PLAN.hash),
        m.Execute: execute,
    }
    ran = run("incident", "bisect", "--reason", "v3 or the timeout", "--yes")
    assert ran.code == code, ran.err
    assert f"done: said of v3: {found}" in ran.out
    (sent,) = [c for c in engine.asked if isinstance(c, m.PlanBisect)]
    assert sent.incident == "incident-31"


SCORED = Score("error-burst", "test", 1_790_000_000.0, 12.0, 8.0, 20.0, ("closed too early",), 85)


def test_practice_is_started_scored_and_listed(engine: ScriptedEngine, run: Run) -> None:
    def known(command: Any) -> m.PracticeAnswer:
        return m.PracticeAnswer(request=command.request, practice=Practice(command.actor, scores=(SCORED,)))

    engine.answers |= {
        m.StartPractice: known,
        m.QueryPractice: known,
        m.ScorePractice: lambda c: (
            m.ScoreAnswer(request=c.request, score=SCORED)
            if c.give_up
            else Problem("Incident 31 is not over: recovery is not proven.", code="unknown")
        ),
    }
    started = run("incident", "practice")
    assert (started.code, started.out.split(";")[0]) == (0, "something is being played. Work it through")
    assert run("incident", "score").code == 2
    scored = run("incident", "score", "--give-up")
    assert scored.out.splitlines() == [
        "error-burst: 85 points; noticed in 12 s, decided in 8 s, recovered in 20 s.",
        "  wrong turn: closed too early",
    ]
    assert "85" in run("incident", "board").out.splitlines()[1]
    (document,) = run("incident", "board", "--format", "json").documents
    assert document["scores"][0]["points"] == 85
    who = {c.actor for c in engine.asked if isinstance(c, (m.StartPractice, m.QueryPractice, m.ScorePractice))}
    assert len(who) == 1, "everything is of one person"


def test_where_nothing_is_close_it_says_so_and_does_nothing(engine: ScriptedEngine, run: Run) -> None:
    engine.answers |= {
        m.FindIncidents: lambda c: m.IncidentsAnswer(request=c.request, incidents=(replace(BURNS),)),
        m.PlanBisect: lambda c: Problem("There is nothing to bisect.", code="refused"),
    }
    ran = run("incident", "bisect", "--reason", "which?", "--yes")
    assert ran.code == 1
    assert "There is nothing to bisect." in ran.err
    assert not [c for c in engine.asked if isinstance(c, m.Execute)]

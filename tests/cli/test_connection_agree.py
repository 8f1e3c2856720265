"""`mlcontrol connection agree`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine import messages as m


def test_a_name_that_moved_inside_is_agreed_to_by_command(engine: Any, run: Callable[..., Any]) -> None:
    """Fault 8. It is asked once before, for a fresh engine has not looked where the name leads."""
    settings = ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", "http://models.example")
    engine.state = replace(engine.state, settings=replace(engine.state.settings, connections={"m": settings}))
    moved = Problem("The name models.example leads inside now.", code="moved-inside")
    engine.answers[m.TestConnection] = lambda c: m.ConnectionDiagnosis(request=c.request, problem=moved)
    engine.answers[m.AgreeToAddress] = lambda c: m.Done(request=c.request, text="m may lead to 10.0.0.5")
    assert run("connection", "agree", "nobody").code != 0
    ran = run("connection", "agree", "m")
    assert ran.code == 0
    assert "m may lead to 10.0.0.5." in ran.out + ran.err
    assert [type(c) for c in engine.asked if not isinstance(c, m.RefreshNow)] == [m.TestConnection, m.AgreeToAddress]

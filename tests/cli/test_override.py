"""`--override RULE=REASON`: the engine decides whether this person may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.core.operation import Phase
from mlcontrol.core.plan import Overridable
from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from tests.cli.test_commands import PLAN, executing, planning


def test_an_override_names_the_rule_and_its_reason_and_the_engine_decides(engine: Any, run: Callable[..., Any]) -> None:
    stopped = Overridable("S2", "S2: half the size", ("ann",))
    planning(engine, replace(PLAN, blocked_by=(stopped.sentence,), overridable=(stopped,)))
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes")
    assert ran.code == 1
    assert "by policy ann may override S2 with a reason: --override 'S2=…'" in ran.out
    refused = Problem("eve may not override S2.", "The policy lets ann do it.", code="override")
    engine.answers[m.Execute] = lambda _command: refused
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes", "--override", "s2=the old one had padding")
    assert (ran.code, "eve may not override S2." in ran.err) == (1, True)
    executing(engine, Phase.DONE)
    assert run("deploy", "digits", "3", "--reason", "try", "--yes", "--override", "S2=padding = gone").code == 0
    sent = [c.overrides for c in engine.asked if isinstance(c, m.Execute)]
    assert sent == [{"S2": "the old one had padding"}, {"S2": "padding = gone"}]
    for slip in ("S2", "S2=", "=why"):
        assert run("deploy", "digits", "3", "--reason", "try", "--yes", "--override", slip).code == 3

"""Every command has somebody who answers it, and trouble is told, not hidden."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest

from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import EventKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.desk import Desk
from mlcontrol.engine.desks.table import Services
from mlcontrol.engine.engine import Engine
from mlcontrol.engine.hub import Hub
from mlcontrol.engine.outbox import Outbox
from mlcontrol.ports.clock import SystemClock
from tests.engine.shell import until


def services(**parts: Any) -> Services:
    quiet = SimpleNamespace(close=lambda *_: None, start=lambda: None, settle=lambda: None, announce=lambda: None)
    ctx = SimpleNamespace(clock=SystemClock(), view_only="", store=SimpleNamespace(history=SimpleNamespace(trim=print)))
    names = (
        "collector",
        "checks",
        "rollouts",
        "reviews",
        "campaigns",
        "connections",
        "records",
        "audit",
        "permissions",
        "drills",
        "watch",
        "incidents",
        "briefing",
        "bisecting",
        "silencing",
        "adding",
        "postmortems",
        "practice",
        "alerts",
        "quality",
        "control",
        "capacity",
        "pipelines",
        "telling",
        "history",
    )
    return Services(ctx=ctx, **{name: parts.get(name, quiet) for name in names})  # type: ignore[arg-type]


def command_types() -> list[type]:
    return [kind for kind in get_args(m.Command) if kind is not m.StopEngine]


@pytest.mark.parametrize("kind", command_types(), ids=lambda kind: kind.__name__)
def test_every_command_has_a_lane(kind: type) -> None:
    Desk(services()).lane(kind)


@pytest.fixture
def failing() -> Any:
    """An engine whose audit queries break."""

    def broken(*_: object) -> None:
        raise RuntimeError("the disk is on fire")

    audit = SimpleNamespace(rows=broken, announce=lambda: None)
    hub = Hub(WorkspaceSettings("w", "w.toml"), lambda events, samples: None)
    engine = Engine(hub, services(audit=audit))
    yield SimpleNamespace(engine=engine, hub=hub)
    engine.close()


def ask(engine: Engine, hub: Hub, outbox: Outbox, command: m.Command) -> m.Event:
    engine.submit(command, outbox)
    frames: list[bytes] = []
    until(lambda: frames or frames.extend(outbox.take(hub.catch_up) or []) or frames)
    answers = [m.decode_event(frame) for frame in frames]
    return next(a for a in answers if getattr(a, "request", None) == command.request)


def test_an_unforeseen_error_is_refused_told_once_and_survived(failing: Any) -> None:
    outbox = Outbox()
    for number in range(3):
        answer = ask(failing.engine, failing.hub, outbox, m.QueryAudit(request=str(number)))
        assert isinstance(answer, m.Refused)
        assert "the disk is on fire" in answer.problem.what
        assert answer.problem.next
    told = [event for event in failing.hub.state().events if event.kind is EventKind.ENGINE]
    assert len(told) == 1


def test_an_ended_engine_takes_no_commands(failing: Any) -> None:
    failing.engine.close()
    answer = ask(failing.engine, failing.hub, Outbox(), m.QueryAudit(request="late"))
    assert isinstance(answer, m.Refused)
    assert answer.problem.code == "busy"

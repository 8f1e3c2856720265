"""Who is told of alerts, how often, and what happens when they cannot be told."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.alerts.alert import Notification
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import Health
from mlcontrol.ports.deep_link import DeepLink, parse_link
from mlcontrol.ports.errors import Unreachable
from mlcontrol.services.telling import Telling

T = 1_700_000_000.0


class Way:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken = 0
        self.led_to: list[str] = []
        self.arrived = threading.Event()

    def send(self, title: str, text: str, severity: Health, deadline_s: float = 10.0, link: str = "") -> None:
        if self.broken:
            self.broken -= 1
            raise Unreachable(Problem("Nobody answers."))
        self.sent.append((title, text))
        self.led_to.append(link)
        self.arrived.set()

    def close(self) -> None:
        self.arrived.clear()


class World:
    def __init__(self, **ways: NotifySettings) -> None:
        self.way = Way()
        self.emitted: list[Any] = []
        ctx: Any = SimpleNamespace(
            settings=WorkspaceSettings("w", "w.toml", notify=ways), emit=lambda *f: self.emitted.extend(f),
            clock=SimpleNamespace(utc_s=lambda: T),
        )  # fmt: skip
        self.telling = Telling(ctx, self.make, lambda error, where: pytest.fail(f"{where}: {error}"))

    def make(self, settings: NotifySettings) -> Any:
        if settings.via == "desktop":
            raise ProblemError(Problem("There is no desktop here.", code="not-viable"))
        return self.way


def message(at_s: float = T, severity: Health = Health.WARNING, text: str = "errors 6 %") -> Notification:
    return Notification("digits: use", text, severity, ("a",), at_s)


def hook(**changes: Any) -> NotifySettings:
    return NotifySettings("chat", "hook", "json://host", **changes)


def test_the_limit_holds_and_what_was_held_back_is_said() -> None:
    world = World(chat=hook(per_hour=2))
    for minute in (0, 1, 2, 3, 70):
        world.telling.tell(message(T + 60 * minute))
    assert len(world.way.sent) == 3
    assert world.way.sent[-1][1] == "errors 6 % 2 more alerts were not told in between."


def test_an_hour_of_warnings_uses_up_nothing_of_what_is_critical() -> None:
    world = World(chat=hook(per_hour=2))
    for minute in range(10):
        world.telling.tell(message(T + 60 * minute))
    world.telling.tell(message(T + 700, Health.CRITICAL, "nothing answers"))
    assert len(world.way.sent) == 3
    assert world.way.sent[-1][1].startswith("nothing answers")
    for minute in range(10):
        world.telling.tell(message(T + 700 + 60 * minute, Health.CRITICAL))
    assert len(world.way.sent) == 4, "it has a limit, too"


def test_what_was_held_back_is_said_although_nothing_else_comes() -> None:
    world = World(chat=hook(per_hour=2))
    for minute in range(5):
        world.telling.tell(message(T + 60 * minute))
    now = [T + 400]
    world.telling._ctx.clock.utc_s = lambda: now[0]  # type: ignore[misc]
    world.telling.tell_owed(hook(per_hour=2))
    assert len(world.way.sent) == 2
    now[0] = T + 3700
    world.telling.tell_owed(hook(per_hour=2))
    world.telling.tell_owed(hook(per_hour=2))
    assert [title for title, _ in world.way.sent[2:]] == ["3 alerts were not told"]


def test_a_clock_that_is_set_back_uses_up_no_limit() -> None:
    world = World(chat=hook(per_hour=1))
    world.telling.tell(message(T))
    world.telling.tell(message(T - 3 * 86_400))
    assert len(world.way.sent) == 2


def test_a_message_leads_to_the_incident_of_its_service() -> None:
    world = World(chat=hook())
    world.telling.tell(replace(message(), service="digits"))
    world.telling.tell(message())
    assert parse_link(world.way.led_to[0]) == DeepLink("incident", "digits", "digits: use")
    assert world.way.led_to[1] == ""


def test_who_wants_only_the_grave_gets_only_that() -> None:
    world = World(chat=hook(least="critical"), off=hook(enabled=False))
    world.telling.tell(message())
    world.telling.tell(message(severity=Health.CRITICAL))
    assert len(world.way.sent) == 1


def test_trouble_is_tried_twice_and_said_once_until_it_works_again() -> None:
    world = World(chat=hook())
    world.way.broken = 1
    world.telling.tell(message())
    assert len(world.way.sent) == 1
    world.way.broken = 4
    world.telling.tell(message(T + 1))
    world.telling.tell(message(T + 2))
    (event,) = world.emitted
    assert event.title == "People were not told of an alert (chat)"
    assert "Nobody answers" in event.detail
    world.telling.tell(message(T + 3))
    world.way.broken = 2
    world.telling.tell(message(T + 4))
    assert len(world.emitted) == 2


def test_a_machine_without_a_desktop_is_no_trouble_unless_it_was_asked_for() -> None:
    silent = World()
    silent.telling.tell(message())
    assert silent.emitted == []
    asked = World(desk=NotifySettings("desk", "desktop"))
    asked.telling.tell(message())
    assert "no desktop here" in asked.emitted[0].detail


def test_taking_never_waits_and_the_rest_goes_out_on_a_thread() -> None:
    world = World(chat=hook())
    world.telling.start()
    world.telling.take(message())
    assert world.way.arrived.wait(30)
    world.telling.close()
    for _ in range(300):
        world.telling.take(message())  # nobody works the queue any more: dropped, and said
    assert "Too many notifications wait" in world.emitted[-1].detail


class Hanging(Way):
    """Holds whoever sends, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.called, self.go = threading.Event(), threading.Event()

    def send(self, title: str, text: str, severity: Health, deadline_s: float = 10.0, link: str = "") -> None:
        self.called.set()
        assert self.go.wait(60)


def test_a_way_that_hangs_holds_up_no_other() -> None:
    world = World(chat=hook(), pager=replace(hook(), id="pager"))
    hanging = Hanging()
    world.telling._make = lambda settings: hanging if settings.id == "chat" else world.way
    world.telling.start()
    try:
        world.telling.take(message())
        assert hanging.called.wait(30)
        assert world.way.arrived.wait(30)
        world.way.arrived.clear()
        world.telling.take(message(T + 1))
        assert world.way.arrived.wait(30)
    finally:
        hanging.go.set()
        world.telling.close()


def test_an_engine_ends_although_a_way_hangs_and_its_queue_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlcontrol.services.telling.ENDS_WITHIN_S", 0.5)
    world = World(chat=hook(per_hour=10_000))
    hanging = Hanging()
    world.telling._make = lambda _settings: hanging
    world.telling.start()
    for i in range(400):
        world.telling.take(message(T + i))
    assert hanging.called.wait(30)
    ending = threading.Thread(target=world.telling.close)
    ending.start()
    ending.join(30)
    ended = not ending.is_alive()
    hanging.go.set()
    ending.join(30)
    for line in world.telling._lines.values():
        line.thread.join(30)
    assert ended

"""The life of an alert: unknown is never an all-clear, floods are few messages, flapping is one alert."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from mlcontrol.core.alerts import machine
from mlcontrol.core.alerts.alert import Alert, AlertState, Condition, Notification, Silence
from mlcontrol.core.alerts.machine import MOST_MESSAGES, Book, acknowledged, step
from mlcontrol.core.types import Health

BAD = Condition("digits", "latency", True, Health.WARNING, "p99 1.9 s is above 1.2 s")
GOOD = replace(BAD, holds=False)
UNKNOWN = replace(BAD, holds=None)


class Watch:
    """Feeds conditions second by second and remembers what came of them."""

    def __init__(self) -> None:
        self.book, self.now_s = Book(), 1000.0
        self.messages: list[Notification] = []
        self.changes: list[Alert] = []
        self.silences: list[Silence] = []

    def feed(self, *conditions: Condition, seconds: int = 1) -> None:
        for _ in range(seconds):
            done = step(self.book, conditions, self.silences, self.now_s)
            self.book = done.book
            self.messages += done.messages
            self.changes += done.changed
            self.now_s += 1

    @property
    def alert(self) -> Alert:
        return self.book.alerts[BAD.key]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_pending_firing_resolved(watch: Watch) -> None:
    slow = replace(BAD, for_s=30)
    watch.feed(slow, seconds=20)
    assert watch.alert.state is AlertState.PENDING
    assert not watch.messages
    watch.feed(slow, seconds=20)
    assert watch.alert.state is AlertState.FIRING
    (message,) = watch.messages
    assert message.text == BAD.text
    watch.feed(GOOD, seconds=59)
    assert watch.alert.state is AlertState.FIRING
    watch.feed(GOOD, seconds=5)
    assert watch.alert.state is AlertState.RESOLVED


def test_what_was_short_never_fires(watch: Watch) -> None:
    watch.feed(replace(BAD, for_s=30), seconds=10)
    watch.feed(GOOD, seconds=100)
    assert not watch.messages
    assert not any(a.state is AlertState.FIRING for a in watch.changes)


def test_unknown_raises_nothing_and_resolves_nothing(watch: Watch) -> None:
    watch.feed(UNKNOWN, seconds=100)
    assert not watch.book.alerts
    watch.feed(BAD, seconds=2)
    watch.feed(UNKNOWN, seconds=1000)
    assert watch.alert.state is AlertState.FIRING
    assert watch.alert.unknown


def test_one_that_flaps_every_second_is_one_alert_and_one_message_in_five_minutes(watch: Watch) -> None:
    """Fault 65."""
    for _ in range(150):
        watch.feed(BAD)
        watch.feed(GOOD)
    assert len({a.id for a in watch.changes}) == 1
    assert len(watch.messages) == 1
    assert watch.alert.times == 150
    assert len(watch.changes) == 1


def test_twin_without_a_time_to_be_clear_each_turn_would_be_an_alert_of_its_own(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.core.alerts.machine.CLEAR_S", 0.0)
    for _ in range(150):
        watch.feed(BAD)
        watch.feed(GOOD)
    assert len({a.id for a in watch.changes}) == 150


def test_one_that_flaps_slowly_is_told_once_in_five_minutes_at_most(watch: Watch) -> None:
    for _ in range(8):  # 20 minutes: bad 30 s, good 120 s
        watch.feed(BAD, seconds=30)
        watch.feed(GOOD, seconds=120)
    at = [m.at_s for m in watch.messages]
    assert len(at) >= 2
    assert all(b - a >= 300 for a, b in pairwise(at))


def test_five_hundred_at_once_are_few_messages_with_the_right_count(watch: Watch) -> None:
    """Fault 64: one grouped message for each rule, never more than five, every alert in the book."""
    many = [replace(BAD, service=f"s{i}", rule="presence", severity=Health.CRITICAL) for i in range(500)]
    watch.feed(*many, seconds=10)
    (message,) = watch.messages
    assert message.count == 500
    assert "500 alerts" in message.title
    assert message.service in {f"s{i}" for i in range(500)}
    assert len(watch.book.alerts) == 500


def test_twin_without_grouping_each_of_five_hundred_would_be_a_message(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = machine.grouped
    monkeypatch.setattr(
        machine, "grouped", lambda news, _room, now_s: tuple(m for a in news for m in alone([a], 1, now_s))
    )
    watch.feed(*(replace(BAD, service=f"s{i}") for i in range(500)), seconds=10)
    assert len(watch.messages) == 500


def test_many_rules_at_once_are_five_messages_that_speak_of_all(watch: Watch) -> None:
    grave = replace(BAD, severity=Health.CRITICAL)
    watch.feed(*(replace(grave, service=f"s{i}", rule=f"rule-{i % 40}") for i in range(500)))
    assert len(watch.messages) == MOST_MESSAGES
    assert sum(m.count for m in watch.messages) == 500


def test_a_flood_that_comes_one_by_one_is_bounded_too(watch: Watch) -> None:
    for i in range(200):
        watch.feed(*(replace(BAD, service=f"s{k}") for k in range(i)))
    assert len(watch.messages) <= MOST_MESSAGES


def test_silenced_and_acknowledged_are_not_told(watch: Watch) -> None:
    watch.silences = [Silence("1", "digits", "", watch.now_s + 100, "ann", "known", watch.now_s)]
    watch.feed(BAD, seconds=90)
    assert not watch.messages
    assert watch.alert.state is AlertState.FIRING
    watch.feed(BAD, seconds=30)  # the silence has expired, the alert has not
    assert len(watch.messages) == 1


def test_acknowledgement(watch: Watch) -> None:
    watch.silences = [Silence("1", "", "latency", watch.now_s + 20, "ann", "known", watch.now_s)]
    watch.feed(BAD, seconds=5)
    watch.book, taken = acknowledged(watch.book, watch.alert.id, "ann")
    assert taken is not None
    assert taken.acknowledged_by == "ann"
    watch.feed(BAD, seconds=100)
    assert not watch.messages
    assert acknowledged(watch.book, "nothing", "ann")[1] is None


def test_a_service_that_leaves_takes_its_alerts_with_it(watch: Watch) -> None:
    watch.feed(BAD)
    watch.feed(replace(BAD, service="other", holds=False))
    assert watch.alert.state is AlertState.RESOLVED

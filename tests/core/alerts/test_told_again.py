"""Who must hear of an alert a second time, and who must not be forgotten: floods, escalation, silences, clocks that are set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.alerts import machine
from mlcontrol.core.alerts.alert import AlertState, Silence
from mlcontrol.core.alerts.machine import MOST_MESSAGES, WINDOW_S, acknowledged, moved
from mlcontrol.core.types import Health
from tests.core.alerts.test_machine import BAD, GOOD, Watch

GRAVE = replace(BAD, severity=Health.CRITICAL, text="p99 9.0 s is above 1.2 s")
DOWN = replace(GRAVE, service="payments", rule="presence", text="nothing answers")


def test_a_critical_alert_that_fires_while_a_flood_is_told_is_heard_of_at_once() -> None:
    watch = Watch()
    many = [replace(BAD, service=f"s{i}", rule=f"rule-{i}") for i in range(40)]
    watch.feed(*many, seconds=5)
    assert len(watch.messages) < MOST_MESSAGES
    watch.feed(*many, DOWN, seconds=2)
    assert watch.messages[-1].alerts == (watch.book.alerts[DOWN.key].id,)
    assert len(watch.messages) == MOST_MESSAGES


def test_twin_without_the_kept_room_the_flood_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_room", lambda _news, sent: MOST_MESSAGES - sent)
    watch = Watch()
    many = [replace(BAD, service=f"s{i}", rule=f"rule-{i}") for i in range(40)]
    watch.feed(*many, seconds=5)
    watch.feed(*many, DOWN, seconds=2)
    assert not any(watch.book.alerts[DOWN.key].id in message.alerts for message in watch.messages)


def test_what_found_no_room_is_told_when_there_is_some_and_never_forgotten() -> None:
    watch = Watch()
    known = []
    for i in range(60):  # one new alert a second
        known.append(replace(GRAVE, service=f"s{i}"))
        watch.feed(*known)
    assert len(watch.messages) == MOST_MESSAGES
    watch.feed(*known, seconds=int(WINDOW_S) + 10)
    told = [alert for message in watch.messages for alert in message.alerts]
    assert sorted(told) == sorted(alert.id for alert in watch.book.alerts.values())
    assert len(told) == len(set(told)) == 60


def test_what_is_over_before_there_was_room_is_not_told_late() -> None:
    watch = Watch()
    known = [replace(GRAVE, service=f"s{i}") for i in range(20)]
    for i in range(20):
        watch.feed(*known[: i + 1])
    watch.feed(*(replace(one, holds=False) for one in known), seconds=int(WINDOW_S) + 100)
    assert len(watch.messages) == MOST_MESSAGES


def test_what_was_told_as_a_warning_and_is_critical_now_is_told_once_more() -> None:
    watch = Watch()
    watch.feed(BAD, seconds=10)
    watch.feed(GRAVE, seconds=400)
    assert [m.severity for m in watch.messages] == [Health.WARNING, Health.CRITICAL]


def test_one_that_turns_critical_and_back_each_second_is_told_once_as_each() -> None:
    watch = Watch()
    for _ in range(600):
        watch.feed(BAD)
        watch.feed(GRAVE)
    assert [m.severity for m in watch.messages] == [Health.WARNING, Health.CRITICAL]


def test_whoever_took_a_warning_hears_that_it_is_critical_now() -> None:
    watch = Watch()
    watch.feed(BAD, seconds=2)
    watch.book, _ = acknowledged(watch.book, watch.alert.id, "ann")
    watch.feed(BAD, seconds=400)
    assert len(watch.messages) == 1
    watch.feed(GRAVE, seconds=400)
    assert len(watch.messages) == 2
    assert "ann took it as a warning" in watch.messages[1].text
    assert watch.alert.acknowledged_by == "ann"


def test_whoever_took_it_as_critical_is_not_told_again() -> None:
    watch = Watch()
    watch.feed(GRAVE, seconds=2)
    watch.book, _ = acknowledged(watch.book, watch.alert.id, "ann")
    watch.feed(BAD, seconds=30)
    watch.feed(GRAVE, seconds=30)
    assert len(watch.messages) == 1


def test_a_silence_that_ends_while_the_alert_fires_has_people_told_again() -> None:
    watch = Watch()
    watch.feed(BAD, seconds=10)
    watch.silences = [Silence("1", "digits", "", watch.now_s + 3600, "ann", "deploying", watch.now_s)]
    watch.feed(BAD, seconds=3600)
    assert len(watch.messages) == 1
    watch.feed(BAD, seconds=60)
    assert len(watch.messages) == 2


def test_a_silence_that_ends_after_somebody_took_the_alert_is_quiet() -> None:
    watch = Watch()
    watch.feed(BAD, seconds=10)
    watch.silences = [Silence("1", "digits", "", watch.now_s + 600, "ann", "deploying", watch.now_s)]
    watch.feed(BAD, seconds=10)
    watch.book, _ = acknowledged(watch.book, watch.alert.id, "ann")
    watch.feed(BAD, seconds=1000)
    assert len(watch.messages) == 1


def test_a_clock_that_is_set_back_delays_neither_alert_nor_all_clear_nor_message() -> None:
    watch = Watch()
    slow = replace(BAD, for_s=30)
    watch.feed(slow, seconds=20)
    watch.book = moved(watch.book, -3 * 86_400.0)
    watch.now_s -= 3 * 86_400.0
    watch.feed(slow, seconds=12)
    assert watch.alert.state is AlertState.FIRING
    assert len(watch.messages) == 1
    watch.feed(GOOD, seconds=30)
    watch.book = moved(watch.book, -3 * 86_400.0)
    watch.now_s -= 3 * 86_400.0
    watch.feed(GOOD, seconds=40)
    assert watch.alert.state is AlertState.RESOLVED


def test_a_clock_that_is_set_forward_fires_nothing_early() -> None:
    watch = Watch()
    watch.feed(replace(BAD, for_s=30), seconds=10)
    watch.book = moved(watch.book, 3 * 86_400.0)
    watch.now_s += 3 * 86_400.0
    watch.feed(replace(BAD, for_s=30), seconds=10)
    assert watch.alert.state is AlertState.PENDING


def test_what_is_not_asked_any_more_is_not_said_to_be_well() -> None:
    watch = Watch()
    watch.feed(BAD, seconds=2)
    watch.feed(replace(BAD, service="other", holds=False))
    assert watch.alert.state is AlertState.RESOLVED
    assert "not known" in watch.alert.text

"""Whether an incident is about what callers send: by what the watch told, by who was paged for what, and by what else broke."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.incidents.brief import Onset
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.types import Health, TimelineEvent
from mlcontrol.services.data_events import changed_event, over_event, told_s
from mlcontrol.services.incidents.about_data import others_too, what_broke

T = 1_700_000_000.0
INCIDENT = Incident("", 0, "s", "prod", "s", detected_s=T)
SPAN = (T, T + 500)
AGAINST = "x, against the minutes before: mean 0, 3."


def told(after_s: float, service: str = "s", detail: str = AGAINST) -> TimelineEvent:
    return changed_event(service, T + after_s, T + after_s - 60, ("x",), detail)


def over(after_s: float, *of: TimelineEvent) -> TimelineEvent:
    return over_event("s", T + after_s, ("x",), tuple(event.id for event in of))


def paged(rule: str) -> Alert:
    return Alert(rule, "s", rule, AlertState.FIRING, Health.CRITICAL, rule, T, T)


def onset(signal: str) -> Onset:
    return Onset(signal, T, T - 5, T + 5, 0.0, 1.0)


FIRST, SECOND = told(10), told(30)
OLD = told(-400)


@pytest.mark.parametrize(
    ("events", "names", "ended_s"),
    [
        ([FIRST, SECOND], [FIRST.id, SECOND.id], None),
        ([FIRST, over(200, FIRST)], [FIRST.id], T + 200),
        ([FIRST, SECOND, over(200, FIRST)], [FIRST.id, SECOND.id], None),
        ([OLD, over(-200, OLD), FIRST], [FIRST.id], None),
        ([FIRST, told(40, detail="x, against training: 0, 3."), over(200, FIRST)], None, T + 200),
    ],
    ids=["open", "over", "one of two over", "another before", "training has no end"],
)
def test_which_changes_are_of_it(events: list[TimelineEvent], names: list[str] | None, ended_s: float | None) -> None:
    found = what_broke(INCIDENT, None, events, (), SPAN)
    assert found is not None
    assert names is None or [event.id for event in found.events] == names
    assert found.ended_s == ended_s
    assert told_s(found.events[0]) == T + 10


@pytest.mark.parametrize(
    ("events", "seen", "rules"),
    [
        ([], None, ()),
        ([OLD, over(-200, OLD)], None, ()),
        ([replace(FIRST, source="pipeline")], None, ()),
        ([FIRST], onset("errors"), ()),
        ([FIRST], onset("versions"), ()),
        ([FIRST], onset("errors"), ("data", "errors")),
        ([FIRST], onset("latency p99"), ("use",)),
        ([told(10, "another")], None, ()),
    ],
    ids=["nothing", "over before", "of a pipeline", "errors", "versions", "paged for both", "paged for use", "another"],
)
def test_what_is_not_about_the_data(events: list[TimelineEvent], seen: Onset | None, rules: tuple[str, ...]) -> None:
    assert what_broke(INCIDENT, seen, events, [paged(rule) for rule in rules], SPAN) is None


@pytest.mark.parametrize(
    ("seen", "rules"),
    [(onset("quality"), ("accuracy",)), (onset("errors"), ("data",)), (onset("latency p99"), ("data",)), (None, ())],
)
def test_what_is(seen: Onset | None, rules: tuple[str, ...]) -> None:
    assert what_broke(INCIDENT, seen, [FIRST], [paged(rule) for rule in rules], SPAN) is not None


def test_other_services_that_changed_about_then_are_named() -> None:
    found = what_broke(INCIDENT, None, [FIRST], (), SPAN)
    assert found is not None
    events = [FIRST, told(90, "stones"), told(900, "late"), over(40, FIRST)]
    assert others_too(found, "s", events) == ("stones",)

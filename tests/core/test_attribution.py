"""Who did it: ranked with odds, never a single culprit where two cannot be told apart (fault 71)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.attribution import attribute
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import EventKind, TimelineEvent

T = 1_700_000_000.0
CHANGE = ChangePoint(T, T - 20, T + 20, 100, 1.0, 2.0, 0.99)


def event(
    kind: EventKind,
    lag_s: float,
    service: str | None = "digits",
    version: str | None = None,
    operation: str | None = None,
    detail: str = "",
) -> TimelineEvent:
    name = f"{kind.value}-{lag_s:g}-{service}-{version}"
    return TimelineEvent(name, T - lag_s, kind, name, service, detail, version_to=version, operation=operation)


def names(change: ChangePoint, *events: TimelineEvent, **scope: object) -> list[str | None]:
    found = attribute(change, events, service="digits", **scope)  # type: ignore[arg-type]
    return [s.event.id if s.event else None for s in found.suspects]


def test_a_deploy_just_before_is_named() -> None:
    deploy = event(EventKind.DEPLOY, 45, version="3")
    found = attribute(CHANGE, [deploy, event(EventKind.CONFIG, 3000)], service="digits")
    assert found.separable
    assert found.suspects[0].event is deploy
    assert found.suspects[0].odds > 10
    assert "45 s before" in found.suspects[0].why
    assert deploy.title in found.verdict


def test_none_of_these_is_always_among_them_and_probabilities_add_up() -> None:
    events = [event(EventKind.DEPLOY, 45), event(EventKind.ROUTE, 900), event(EventKind.RESTART, 2000)]
    found = attribute(CHANGE, events, service="digits")
    assert sum(s.event is None for s in found.suspects) == 1
    assert sum(s.probability for s in found.suspects) == pytest.approx(1.0)
    alone = attribute(CHANGE, [], service="digits")
    assert [s.event for s in alone.suspects] == [None]
    assert "None of the events" in alone.verdict


def test_an_old_event_does_not_explain_it() -> None:
    assert names(CHANGE, event(EventKind.DEPLOY, 3000))[0] is None
    assert names(CHANGE, event(EventKind.DEPLOY, 7200)) == [None]


def test_a_cause_does_not_come_after_its_effect() -> None:
    assert names(CHANGE, event(EventKind.DEPLOY, -300)) == [None]
    before, after = event(EventKind.DEPLOY, 30), event(EventKind.CONFIG, -15)
    assert names(CHANGE, before, after)[0] == before.id


def test_two_deploys_half_a_minute_apart_cannot_be_separated() -> None:
    found = attribute(
        CHANGE, [event(EventKind.DEPLOY, 60, version="3"), event(EventKind.DEPLOY, 30, version="4")], service="digits"
    )
    assert not found.separable
    assert "Cannot separate" in found.verdict
    assert found.window_s == 3600


def test_a_deploy_and_drift_in_the_same_minute_cannot_be_separated() -> None:
    found = attribute(CHANGE, [event(EventKind.DEPLOY, 40), event(EventKind.DATA, 40)], service="digits")
    assert not found.separable
    assert {s.event.kind for s in found.suspects if s.event} == {EventKind.DEPLOY, EventKind.DATA}


def test_what_is_seen_at_the_next_poll_after_the_change_that_it_made_is_still_the_cause() -> None:
    """The counters were read at once, the router five seconds later: the change is known to a second, the event is not."""
    sharp = replace(CHANGE, low_s=CHANGE.at_s - 2.5, high_s=CHANGE.at_s + 2.5)
    found = attribute(sharp, [event(EventKind.ROUTE, -2.5)], service="digits")
    assert found.suspects[0].event is not None
    assert found.separable


def test_far_enough_apart_they_can() -> None:
    near, far = event(EventKind.DEPLOY, 30, version="4"), event(EventKind.DEPLOY, 1800, version="3")
    found = attribute(CHANGE, [near, far], service="digits")
    assert found.separable
    assert found.suspects[0].event is near


def test_the_events_of_one_rollout_are_one_suspect() -> None:
    own = [
        event(EventKind.DEPLOY, 60, version="3", operation="op-1"),
        event(EventKind.ALIAS, 58, version="3", operation="op-1"),
        event(
            EventKind.ROUTE, 50, version="3"
        ),  # seen by the router's poll: no operation, same version, a moment later
        event(EventKind.LOAD, 55, version="3"),
    ]
    found = attribute(CHANGE, own, service="digits")
    assert [s.event.kind for s in found.suspects if s.event] == [EventKind.DEPLOY]
    assert found.separable


def test_what_one_sees_is_no_cause() -> None:
    seen = [event(kind, 20) for kind in (EventKind.ALERT, EventKind.HEALTH, EventKind.PROBE, EventKind.REVIEW)]
    assert names(CHANGE, *seen) == [None]


def test_other_services_and_small_shares_weigh_less() -> None:
    mine, theirs = event(EventKind.ROUTE, 40), event(EventKind.ROUTE, 40, service="diamonds")
    assert names(CHANGE, mine, theirs)[0] == mine.id
    whole = attribute(CHANGE, [mine], service="digits").suspects[0]
    tenth = attribute(CHANGE, [mine], service="digits", shares={mine.id: 0.02})
    assert next(s for s in tenth.suspects if s.event).odds < whole.odds / 4


def test_what_all_services_show_has_a_common_cause() -> None:
    fleet = event(EventKind.RESTART, 40, service=None)
    one = event(EventKind.DEPLOY, 40)
    assert names(CHANGE, one, fleet, affected=("digits", "diamonds", "progression"))[0] == fleet.id


def test_version_and_slice_tell_suspects_apart() -> None:
    three, four = event(EventKind.ROUTE, 40, version="3"), event(EventKind.ROUTE, 150, version="4")
    assert names(CHANGE, three, four, version="4")[0] == four.id
    south, north = (
        event(EventKind.DATA, 600, detail="feed of region south"),
        event(EventKind.DATA, 500, detail="region north"),
    )
    assert names(CHANGE, south, north, region="south")[0] == south.id


def test_an_unsure_place_makes_for_a_wider_window_and_less_sure_odds() -> None:
    vague = ChangePoint(T, T - 1500, T + 1500, 100, 1.0, 2.0, 0.96)
    deploy = event(EventKind.DEPLOY, 45)
    sharp, blurred = (attribute(c, [deploy], service="digits") for c in (CHANGE, vague))
    assert blurred.window_s == 6000
    assert next(s for s in blurred.suspects if s.event).odds < next(s for s in sharp.suspects if s.event).odds

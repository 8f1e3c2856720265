"""Who did it: ranked with odds, never a single culprit where two cannot be told apart (fault 71)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from mlcontrol.core import attribution
from mlcontrol.core.attribution import Attribution, Broke, attribute
from mlcontrol.core.incidents.close_suspects import close_suspects
from mlcontrol.core.incidents.suspect_lines import suspect_lines
from mlcontrol.core.recorded import RecordedChange, event_of
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


@pytest.mark.parametrize("lag_s", [-2.0, 5.0, 40.0])
def test_moments_of_other_services_do_not_outweigh_none_of_these(lag_s: float) -> None:
    """On a fleet some service is always changed just then."""
    theirs = [
        event(EventKind.ROUTE, lag_s + i / 2, service, version="2") for i, service in enumerate(("prices", "sizes"))
    ]
    found = attribute(CHANGE, theirs, service="digits")
    assert found.suspects[0].event is None
    assert found.separable


def test_a_suspect_of_another_service_is_named_with_it_and_brings_no_version_along() -> None:
    """Its versions are not this one's: a bisect that sent callers to them would serve another release."""
    mine = replace(event(EventKind.ROUTE, 40, version="2"), version_from="1")
    theirs = replace(event(EventKind.ROUTE, 40, "prices", version="7"), version_from="6")
    lines = {line.event: line for line in suspect_lines(attribute(CHANGE, [mine, theirs], service="digits"))}
    own, other = lines[mine.id], lines[theirs.id]
    assert (own.title, own.version_from, own.version_to) == (mine.title, "1", "2")
    assert (other.title, other.version_from, other.version_to) == (f"prices: {theirs.title}", None, None)
    assert close_suspects([other, own], False, "7") is None
    assert close_suspects([replace(other, version_from="6", version_to="7"), own], False, "7") is not None


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


TOLD = TimelineEvent(
    "data-digits-1", T + 25, EventKind.DATA, "The data changed: x in region s", "digits", source="prediction log"
)
"""Told by the watch of the data, dated to the minute it looked back at."""


def of_inputs(*events: TimelineEvent) -> Attribution:
    return attribute(CHANGE, [*events, TOLD], service="digits", broke=Broke.INPUTS, itself=TOLD)


def pipeline(lag_s: float, kind: EventKind = EventKind.DATA) -> TimelineEvent:
    return replace(event(kind, lag_s), id=f"pipeline-{lag_s:g}", title=f"pipeline at {lag_s:g}", source="pipeline")


OF_VERSIONS = (
    EventKind.DEPLOY,
    EventKind.ROLLBACK,
    EventKind.ROUTE,
    EventKind.ALIAS,
    EventKind.LOAD,
    EventKind.RESTART,
)


def test_no_change_of_the_version_explains_what_callers_send() -> None:
    """However many there are, and however well their moments fit; none of these and the data itself stay."""
    found = of_inputs(*(event(kind, 60, version=f"{i}") for i, kind in enumerate(OF_VERSIONS)))
    assert found.suspects[0].event is TOLD
    assert found.separable
    assert found.suspects[0].probability > 0.7
    assert {s.event.kind for s in found.suspects if s.event} == {*OF_VERSIONS, EventKind.DATA}
    assert any("does not alter what callers send" in s.why for s in found.suspects)
    assert sum(s.event is None for s in found.suspects) == 1
    assert "no recorded change explains it" in found.verdict


def test_twin_without_it_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "REACH", {})
    found = of_inputs(*(event(kind, 60, version=f"{i}") for i, kind in enumerate(OF_VERSIONS)))
    assert found.suspects[0].event is not TOLD


@given(
    kinds=st.lists(st.sampled_from(OF_VERSIONS), max_size=6),
    lags_s=st.lists(st.floats(60, 3500), min_size=6, max_size=6),
)
@settings(deadline=None)
def test_the_data_itself_comes_before_every_earlier_change_of_a_version(
    kinds: list[EventKind], lags_s: list[float]
) -> None:
    found = of_inputs(*(event(k, lag, version=f"{i}") for i, (k, lag) in enumerate(zip(kinds, lags_s, strict=False))))
    assert found.suspects[0].event is TOLD
    assert sum(s.probability for s in found.suspects) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [EventKind.DATA, EventKind.CONFIG])
def test_what_is_upstream_of_the_inputs_comes_first_where_it_fits(kind: EventKind) -> None:
    near, far = pipeline(60, kind), pipeline(3400, kind)
    found = of_inputs(near, event(EventKind.DEPLOY, 60))
    assert found.suspects[0].event is near
    assert found.separable
    unsure = of_inputs(far)
    assert unsure.suspects[0].event is TOLD


def test_a_change_upstream_that_is_as_likely_as_one_nobody_recorded_is_not_named_alone() -> None:
    found = of_inputs(pipeline(700))
    assert not found.separable
    assert found.verdict == (
        "Cannot say whether it came of “pipeline at 700”, or of something upstream that no source records."
    )


def test_settings_of_the_panel_are_no_upstream() -> None:
    assert of_inputs(event(EventKind.CONFIG, 60)).suspects[0].event is TOLD


def test_another_version_since_the_same_moment_cannot_be_told_apart_from_it() -> None:
    moved = replace(event(EventKind.ROUTE, 5, version="6"), version_from="2")
    found = of_inputs(moved)
    assert found.suspects[0].event is TOLD
    assert not found.separable
    assert found.close == (TOLD, moved)
    assert "Cannot separate: The data changed: x in region s or " in found.verdict
    for other in (replace(moved, service="stones"), replace(moved, version_from="6"), replace(moved, at_s=T - 90)):
        assert of_inputs(other).separable


def test_what_the_watch_told_besides_is_no_cause_of_it() -> None:
    also = replace(TOLD, id="data-stones-1", service="stones", at_s=T - 30)
    assert [s.event for s in of_inputs(also).suspects if s.event] == [TOLD]


def test_what_callers_send_moves_no_traffic_to_another_version() -> None:
    route = event(EventKind.ROUTE, 40, version="6")
    found = attribute(CHANGE, [route, replace(TOLD, at_s=T - 40)], service="digits", broke=Broke.VERSIONS)
    assert found.suspects[0].event is route
    assert found.separable


def test_a_change_of_the_data_is_dated_late_and_still_a_suspect() -> None:
    """Errors that bad inputs make are counted at once; the watch dates the inputs half a minute later."""
    sharp = replace(CHANGE, low_s=T - 2.5, high_s=T + 2.5)
    found = attribute(sharp, [TOLD], service="digits")
    assert TOLD in [s.event for s in found.suspects]


def snapshot(lag_s: float, version: str = "3") -> TimelineEvent:
    change = RecordedChange(
        EventKind.DATA, "features of today", "digits", "", "2", version, T - lag_s, f"run-{lag_s:g}"
    )
    return event_of(change, "airflow", T)


def test_a_snapshot_that_a_pipeline_recorded_is_a_suspect_like_any_other() -> None:
    found = attribute(CHANGE, [snapshot(60), event(EventKind.DEPLOY, 3400)], service="digits")
    assert found.suspects[0].event is not None
    assert found.suspects[0].event.title == "features of today"
    assert found.verdict.startswith("features of today")
    assert of_inputs(snapshot(60)).suspects[0].event == snapshot(60)


def test_the_version_of_a_snapshot_is_not_the_models() -> None:
    """It bears no number of the version that changed, and is not the deploy of the version with its number."""
    found = attribute(CHANGE, [snapshot(60, "2026-11-27")], service="digits", version="7")
    assert found.suspects[0].event == snapshot(60, "2026-11-27")
    assert "of the version that changed" not in found.suspects[0].why
    deploy = event(EventKind.DEPLOY, 70, version="3")
    both = attribute(CHANGE, [snapshot(60), deploy], service="digits")
    assert {s.event.id for s in both.suspects if s.event} == {snapshot(60).id, deploy.id}
    assert not both.separable


def test_no_bisect_takes_the_version_of_a_snapshot_for_one_that_can_be_served() -> None:
    deploy = replace(event(EventKind.DEPLOY, 70, version="7"), version_from="6")
    found = attribute(CHANGE, [snapshot(60), deploy], service="digits")
    assert {line.version_to for line in suspect_lines(found)} == {"7", None}
    close = close_suspects(suspect_lines(found), found.separable, "7")
    assert close is not None
    assert close.version.event == deploy.id
    assert close_suspects(suspect_lines(found), found.separable, "3") is None

"""Which events a shell and the attribution have at hand, whatever storm goes over the fleet."""

from __future__ import annotations

from mlcontrol.core.attribution import CAUSES
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import MADE, RECENT_EVENTS, RECENT_MADE, FleetState, with_events
from mlcontrol.core.types import EventKind, TimelineEvent

T = 1_700_000_000.0


def event(kind: EventKind, at_s: float) -> TimelineEvent:
    return TimelineEvent(f"{kind.value}-{at_s}", T + at_s, kind, kind.value, "digits")


def test_a_storm_of_alerts_does_not_push_out_what_caused_it() -> None:
    deploy = event(EventKind.DEPLOY, 0.0)
    state, _ = with_events(FleetState(WorkspaceSettings("w", "w.toml")), [deploy])
    for second in range(40):
        storm = [event(EventKind.ALERT, 10 + second + i / 100) for i in range(50)]
        state, _ = with_events(state, storm)
    assert deploy in state.events
    assert len(state.events) == RECENT_EVENTS + 1
    assert list(state.events) == sorted(state.events, key=lambda e: e.at_s)


def test_it_is_bounded_all_the_same() -> None:
    state = FleetState(WorkspaceSettings("w", "w.toml"))
    for i in range(60):
        state, _ = with_events(state, [event(EventKind.ROUTE, i * 100 + n) for n in range(100)])
    assert len(state.events) == RECENT_EVENTS + RECENT_MADE
    assert state.events[-1].at_s == T + 5999


def test_what_is_kept_is_what_can_be_a_cause() -> None:
    assert set(MADE) <= set(CAUSES)

"""After an incident, and where nothing was rolled back: proof, silences, what would have caught it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mlcontrol.core import series
from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.alerts.rule import parse_rules
from mlcontrol.core.incidents.counts import Counts
from mlcontrol.core.incidents.hurt import SliceCount, hurt_slices, hurt_users
from mlcontrol.core.incidents.incident import Entry, EntryKind
from mlcontrol.core.incidents.recovery import Golden, proven
from mlcontrol.core.incidents.recovery_by_itself import ticks_by_itself
from mlcontrol.core.incidents.tick import Tick
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.strategy import strategy_of
from mlcontrol.core.types import (
    EventKind,
    Freshness,
    Health,
    Sample,
    SeriesKey,
    ServiceState,
    Signal,
    Stamp,
    TimelineEvent,
    VersionFact,
)
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.silencing import Silencing
from mlcontrol.store.workspace import read_workspace
from tests.services.burning_world import Burning, adding, briefing, ctx, incidents, recovered

__all__ = ["briefing", "ctx", "incidents"]


def test_the_alert_that_would_have_caught_it_is_tried_over_history_and_added_for_good(
    ctx: Burning, incidents: Incidents, briefing: Briefing
) -> None:
    key = SeriesKey("digits", series.ERROR_SHARE, (("type", "5xx"),))
    times = np.arange(ctx.began_s - 900, time.time(), 5.0).tolist()
    ctx.store.history.append([Sample(key, at_s, 0.2 if at_s > ctx.began_s else 0.001) for at_s in times])
    one = incidents.declare("digits", "ann", detected_s=ctx.began_s + 2)
    adder = adding(ctx, incidents, briefing)
    recovered(ctx, incidents, briefing)
    cured = TimelineEvent("r1", ctx.began_s + 4, EventKind.ROLLBACK, "rollback of v1", "digits", version_to="1")
    ctx.store.timeline.append([cured])
    later = Briefing(ctx, incidents, lambda: None).brief(one.id)
    assert "r1" not in [suspect.event for suspect in later.suspects]  # what ended it did not begin it
    proposed = {p.kind: p for p in briefing.brief(one.id).prevention}
    assert set(proposed) >= {"alert", "rule", "drill"}
    assert re.search(r"fires \d+ s after the beginning.*; 0 other firings", proposed["alert"].backtest)
    assert re.search(r"finds [\d.]+ % errors at 10 % of the traffic after about \d+", proposed["rule"].backtest)
    for kind in ("alert", "rule", "drill"):
        adder.add(one.id, proposed[kind].id, "ann")
    kept = read_workspace(ctx.folder / "mlcontrol.toml").services["digits"]
    (rule,) = parse_rules([dict(entry) for entry in kept.alerts], "the file")
    assert (rule.series, rule.for_s) == ("error_share{type=5xx}", 15.0)
    assert rule.above is not None
    assert 0.001 < rule.above < 0.2
    assert strategy_of(kept.rollout).words == "canary 10, 50, 100 %"
    assert kept.drill == {"every": "30d", "mode": "shadow"}
    assert all(p.added for p in briefing.brief(one.id).prevention)
    written = [e for e in incidents.get(one.id).entries if e.kind is EntryKind.PREVENTION]
    assert len(written) == 3
    assert "Tried over history: " in written[0].text
    with pytest.raises(ProblemError):
        adder.add(one.id, proposed["alert"].id, "ann")
    # Another engine, which has not seen the proposals, tells of them from what was written down.
    later = Briefing(ctx, incidents, lambda: None).brief(one.id).prevention
    assert {p.id for p in later if p.added} == {p.id for p in proposed.values()}


def said_over(ctx: Burning, incidents: Incidents, **signals: Any) -> tuple[Entry, ServiceState]:
    one = incidents.declare("digits", "ann")
    incidents.write(one.id, EntryKind.RECOVERY_CHECKED, "the network is back", "ann")
    said = incidents.get(one.id).entries[-1]
    after = Stamp(said.at_s + 1, time.monotonic(), 9)
    fine = Signal(Health.OK, "as usual", freshness=Freshness.FRESH, at=after)
    fact = VersionFact(("2",), Freshness.FRESH, after, "router")
    values = {"presence": fine, "use": fine, "used": fact, "intended": fact} | signals
    return said, replace(ctx.state().services["digits"], **values)


def counted(since_s: float, answers: float, failed: float) -> Counts:
    return Counts(np.array([since_s + 2]), np.array([answers]), np.array([failed]))


def test_what_ended_by_itself_is_proven_by_the_same_five_facts(ctx: Burning, incidents: Incidents) -> None:
    said, service = said_over(ctx, incidents)
    golden = Golden(64, 64, 62, said.at_s + 3)
    late = said.at_s + 12
    found = ticks_by_itself(said, service, counted(said.at_s, 200, 0), golden, 0.2, 0.01, late)
    assert [t.state.value for t in found] == ["green"] * 5
    assert proven(found)


@pytest.mark.parametrize("before", [None, 0.0])
@pytest.mark.parametrize(("failing_at_s", "well"), [(4.0, True), (14.0, False)])
def test_requests_that_hung_before_do_not_keep_it_from_being_over(
    ctx: Burning, incidents: Incidents, failing_at_s: float, well: bool, before: float | None
) -> None:
    """A frozen server: while it hung nothing was counted, and what had waited failed when it went on."""
    said, service = said_over(ctx, incidents)
    at = said.at_s + np.arange(2.0, 40.0, 2.0)
    failed = np.where(at == said.at_s + failing_at_s, 15.0, 0.0)
    counts = Counts(at, np.full(len(at), 16.0), failed)
    golden = Golden(64, 64, 62, said.at_s + 3)
    found = ticks_by_itself(said, service, counts, golden, before, 0.01, said.at_s + 40)
    assert proven(found) is well


@pytest.mark.parametrize(("answers", "well"), [(20.0, False), (100.0, False), (110.0, True)])
def test_a_few_good_answers_do_not_prove_it_where_nobody_counted_before(
    ctx: Burning, incidents: Incidents, answers: float, well: bool
) -> None:
    """A service of which one answer in twenty fails gives twenty good ones in a row in a third of the cases."""
    said, service = said_over(ctx, incidents)
    golden = Golden(64, 64, 62, said.at_s + 3)
    found = ticks_by_itself(said, service, counted(said.at_s, answers, 0), golden, None, 0.01, said.at_s + 40)
    assert proven(found) is well
    assert "must be under 5 %, and no more than 1 % of these" in found[3].evidence
    late = ticks_by_itself(said, service, counted(said.at_s, answers, 0), golden, None, 0.01, said.at_s + 1000)
    assert ("Too few answers" in late[3].next) is not well


@pytest.mark.parametrize("name", ["presence", "use", "used", "counts", "golden"])
def test_nothing_old_absent_or_bad_proves_it(ctx: Burning, incidents: Incidents, name: str) -> None:
    """Each of the five facts is the twin of the others: take one away, and nothing is proven; late, it is red."""
    stale = Signal(Health.OK, "as usual", freshness=Freshness.STALE, at=Stamp(time.time() + 99, 0.0, 9))
    changes: dict[str, Any] = {
        "presence": {"presence": stale},
        "use": {"use": Signal()},
        "used": {"used": VersionFact()},
    }
    said, service = said_over(ctx, incidents, **changes.get(name, {}))
    counts = counted(said.at_s, 200, 40 if name == "counts" else 0)
    golden = Golden(64, 64, 62, said.at_s + (-1 if name == "golden" else 3))
    found = ticks_by_itself(said, service, counts, golden, 0.2, 0.01, said.at_s + 12)
    assert not proven(found)
    assert not any(t.state.value == "red" for t in found)
    found = ticks_by_itself(said, service, counts, golden, 0.2, 0.01, said.at_s + 1000)
    red = [t for t in found if t.state.value == "red"]
    assert len(red) == 1
    assert red[0].next


def test_resources_that_are_not_as_usual_do_not_keep_it_from_being_over(ctx: Burning, incidents: Incidents) -> None:
    said, service = said_over(ctx, incidents)
    warns = replace(service.use, health=Health.WARNING, text="memory 4.1 GB", value=8.0)
    golden = Golden(64, 64, 62, said.at_s + 3)

    def found(resources: Signal) -> tuple[Tick, ...]:
        state = replace(service, use=warns, resources=resources)
        return ticks_by_itself(said, state, counted(said.at_s, 200, 0), golden, 0.2, 0.01, said.at_s + 12)

    assert proven(found(warns))
    assert found(warns)[3].evidence.startswith("8.0 /s")
    assert not proven(found(Signal(Health.OK, "as usual"))), "the twin: use that warns of something else"


def test_one_action_silences_here_and_at_the_source_and_lifts_both(
    ctx: Burning, incidents: Incidents, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    theirs = Alert(
        "pager:f1", "digits", "HighErrors", AlertState.FIRING, Health.CRITICAL, "errors", now - 60, now - 60,
        source="pager", fingerprint="f1",
    )  # fmt: skip
    state = replace(ctx.state(), alerts={theirs.id: theirs})
    monkeypatch.setattr(ctx, "state", lambda: state)
    told: list[tuple[str, ...]] = []

    class Spoken:
        def silence(self, service: str, rule: str, for_s: float, reason: str, actor: str, alert: str = "") -> None:
            told.append(("silence", service, rule, alert))

        def end_silence(self, silence: str, actor: str) -> None:
            told.append(("end", silence))

    one = incidents.declare("digits", "ann")
    silencing = Silencing(ctx, incidents, Spoken())  # type: ignore[arg-type]
    with pytest.raises(ProblemError) as refused:
        silencing.silence(one.id, 1800, "known", "bob")
    assert refused.value.problem.code == "conflict"
    assert told == []
    silencing.silence(one.id, 1800, "known", "ann")
    assert told == [("silence", "digits", "", ""), ("silence", "digits", "HighErrors", "pager:f1")]
    with pytest.raises(ProblemError):
        silencing.lift(one.id, "ann")
    ours = Silence("s1", "digits", "", now + 900, "ann", "known", now - 1)
    everybody = Silence("s2", "", "", now + 900, "eve", "maintenance", now - 1)
    at_source = Silence("s3", "", "HighErrors", now + 900, "ann", "known", now - 1, "pager")
    held = replace(theirs, silenced_by=("s3",))
    state = replace(state, alerts={held.id: held}, silences=(ours, everybody, at_source))
    silencing.lift(one.id, "ann")
    assert told[2:] == [("end", "s1"), ("end", "s3")]  # the silence of every service is somebody else's
    kinds = [e.kind for e in incidents.get(one.id).entries]
    assert kinds[-2:] == [EntryKind.SILENCED, EntryKind.SILENCE_LIFTED]


def test_the_slices_that_fail_more_than_the_rest_are_named() -> None:
    every = [
        SliceCount("colour", "G", 40, 40), SliceCount("colour", "H", 60, 1), SliceCount("colour", "I", 8, 8),
        SliceCount("region", "north", 50, 25), SliceCount("region", "south", 58, 24),
        SliceCount("user", "u1", 3, 3), SliceCount("user", "u2", 5, 0),
    ]  # fmt: skip
    assert [(one.name, one.value) for one in hurt_slices(every)] == [("colour", "G")]
    assert hurt_users(every) == (1, 2)
    assert hurt_slices([SliceCount("region", "north", 50, 10), SliceCount("region", "south", 50, 9)]) == ()
    assert hurt_users([]) is None

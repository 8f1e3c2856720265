"""`mlcontrol timeline --at`: what served at a moment, by the events that are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.core.moments import parse_moment
from mlcontrol.core.types import EventKind, Freshness, ServiceState, TimelineEvent, VersionFact
from mlcontrol.engine import messages as m


def test_what_served_at_a_moment(engine: Any, run: Callable[..., Any]) -> None:
    moved = TimelineEvent(
        "d", time.time() - 600, EventKind.DEPLOY, "deploy v3", "digits", version_from="2", version_to="3"
    )
    services = {name: ServiceState(name) for name in ("digits", "quiet")}
    engine.state = replace(engine.state, services=services)
    engine.answers[m.QueryTimeline] = lambda c: m.TimelineAnswer(request=c.request, events=(moved,))
    ran = run("timeline", "--at", "30m", "--format", "json")
    (document,) = ran.documents
    digits, quiet = document["services"]
    assert (document["schema"], digits["used"]["value"], quiet["used"]["value"]) == ("mlcontrol.world/1", "2", None)
    assert ran.code == 2, "of one service nothing is known"
    (document,) = run("timeline", "--at", "5m", "--service", "digits", "--format", "json").documents
    assert document["services"][0]["used"]["value"] == "3"
    assert run("timeline", "--at", "5m", "--service", "digits").code == 0
    assert "?" in run("timeline", "--at", "30m").out
    assert run("timeline", "--at", "2999-01-01T00:00:00Z").code == 3
    assert run("timeline", "--at", "30m", "--service", "nobody").code == 3
    for never in ("9999999d", "9" * 400 + "d", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert run("timeline", "--at", never).code == 3
    day = 86_400.0
    assert parse_moment("02:14", 10 * day + 3 * 3600) == 10 * day + 2 * 3600 + 14 * 60
    assert parse_moment("02:14:30", 10 * day + 3600) == 9 * day + 2 * 3600 + 14 * 60 + 30, "yesterday's"


def test_before_anybody_watched_what_serves_now_says_nothing(engine: Any, run: Callable[..., Any]) -> None:
    fact = VersionFact(("3",), Freshness.FRESH)
    now = ServiceState("digits", used=fact, intended=fact)
    engine.state = replace(engine.state, services={"digits": now})
    first = TimelineEvent("e", time.time() - 3600, EventKind.ENGINE, "The engine began")
    engine.answers[m.QueryTimeline] = lambda c: m.TimelineAnswer(request=c.request, events=() if c.kinds else (first,))
    ran = run("timeline", "--at", "2020-01-01T00:00:00Z", "--format", "json")
    (document,) = ran.documents
    assert document["services"][0]["used"]["value"] is None
    assert document["services"][0]["intended"]["value"] is None
    assert ran.code == 2
    ran = run("timeline", "--at", "30m", "--format", "json")
    assert ran.documents[0]["services"][0]["used"]["value"] == "3"
    assert ran.code == 0


def test_a_storm_of_alerts_does_not_crowd_out_what_served(engine: Any, run: Callable[..., Any]) -> None:
    engine.state = replace(engine.state, services={"digits": ServiceState("digits")})
    began = time.time() - 86_400
    moved = TimelineEvent("d", began, EventKind.DEPLOY, "deploy v3", "digits", version_from="2", version_to="3")
    storm = [TimelineEvent(f"h{i}", began + 60 + i, EventKind.HEALTH, "is bad", "digits") for i in range(10_000)]

    def answer(asked: Any) -> Any:
        found = [e for e in (moved, *storm) if not asked.kinds or e.kind in asked.kinds]
        return m.TimelineAnswer(request=asked.request, events=tuple(found[-asked.limit :]))

    engine.answers[m.QueryTimeline] = answer
    (document,) = run("timeline", "--at", "1h", "--format", "json").documents
    assert document["services"][0]["used"]["value"] == "3"

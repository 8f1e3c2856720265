"""`mlcontrol timeline --at`: what served at a moment, by the events that are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.cli.timeline import parse_moment
from mlcontrol.core.types import EventKind, ServiceState, TimelineEvent
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
    day = 86_400.0
    assert parse_moment("02:14", 10 * day + 3 * 3600) == 10 * day + 2 * 3600 + 14 * 60
    assert parse_moment("02:14:30", 10 * day + 3600) == 9 * day + 2 * 3600 + 14 * 60 + 30, "yesterday's"

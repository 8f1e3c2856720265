"""A whole engine beside a real Alertmanager, from the workspace file to the shells and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlcontrol.core.alerts.alert import Alert, Silence
from mlcontrol.core.types import EventKind, Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.testing.servers import alertmanager
from tests.engine.shell import Shell, until

CONNECTION = """
[connections.pager]
kind = "alerts"
adapter = "alertmanager"
url = "{url}"
poll_s = 1.0
"""
ALERT = {"labels": {"alertname": "HighErrors", "severity": "critical"}, "annotations": {"summary": "errors 6 %"}}


@pytest.mark.real
def test_its_alerts_are_seen_and_silenced_through_the_engine(
    inline_shell: Callable[[], Shell], workspace: Path, tmp_path: Path
) -> None:
    with alertmanager(tmp_path) as server:
        assert server.ask("POST", "/api/v2/alerts", [ALERT])[0] == 200
        workspace.write_text(workspace.read_text() + CONNECTION.format(url=server.url))
        shell = inline_shell()

        def alerts() -> dict[str, Alert]:
            told = [e for e in shell.events if isinstance(e, m.AlertsChanged)]
            first = [e.state.alerts.values() for e in shell.events if isinstance(e, m.Snapshot)]
            every = [*(a for some in first for a in some), *(a for e in told for a in e.alerts)]
            return {a.rule: a for a in every if a.source == "pager"}

        def silences() -> tuple[Silence, ...]:
            return next((e.silences for e in reversed(shell.events) if isinstance(e, m.AlertsChanged)), ())

        until(alerts)
        alert = alerts()["HighErrors"]
        assert (alert.service, alert.text, alert.severity) == ("pager", "errors 6 %", Health.CRITICAL)

        def on_the_timeline() -> list[tuple[str, str]]:
            told = shell.host.ask(m.QueryTimeline(request=new_request(), kinds=(EventKind.ALERT,)))
            assert isinstance(told, m.TimelineAnswer)
            return [(e.title, e.source) for e in told.events]

        until(on_the_timeline)
        assert on_the_timeline() == [("HighErrors alert", "pager")]

        ask = {"request": new_request(), "service": "", "rule": "", "for_s": 600.0, "actor": "ann"}
        shell.host.ask(m.SilenceAlerts(**ask, reason="planned work", alert=alert.id))
        until(silences)
        (silence,) = silences()
        assert (silence.source, silence.reason) == ("pager", "planned work")
        assert silence.id in server.ask("GET", "/api/v2/silences")[1]
        shell.host.ask(m.EndSilence(request=new_request(), silence=silence.id, actor="ann"))
        until(lambda: not silences())
        assert '"state":"expired"' in server.ask("GET", "/api/v2/silences")[1]

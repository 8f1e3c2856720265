"""A whole engine whose connection's name has moved inside since the last run: it says so, and waits for a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_state_path

from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import ConnectionState, Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer
from tests.engine.shell import Shell, until

CONNECTION = """
[connections.counters]
kind = "metrics"
adapter = "prometheus-text"
url = "http://localhost:{port}"
poll_s = 1.0
"""
METRICS = http_answer(b"nv_cpu_utilization 0.5\n", content_type="text/plain")


def test_it_is_unreachable_until_a_person_agrees(
    inline_shell: Callable[[], Shell], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 8: asked of a person, journalled before it is followed, and remembered."""
    fresh = NameMemory()
    for module in ("adapters.target", "adapters.curl_slot", "engine.wiring"):
        monkeypatch.setattr(f"mlcontrol.{module}.NAMES", fresh)
    kept = Path(user_state_path("mlcontrol")) / "names.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"localhost": {"public": True, "inside": []}}))
    with FaultProxy(METRICS) as server:
        workspace.write_text(workspace.read_text() + CONNECTION.format(port=server.port))
        shell = inline_shell()

        def told() -> ConnectionState | None:
            found = [e.connection for e in list(shell.events) if isinstance(e, m.ConnectionChanged)]
            return next((c for c in reversed(found) if c.id == "counters"), None)

        state = until(lambda: one if (one := told()) is not None and one.moved_inside else None)
        assert state.health is Health.CRITICAL
        assert "led to public addresses before" in state.why
        assert server.heads == []
        answer = shell.host.ask(m.AgreeToAddress(request=new_request(), connection="counters", actor="ann"))
        assert isinstance(answer, m.Done)
        assert "counters may lead to" in answer.text
        until(lambda: (one := told()) is not None and one.health is Health.OK and not one.moved_inside, 90.0)
        rows = shell.host.ask(m.QueryAudit(request=new_request()))
        assert isinstance(rows, m.AuditAnswer)
        (row,) = [row for row in rows.rows if row.action == "connection.address-agreed"]
        assert row.actor == "ann"
        with pytest.raises(ProblemError, match="waits for a word"):
            shell.host.ask(m.AgreeToAddress(request=new_request(), connection="counters", actor="ann"))
    assert json.loads(kept.read_text())["localhost"]["inside"]

"""The status bar's words about the audit log: an empty one is never said to be verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.gui.viewmodels.status_facts import audit_fact


@pytest.mark.parametrize(
    ("ok", "rows", "text", "state"),
    [
        (None, 0, "audit chain not verified yet", ""),
        (True, 0, "audit log empty", ""),
        (True, 7, "audit chain verified 5 s ago", ""),
        (False, 7, "audit chain does not verify", "critical"),
        (False, 0, "audit chain does not verify", "critical"),
    ],
)
def test_the_audit_log_in_the_status_bar(ok: bool | None, rows: int, text: str, state: str) -> None:
    fleet = FleetState(WorkspaceSettings("w", Path("w.toml")), audit_ok=ok, audit_rows=rows, audit_verified_s=100.0)
    found = audit_fact(fleet, 105.0)
    assert (found.text, found.state) == (text, state)

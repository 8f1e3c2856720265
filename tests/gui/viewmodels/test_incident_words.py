"""Whose incident is opened when nobody says, and a way back in words, whatever its state."""

from __future__ import annotations

import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Health, ServiceState, Signal, WayBack, WayBackState
from mlcontrol.gui.viewmodels.incident_words import way_back_words, worst_off

FINE = Signal(Health.OK, "fine")


def alert(service: str, fired_s: float, state: AlertState = AlertState.FIRING, by: str = "") -> Alert:
    return Alert(
        f"{service}-{fired_s}", service, "data", state, Health.WARNING, "changed", 0.0, fired_s, acknowledged_by=by
    )


def fleet(*alerts: Alert, use: Health = Health.OK) -> FleetState:
    services = {name: ServiceState(name, presence=FINE, use=FINE, accuracy=FINE) for name in ("a", "b")}
    services["c"] = ServiceState("c", presence=FINE, use=Signal(use, ""), accuracy=FINE)
    return FleetState(WorkspaceSettings("w", "w.toml"), services, alerts={one.id: one for one in alerts})


def test_who_was_paged_for_what_no_health_tells_is_led_there() -> None:
    assert worst_off(fleet()) == "a"
    assert worst_off(fleet(alert("a", 10.0), alert("b", 20.0))) == "b"
    assert worst_off(fleet(alert("b", 20.0, AlertState.RESOLVED))) == "a"
    assert worst_off(fleet(alert("b", 20.0, by="ann"))) == "a"  # somebody has it
    assert worst_off(fleet(alert("b", 20.0), use=Health.CRITICAL)) == "c"


@pytest.mark.parametrize("state", list(WayBackState))
def test_every_state_of_a_way_back_has_its_words(state: WayBackState) -> None:
    title, ready, _ = way_back_words(ServiceState("a", way_back=WayBack(state, "1", 3.0, True)))
    assert (title, bool(ready)) == ("Way back: v1", True)

"""A bisect on the real fleet: a version that fails and a change of settings just after it, told apart through the real router."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mlcontrol.core.bisect import Found
from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.operation import Operation, Phase
from mlcontrol.core.types import EventKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost, new_request
from mlcontrol.sandbox import fleet as sandbox, router
from mlcontrol.testing.fleet import RunningFleet
from tests.engine.shell import Shell, until
from tests.engine.test_real_fleet import WITHIN_S, present, told

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]

SERVICE = "diamond-cut"
RATE = 60.0


@pytest.fixture
def shell(running_fleet: RunningFleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.5)  # the judge wants its looks, not its seconds
    running_fleet.back_to_start()
    running_fleet.forget()
    settings = running_fleet.workspace.read_text()
    rate = sandbox.status(running_fleet.home).traffic_rate_per_s
    sandbox.set_traffic(running_fleet.home, RATE)
    opened = Shell(lambda shell: InlineHost(running_fleet.workspace, shell.events.append))
    yield opened
    opened.host.close()
    sandbox.set_traffic(running_fleet.home, rate)
    running_fleet.workspace.write_text(settings)
    running_fleet.back_to_start()


def brief(shell: Shell, incident: str) -> Brief:
    answer = shell.host.ask(m.QueryIncident(request=new_request(), incident=incident))
    assert isinstance(answer, m.BriefAnswer)
    return answer.brief


def operation(shell: Shell, name: str) -> Operation | None:
    said = [e.operation for e in list(shell.events) if isinstance(e, m.OperationChanged) and e.operation.id == name]
    return said[-1] if said else None


def split(fleet: RunningFleet) -> tuple[str, str]:
    port = fleet.ports["router_admin"]
    versions = router.live(fleet.layout, port, router.VERSIONS)
    return versions[f"{SERVICE}-stable"], router.live(fleet.layout, port, router.SHARES)[SERVICE]


def test_the_version_is_named_through_the_real_router_and_the_split_is_as_it_was(
    shell: Shell, running_fleet: RunningFleet
) -> None:
    until(lambda: present(shell), WITHIN_S)
    sandbox.play_fault(running_fleet.home, "error-burst", 400.0)
    until(lambda: told(shell, EventKind.ROUTE), WITHIN_S)
    settings = shell.wait_for(m.Snapshot).state.settings.services[SERVICE]
    fresh = replace(settings, labels={**settings.labels, "timeout": "2 s"})
    shell.host.ask(m.SaveService(request=new_request(), settings=fresh, replaces=SERVICE, actor="ops"))
    declared = shell.host.ask(m.DeclareIncident(request=new_request(), service=SERVICE, actor="ann"))
    assert isinstance(declared, m.IncidentAnswer)
    incident = declared.incident.id

    def offered() -> bool:
        found = brief(shell, incident).bisect
        return found is not None and (found.suspected, found.before) == ("6", "2")

    until(offered, WITHIN_S)
    planned = shell.host.ask(m.PlanBisect(request=new_request(), incident=incident), WITHIN_S)
    assert isinstance(planned, m.PlanAnswer)
    assert planned.plan.blocked_by == ()
    name = uuid.uuid4().hex
    shell.host.ask(
        m.Execute(
            request=new_request(), operation=name, plan_hash=planned.plan_hash, reason="v6 or the settings",
            actor="ann", accept_unknown=True,
        )
    )  # fmt: skip
    until(lambda: split(running_fleet) == ("6", "10"), WITHIN_S)
    done = until(lambda: (o := operation(shell, name)) and o.phase.ended and o, WITHIN_S)
    assert isinstance(done, Operation)
    assert (done.phase, done.found) == (Phase.DONE, Found.NAMED), (done.summary, done.problem)
    assert split(running_fleet) == ("6", "0")
    after = brief(shell, incident)
    assert after.bisect is not None
    assert after.bisect.state == Found.NAMED
    assert after.suspects[0].version_to == "6"
    assert any("v6 does worse than v2" in line.text for line in after.log)
    assert shell.host.ask(m.VerifyAudit(request=new_request())).verdict.ok

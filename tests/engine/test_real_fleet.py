"""A whole engine on the real sandbox fleet: live at once, truthful when a server freezes or a version is swapped."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from mlcontrol.core import series
from mlcontrol.core.types import ConnectionState, EventKind, Health, ServiceState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.testing.fleet import RunningFleet
from tests.engine.shell import Shell, shell_on, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WITHIN_S = 150.0  # far more than it takes on an idle machine; what a person waits is measured in tests/e2e


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The served files are compared every second, not every five minutes."""
    monkeypatch.setattr("mlcontrol.services.collector.ARTIFACT_EVERY_S", 1.0)


@pytest.fixture
def shell(running_fleet: RunningFleet) -> Iterator[Shell]:
    with shell_on(running_fleet) as opened:
        yield opened


def services(shell: Shell) -> dict[str, ServiceState]:
    return {e.service.id: e.service for e in list(shell.events) if isinstance(e, m.ServiceChanged)}


def connections(shell: Shell) -> dict[str, ConnectionState]:
    return {e.connection.id: e.connection for e in list(shell.events) if isinstance(e, m.ConnectionChanged)}


def present(shell: Shell) -> bool:
    found = services(shell)
    return len(found) == 3 and all(
        s.presence.health is Health.OK and s.traffic_per_s and s.versions for s in found.values()
    )


def told(shell: Shell, kind: EventKind) -> list[str]:
    """Sources of the timeline's events of a kind."""
    batches = [event for event in list(shell.events) if isinstance(event, m.TimelineGrew)]
    return [event.source for batch in batches for event in batch.events if event.kind is kind]


def triton_pid(fleet: RunningFleet) -> int:
    return next(p.pid for p in sandbox.status(fleet.home).processes if p.name == "triton" and p.pid)


def wait(look: Callable[[], object], within_s: float) -> float:
    started = time.monotonic()
    until(look, within_s)
    return time.monotonic() - started


def test_three_services_are_live(shell: Shell) -> None:
    wait(lambda: present(shell), WITHIN_S)
    for service in services(shell).values():
        assert (service.intended.versions, service.used.versions) == (("2",), ("2",))
        assert service.served.versions == ("1", "2")
        assert service.way_back.target == "1"
    metrics = (series.QUERIES_PER_S, series.ERROR_SHARE, series.LATENCY_MS, series.ANSWERED, series.CPU_SHARE)

    def recorded() -> set[str]:
        now_s = time.time()
        answer = shell.host.ask(
            m.QueryHistory(
                request=new_request(), service="digits", metrics=metrics, since_s=now_s - 600, until_s=now_s + 1
            )
        )
        assert isinstance(answer, m.HistoryAnswer)
        return {s.key.metric for s in answer.series}

    wait(lambda: recorded() == set(metrics), WITHIN_S)  # a share of errors takes two scrapes


def test_other_files_than_registered_under_the_same_number_are_seen(
    looks_often: None, shell: Shell, running_fleet: RunningFleet
) -> None:
    """Row 19, on real servers: Triton's copy of a model file is exchanged for that of another version."""
    wait(lambda: present(shell), WITHIN_S)
    wait(lambda: {s.artifact.health for s in services(shell).values()} == {Health.OK}, WITHIN_S)
    repository = running_fleet.layout.repository / "progression"
    mine, kept = repository / "2" / "model.skops", repository / "2" / "model.skops.kept"
    mine.rename(kept)
    try:
        shutil.copyfile(repository / "1" / "model.skops", mine)
        wait(lambda: services(shell)["progression"].artifact.health is Health.CRITICAL, WITHIN_S)
        presence = services(shell)["progression"].presence
        assert presence.text == "other files than registered"
        assert "model.skops of v2 on triton" in presence.detail
        assert services(shell)["digits"].artifact.health is Health.OK
    finally:
        kept.replace(mine)


def test_a_frozen_server_is_unknown_the_others_stay_live_and_it_recovers(
    shell: Shell, running_fleet: RunningFleet
) -> None:
    """Fault 3: a real server is stopped by a signal, and goes on."""
    wait(lambda: present(shell), WITHIN_S)
    pid = triton_pid(running_fleet)
    os.kill(pid, signal.SIGSTOP)
    try:
        # Stale after two missed polls of 5 s, unknown after three; a poll that hangs ends after 4 s.
        wait(lambda: services(shell)["digits"].presence.health is Health.UNKNOWN, WITHIN_S)
        wait(lambda: connections(shell)["triton"].health is Health.UNKNOWN, WITHIN_S)
        assert connections(shell)["triton"].text.startswith("no answer for")
        assert connections(shell)["registry"].health is Health.OK
        assert services(shell)["digits"].intended.versions == ("2",)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait(lambda: services(shell)["digits"].presence.health is Health.OK, WITHIN_S)


def test_a_version_swapped_behind_the_panels_back_is_seen(shell: Shell, running_fleet: RunningFleet) -> None:
    wait(lambda: present(shell), WITHIN_S)
    sandbox.play_fault(running_fleet.home, "version-swap")
    wait(lambda: any(s.presence.health is Health.CRITICAL for s in services(shell).values()), WITHIN_S)
    wait(lambda: told(shell, EventKind.ROUTE), WITHIN_S)
    assert set(told(shell, EventKind.ROUTE)) == {"router"}


def test_metrics_gone_is_unknown_use_never_ok(shell: Shell, running_fleet: RunningFleet) -> None:
    wait(lambda: present(shell), WITHIN_S)
    sandbox.play_fault(running_fleet.home, "metrics-gone")
    wait(
        lambda: all(s.use.health is Health.UNKNOWN and s.traffic_per_s is None for s in services(shell).values()),
        WITHIN_S,
    )
    wait(lambda: connections(shell)["triton-metrics"].health is not Health.OK, WITHIN_S)
    assert all(s.use.text == "no data" for s in services(shell).values())
    sandbox.clear_faults(running_fleet.home)
    wait(lambda: all(s.traffic_per_s for s in services(shell).values()), WITHIN_S)


@pytest.mark.parametrize(
    ("fault", "service", "words"),
    [("error-burst", "diamond-cut", "5xx"), ("latency-rise", "digits", "as callers wait")],
)
def test_a_scripted_incident_shows_in_the_signal_it_hurts(
    shell: Shell, running_fleet: RunningFleet, fault: str, service: str, words: str
) -> None:
    wait(lambda: present(shell), WITHIN_S)
    sandbox.play_fault(running_fleet.home, fault, 2 * WITHIN_S)

    def hurt() -> bool:
        use = services(shell)[service].use
        return use.health in (Health.WARNING, Health.CRITICAL) and words in use.detail

    wait(hurt, WITHIN_S)

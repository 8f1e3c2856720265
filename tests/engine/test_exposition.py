"""The engine's own metrics, read back as Prometheus reads them."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mlcontrol import __version__
from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import (
    ConnectionKind,
    ConnectionState,
    Freshness,
    Health,
    ServiceState,
    Signal,
    Stamp,
    VersionFact,
)
from mlcontrol.engine.completions import Completions
from mlcontrol.engine.exposition import LABEL_CHARS, FleetCollector, Sources
from mlcontrol.engine.exposition_server import MetricsAddress, MetricsServer, metrics_address
from mlcontrol.engine.wiring import build
from mlcontrol.services.asking import PollCounts

NOW_MONO_S, NOW_S = 1000.0, 1_000_000.0
Page = dict[tuple[str, frozenset[tuple[str, str]]], float]


def operation(name: str, phase: Phase, kind: OperationKind = OperationKind.DEPLOY, **more: Any) -> Operation:
    ended_s = NOW_S + 12.0 if phase.ended else None
    made = Operation(name, kind, "digits", "2", "3", "me", "why", "hash", phase, started_s=NOW_S, ended_s=ended_s)
    return replace(made, **more)


def fleet() -> FleetState:
    at = Stamp(NOW_S - 4, NOW_MONO_S - 4, 1)
    fresh = VersionFact(("3",), Freshness.FRESH, at, "alias champion")
    digits = ServiceState(
        "digits",
        model="digits",
        intended=fresh,
        served=replace(fresh, versions=("2", "3")),
        used=VersionFact(("2",), Freshness.UNKNOWN, at),
        presence=Signal(Health.OK, freshness=Freshness.FRESH, at=at),
        use=Signal(Health.CRITICAL, at=at),
    )
    firing = Alert("a1", "digits", "use", AlertState.FIRING, Health.CRITICAL, "errors", NOW_S - 60)
    pending = replace(firing, id="a2", rule="accuracy", state=AlertState.PENDING)
    return FleetState(
        WorkspaceSettings("test", "test.toml"),
        services={"digits": digits, "new": ServiceState("new")},
        connections={
            "triton": ConnectionState("triton", ConnectionKind.SERVING, "triton", Health.OK, latency_ms=12.0, at=at),
            "lost": ConnectionState("lost", ConnectionKind.REGISTRY, "mlflow"),
        },
        operations={"o1": operation("o1", Phase.RUNNING)},
        alerts={alert.key: alert for alert in (firing, pending)},
        silences=(Silence("s1", "digits", "use", NOW_S + 60, "me", "known", NOW_S - 5),),
        audit_rows=17,
    )


def sources(state: FleetState, done: Completions | None = None, polls: PollCounts | None = None) -> Sources:
    return Sources(
        lambda: state,
        (done or Completions(0.0)).all,
        (polls or PollCounts()).all,
        lambda: 2,
        lambda: NOW_MONO_S,
        lambda: NOW_S,
    )


def parsed(text: str) -> Page:
    samples = [
        ((s.name, frozenset(s.labels.items())), s.value)
        for family in text_string_to_metric_families(text)
        for s in family.samples
    ]
    assert len(dict(samples)) == len(samples), "a sample is said twice"
    return dict(samples)


def page(*given: Any) -> Page:
    registry = CollectorRegistry()
    registry.register(FleetCollector(sources(*given)))
    return parsed(generate_latest(registry).decode())


def value(found: Page, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_each_signal_has_one_health_and_silence_is_unknown() -> None:
    found = page(fleet())
    health = "mlcontrol_service_health"
    assert value(found, health, service="digits", signal="presence", health="ok") == 1
    assert value(found, health, service="digits", signal="use", health="critical") == 1
    assert value(found, health, service="new", signal="presence", health="unknown") == 1
    assert value(found, health, service="new", signal="presence", health="ok") == 0
    assert sum(v for (name, _), v in found.items() if name == health) == 2 * 4
    assert value(found, health, service="digits", signal="resources", health="unknown") == 1


def test_versions_are_told_where_they_are_known_only() -> None:
    found = page(fleet())
    told = {
        (dict(labels)["source"], dict(labels)["version"])
        for name, labels in found
        if name == "mlcontrol_service_version_info"
    }
    assert told == {("intended", "3"), ("served", "2"), ("served", "3")}
    assert value(found, "mlcontrol_service_version_known", service="digits", source="intended") == 1
    assert value(found, "mlcontrol_service_version_known", service="digits", source="used") == 0
    assert value(found, "mlcontrol_service_version_known", service="new", source="intended") == 0
    assert value(found, "mlcontrol_service_fact_age_seconds", service="digits", fact="use") == 4
    assert value(found, "mlcontrol_service_fact_age_seconds", service="digits", fact="accuracy") is None


def test_a_connection_nobody_has_heard_of_is_not_up() -> None:
    polls = PollCounts()
    for _ in range(3):
        polls.answered("triton")
    polls.failed("triton", "timeout")
    polls.failed("lost", "unreachable")
    found = page(fleet(), None, polls)
    up = "mlcontrol_connection_up"
    assert value(found, up, connection="triton", kind="serving", adapter="triton") == 1
    assert value(found, up, connection="lost", kind="registry", adapter="mlflow") == 0
    assert value(found, "mlcontrol_connection_latency_seconds", connection="triton") == 0.012
    assert value(found, "mlcontrol_connection_answer_age_seconds", connection="lost") is None
    assert value(found, "mlcontrol_polls_total", connection="triton") == 4
    assert value(found, "mlcontrol_poll_failures_total", connection="triton", code="timeout") == 1
    assert value(found, "mlcontrol_polls_total", connection="lost") == 1


def test_alerts_audit_and_build() -> None:
    found = page(fleet())
    assert value(found, "mlcontrol_alerts_firing") == 1
    labels = {"service": "digits", "rule": "use", "severity": "critical", "source": "panel"}
    assert value(found, "mlcontrol_alert_firing", **labels, acknowledged="no", silenced="yes") == 1
    assert value(found, "mlcontrol_audit_rows") == 17
    assert value(found, "mlcontrol_audit_chain_valid") is None, "not verified is not valid"
    assert value(page(replace(fleet(), audit_ok=False)), "mlcontrol_audit_chain_valid") == 0
    assert value(found, "mlcontrol_build_info", version=__version__) == 1
    assert value(found, "mlcontrol_operation_running", service="digits", kind="deploy") == 1


def test_each_operation_is_counted_once_by_its_outcome() -> None:
    done = Completions(NOW_S)
    done.note(operation("running", Phase.RUNNING))
    for _ in range(2):  # told twice, ended once
        done.note(operation("good", Phase.DONE))
    done.note(operation("other", Phase.DONE, ended_s=NOW_S + 30))
    done.note(operation("back", Phase.DONE, OperationKind.ROLLBACK))
    done.note(operation("bad", Phase.RETURNED))
    done.note(operation("of another engine", Phase.DONE, ended_s=NOW_S - 1))
    found = page(fleet(), done)
    seconds = "mlcontrol_operation_completed_seconds"
    deploys = {"service": "digits", "kind": "deploy", "outcome": "done"}
    assert value(found, f"{seconds}_count", **deploys) == 2
    assert value(found, f"{seconds}_sum", **deploys) == 42
    assert value(found, f"{seconds}_count", service="digits", kind="rollback", outcome="done") == 1
    assert value(found, f"{seconds}_count", service="digits", kind="deploy", outcome="returned") == 1
    last = "mlcontrol_operation_last_completed_timestamp_seconds"
    assert value(found, last, **deploys, from_version="2", to_version="3") == NOW_S + 30


def test_what_ends_in_the_engine_is_counted(workspace: Path) -> None:
    built = build(workspace)
    try:
        now_s = built.context.clock.utc_s()
        ended = operation("o", Phase.RETURNED, started_s=now_s, ended_s=now_s + 3)
        built.context.emit(replace(ended, phase=Phase.RUNNING, ended_s=None))
        assert built.context.completions.all() == {}
        built.context.emit(ended)
        (done,) = built.context.completions.all().values()
    finally:
        built.close()
    assert (done.count, done.seconds) == (1, pytest.approx(3.0))


def test_names_from_strangers_cannot_break_the_page() -> None:
    wild = 'a"b\\c\nd\ud800' + "x" * 500
    state = replace(fleet(), services={name: ServiceState(name) for name in (wild, wild + "y")})
    names = {dict(labels)["service"] for _, labels in page(state) if "service" in dict(labels)} - {"digits"}
    (name,) = names
    assert name.startswith('a"b\\c\nd?xx')
    assert len(name) == LABEL_CHARS


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464),
        ("0.0.0.0:0", "0.0.0.0", 0),
        (":9464", "127.0.0.1", 9464),
        ("9464", "127.0.0.1", 9464),
        ("[::1]:80", "::1", 80),
        ("metrics.example.org:1", "metrics.example.org", 1),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert metrics_address(text) == MetricsAddress(host, port)


@pytest.mark.parametrize(
    "text", ["", "host", "127.0.0.1:", "127.0.0.1:65536", "h:-1", "h:1x", "::1:80", "[x]:80", "http://h:80", "a b:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ProblemError, match=r"127\.0\.0\.1:9464") as refused:
        metrics_address(text)
    assert refused.value.problem.code == "usage"


def test_only_loopback_is_loopback() -> None:
    assert [MetricsAddress(host, 1).loopback for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [MetricsAddress(host, 1).loopback for host in ("0.0.0.0", "10.0.0.1", "example.org")] == [False] * 3


def test_the_door_opens_and_closes() -> None:
    server = MetricsServer(MetricsAddress("127.0.0.1", 0), sources(fleet()))
    try:
        silent = socket.create_connection(("127.0.0.1", server.port))  # says nothing, and holds nobody up
        with silent, urllib.request.urlopen(server.url, timeout=20) as answer:
            found = parsed(answer.read().decode())
        with pytest.raises(ProblemError, match="another port"):
            MetricsServer(MetricsAddress("127.0.0.1", server.port), sources(fleet()))
    finally:
        server.close()
    assert value(found, "mlcontrol_audit_rows") == 17
    assert any(name == "process_resident_memory_bytes" for name, _ in found)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def engine(workspace: Path, metrics: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlcontrol", "engine", "--workspace", str(workspace), "--metrics", metrics]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.real
def test_the_command_shows_them_until_it_ends(workspace: Path) -> None:
    process = engine(workspace, ":0")
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("Metrics at "))
        url = line.removeprefix("Metrics at ").strip().rstrip(".")
        with urllib.request.urlopen(url, timeout=30) as answer:
            found = parsed(answer.read().decode())
        assert value(found, "mlcontrol_build_info", version=__version__) == 1
        assert value(found, "mlcontrol_alerts_firing") == 0
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.real
def test_a_taken_port_ends_the_command_in_words(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = engine(workspace, f"127.0.0.1:{taken.getsockname()[1]}")
        _, said = process.communicate(timeout=90)
    assert process.returncode == 3
    assert "Address already in use" in said
    assert "another port" in said
    malformed = engine(workspace, "nowhere")
    _, said = malformed.communicate(timeout=90)
    assert malformed.returncode == 3
    assert "HOST:PORT" in said
    assert "Traceback" not in said

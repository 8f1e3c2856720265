"""The Envoy adapter against a real Envoy, with two versions of a model behind it."""

from __future__ import annotations

import http.server
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.adapters.routing.envoy import EnvoyRouting
from mlcontrol.core import series
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, Sample, SeriesKey, Stamp
from mlcontrol.ports.errors import NotFound, NotSupported, Unreachable
from mlcontrol.ports.routing import Split
from mlcontrol.sandbox.wire import exchange
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.routing import RoutingContract
from mlcontrol.testing.servers import RunningServer, envoy

pytestmark = pytest.mark.real

QUERIES = 300


class Upstream(http.server.ThreadingHTTPServer):
    """Says which version it stands for."""

    daemon_threads = True

    def __init__(self, version: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(version)))
                self.send_header("Connection", "close")  # no thread waits for a next request when the test is over
                self.end_headers()
                self.wfile.write(version.encode())

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


def config(ports: Mapping[str, int], upstreams: Mapping[str, int]) -> dict[str, Any]:
    def address(port: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def cluster(version: str, port: int) -> dict[str, Any]:
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]
        name = f"digits-{version}"
        return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}

    weights = [{"name": f"digits-{v}", "weight": 100 if v == "2" else 0} for v in upstreams]
    route = {
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"runtime_key_prefix": "split.digits", "clusters": weights}},
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": address(ports["listener"]),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {
        "admin": {"address": address(ports["admin"])},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "static_resources": {
            "listeners": [listener],
            "clusters": [cluster(version, port) for version, port in upstreams.items()],
        },
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    upstreams = {version: Upstream(version) for version in ("1", "2")}
    for upstream in upstreams.values():
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
    ports = {version: upstream.server_address[1] for version, upstream in upstreams.items()}
    folder: Path = tmp_path_factory.mktemp("envoy")
    try:
        with envoy(folder, lambda own: config(own, ports)) as running:
            yield running
    finally:
        for upstream in upstreams.values():
            upstream.shutdown()
            upstream.server_close()


@pytest.fixture
def adapter(server: RunningServer) -> Iterator[EnvoyRouting]:
    options = {"admin": f"http://127.0.0.1:{server.ports['admin']}"}
    made = EnvoyRouting(
        ConnectionSettings("edge", ConnectionKind.ROUTING, "envoy", server.url, options=options), no_secret
    )
    yield made
    made.close()


class TestContract(RoutingContract):
    @pytest.fixture
    def route(self) -> str:
        return "digits"

    @pytest.fixture
    def versions(self) -> tuple[str, str]:
        return "2", "1"

    def moved(self, settings: ConnectionSettings, port: int) -> ConnectionSettings:
        return replace(settings, options={"admin": f"http://127.0.0.1:{port}"})


def asked(server: RunningServer, queries: int = QUERIES) -> list[str]:
    return [exchange(server.port, "GET", "/")[1] for _ in range(queries)]


def test_the_observed_split_is_the_one_that_was_set(adapter: EnvoyRouting, server: RunningServer) -> None:
    adapter.set_stable("digits", "2")
    adapter.set_canary("digits", "1", 30)
    before = {c.role: c.requests for c in adapter.counters("digits")}
    answers = asked(server)
    after = {c.role: c.requests for c in adapter.counters("digits")}
    canary = answers.count("1")
    # 30 % of 300, within five standard deviations of a coin: 1 run in a million is outside.
    assert abs(canary - 0.3 * QUERIES) < 5 * (QUERIES * 0.3 * 0.7) ** 0.5
    assert after["canary"] - before["canary"] == canary
    assert after["stable"] - before["stable"] == QUERIES - canary
    adapter.set_canary("digits", None, 0)
    assert set(asked(server, 20)) == {"2"}


def test_the_stable_version_keeps_its_role_while_the_canary_has_the_larger_share(adapter: EnvoyRouting) -> None:
    adapter.set_stable("digits", "2")
    adapter.set_canary("digits", "1", 90)
    split = adapter.split("digits")
    assert (split.stable, split.canary, split.canary_percent) == ("2", "1", 90.0)
    adapter.set_stable("digits", "1")
    assert adapter.split("digits").stable == "1"
    adapter.set_stable("digits", "2")


def test_commands_by_hand_do_what_they_say(adapter: EnvoyRouting, server: RunningServer) -> None:
    adapter.set_stable("digits", "2")
    for command in adapter.by_hand("digits", "1"):
        subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert set(asked(server, 20)) == {"1"}
    assert adapter.split("digits") == Split("1", None, 0.0)
    adapter.set_stable("digits", "2")


def test_commands_by_hand_are_known_while_it_cannot_be_reached(
    adapter: EnvoyRouting, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter.split("digits")
    told = adapter.by_hand("digits", "1")

    def away(*_: object) -> None:
        raise Unreachable(Problem("The admin interface cannot be reached."))

    monkeypatch.setattr(adapter._admin, "get_json", away)
    assert adapter.by_hand("digits", "1") == told
    with pytest.raises(Unreachable):
        adapter.by_hand("stones", "1")  # never seen: nobody can say


def test_another_hand_that_moves_all_the_weights_has_moved_the_stable_version(
    adapter: EnvoyRouting, server: RunningServer
) -> None:
    adapter.set_stable("digits", "2")
    exchange(server.ports["admin"], "POST", "/runtime_modify?split.digits.digits-1=100&split.digits.digits-2=0")
    try:
        assert set(asked(server, 20)) == {"1"}
        assert adapter.split("digits") == Split("1", None, 0.0), "no canary of a hundred percent"
    finally:
        adapter.set_stable("digits", "2")


def test_what_has_no_cluster_is_not_found_and_nothing_moves(adapter: EnvoyRouting) -> None:
    before = adapter.split("digits")
    with pytest.raises(NotFound, match="digits-9"):
        adapter.set_stable("digits", "9")
    with pytest.raises(NotFound):
        adapter.split("nosuch")
    assert adapter.split("digits") == before


def test_without_an_admin_address_it_says_so() -> None:
    with pytest.raises(NotSupported, match="admin address"):
        EnvoyRouting(ConnectionSettings("edge", ConnectionKind.ROUTING, "envoy", "http://127.0.0.1:1"), no_secret)


def test_its_own_counters_are_read_as_errors_and_latency_by_version(
    adapter: EnvoyRouting, server: RunningServer
) -> None:
    """Envoy keeps a histogram a cluster; both are those of callers, whatever the model server hides. What another test sent to
    version 1 just before may still arrive in its histogram here: only version 2 is waited for."""
    adapter.set_stable("digits", "2")
    url = f"http://127.0.0.1:{server.ports['admin']}/stats/prometheus"
    source = PrometheusText(ConnectionSettings("edge-m", ConnectionKind.METRICS, "prometheus-text", url), no_secret)
    meter = Meter(ServiceSettings("digits", route="digits", metrics=("edge-m",)), OwnQueries())
    samples: list[Sample] = []

    def p99() -> list[Sample]:
        of_two = SeriesKey("digits", series.LATENCY_MS, (("quantile", "0.99"), ("version", "2")))
        return [s for s in samples if s.key == of_two]

    try:
        asked(server, 20)
        ends, seq = time.monotonic() + 20.0, 0
        while not p99() or not any(s.key.metric == series.ALL_ANSWERS for s in samples):
            assert time.monotonic() < ends, "Envoy fills its histogram every five seconds"
            seq += 1
            asked(server, 5)
            samples += meter.take("edge-m", source.readings(), Stamp(float(seq), float(seq), seq))[0]
            time.sleep(0.2)
        readings = source.readings()
    finally:
        source.close()
    assert 0.0 < p99()[0].value < 1000.0
    traffic, _ = meter.traffic()
    assert (traffic.errors, traffic.total > 0) == ({}, True)
    codes = {dict(r.labels)["code"] for r in readings if r.quantity == "responses" and r.model == "digits"}
    assert "2xx" in codes

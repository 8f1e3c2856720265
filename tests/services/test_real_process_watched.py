"""A real process whose memory really grows, behind a real metrics endpoint: only the clock that dates the readings is driven."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.core import series
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.signals.resources import resources_signal
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionKind, Health, Sample, Signal
from mlcontrol.services.asking import Asking, OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.loads import Loads
from mlcontrol.services.scraped import ask_metrics
from mlcontrol.testing.clock import FakeClock

pytestmark = pytest.mark.real

SERVER = """
import http.server
from prometheus_client import Counter, generate_latest
answers, held = Counter("model_infer_request_success", "answers", ["model", "version"]), []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/grow/"):
            held.append(bytearray(b"x") * int(self.path[6:]))
        answers.labels("digits", "1").inc(100)
        body = generate_latest()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
EVERY_S = 20.0
CALM_MINUTES = 150


@pytest.fixture
def address() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


class Watched:
    def __init__(self, address: str) -> None:
        self.clock = FakeClock()
        service = ServiceSettings("digits", serving_model="digits", metrics=("mlserver",))
        settings = WorkspaceSettings("w", "w.toml", services={"digits": service})
        state = FleetState(settings)
        self.samples: list[Any] = []
        ctx: Any = SimpleNamespace(
            clock=self.clock,
            settings=settings,
            state=lambda: state,
            emit=lambda *facts: self.samples.extend(facts),
            clock_off=lambda _: None,
            store=SimpleNamespace(history=SimpleNamespace(query=lambda *_: ())),
        )
        self.book, self.loads, self.meter = FactBook(), Loads(ctx), Meter(service, OwnQueries())
        self.asking = Asking(ctx, self.book, lambda *_: None)
        settings_ = ConnectionSettings("mlserver", ConnectionKind.METRICS, "prometheus-text", f"{address}/metrics")
        self.source = PrometheusText(settings_, lambda: None)

    def go_on(self, minutes: float) -> None:
        for _ in range(int(minutes * 60 / EVERY_S)):
            self.clock.advance(EVERY_S)
            ask_metrics(self.asking, self.source, "mlserver", [self.meter], self.loads)
            self.loads.read_pasts()

    def signal(self) -> Signal:
        return resources_signal(self.book.facts("digits").traffic, self.clock.mono_s(), EVERY_S)


@pytest.mark.timeout(120)
def test_a_process_whose_memory_grows_is_told_with_its_figures(address: str) -> None:
    watched = Watched(address)
    watched.go_on(20)
    learning = watched.signal()
    assert (learning.health, learning.text) == (Health.UNKNOWN, "usual not known yet")
    watched.go_on(CALM_MINUTES)
    assert watched.signal().health is Health.OK, watched.signal().detail
    measured = [s for s in watched.samples if isinstance(s, Sample)]
    before = [s.value for s in measured if s.key.metric == series.MEMORY_BYTES][-1]
    assert any(s.value > 0 for s in measured if s.key.metric == series.CPU_CORES), "its own seconds are its CPU"
    for _ in range(12):
        with urllib.request.urlopen(f"{address}/grow/{int(before / 6)}") as answer:
            answer.read()
        watched.go_on(2)
    found = watched.signal()
    assert found.health is Health.WARNING
    assert found.text.startswith("memory ")
    assert "usual" in found.detail
    assert "rising" in found.detail
    (load,) = (one for one in watched.loads.of(("mlserver",)) if one.metric == series.MEMORY_BYTES)
    (leak,) = load.unusual
    assert leak.value > 2 * before
    assert leak.low <= before <= leak.high
    assert leak.per_min == pytest.approx(before / 12, rel=0.4)
    watched.source.close()

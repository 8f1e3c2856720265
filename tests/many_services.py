"""A fleet of thousands on one real Prometheus that scrapes one exporter: each service answers at a rate of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from mlcontrol.testing.servers import free_ports

READY_S = 120.0
_EXPORTER = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
COUNT, BEGAN = int(sys.argv[1]), time.time()
FAMILIES = (
    ("nv_inference_request_success", "counter", "", lambda i, t: int((i % 50 + 1) * t)),
    ("nv_inference_request_failure", "counter", "", lambda i, t: int(t * (i % 7 == 0))),
    ("nv_inference_request_summary_us", "gauge", ',quantile="0.99"', lambda i, t: 1000 + i),
)
class Metrics(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        t, lines = time.time() - BEGAN, []
        for name, kind, more, value in FAMILIES:
            lines.append(f"# TYPE {name} {kind}\\n")
            lines += [f'{name}{{model="m{i}",version="3"{more}}} {value(i, t)}\\n' for i in range(COUNT)]
        body = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class ManyServices:
    """``folder`` keeps Prometheus's configuration and data; ``exporter``: the exporter's port."""

    count: int
    exporter: int
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write_workspace(self, path: Path, poll_s: float = 5.0) -> Path:
        head = f'version = 1\nname = "many"\n[connections.prom]\nkind = "metrics"\nadapter = "prometheus-api"\nurl = "{self.url}"\n'
        services = [
            f'[services.s{i:04d}]\nmodel = "m{i}"\nserving_model = "m{i}"\nmetrics = ["prom"]\n'
            for i in range(self.count)
        ]
        path.write_text(f"{head}poll_s = {poll_s}\n" + "".join(services))
        return path

    def store_before(self, span_s: float, step_s: float = 15.0) -> None:
        """Let Prometheus hold, when it starts, what a scrape of each service every ``step_s`` had stored until now."""
        now_s = time.time()
        lines = ["# TYPE nv_inference_request_success counter\n"]
        for i in range(self.count):
            name = f'nv_inference_request_success_total{{model="m{i}",version="3",job="before"}}'
            for at_s in np.arange(now_s - span_s, now_s, step_s):
                lines.append(f"{name} {(i % 50 + 1) * (at_s - now_s + span_s):.0f} {at_s:.3f}\n")
        (self.folder / "before.txt").write_text("".join(lines) + "# EOF\n")
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", "before.txt", "data"],
            cwd=self.folder, check=True, capture_output=True, timeout=120,
        )  # fmt: skip

    def questions(self, handler: str = "") -> float:
        """How many requests to its query API, or to one ``handler`` of it, Prometheus has answered, by its own count."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        of = f'handler="/api/v1/{handler}"' if handler else 'handler="/api/v1/'
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("prometheus_http_requests_total") and of in line
        )

    @contextmanager
    def prometheus(self, *flags: str) -> Iterator[None]:
        """It runs meanwhile, with what it had stored before, and has scraped every service."""
        told = [f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data"]
        with subprocess.Popen(
            ["prometheus", *told, f"--web.listen-address=127.0.0.1:{self.port}", *flags],
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        ) as process:
            try:
                ends = time.monotonic() + READY_S
                while not self._scraped():
                    assert process.poll() is None, "Prometheus ended"
                    assert time.monotonic() < ends, "Prometheus did not get ready"
                    time.sleep(0.1)
                yield
            finally:
                process.terminate()

    def _scraped(self) -> bool:
        try:
            found = requests.get(f"{self.url}/api/v1/targets", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        return any(target["health"] == "up" for target in found["data"]["activeTargets"])


@contextmanager
def many_services(count: int, folder: Path) -> Iterator[ManyServices]:
    """The exporter runs; Prometheus is started by the test."""
    with ExitStack() as held:
        exporter = subprocess.Popen([sys.executable, "-c", _EXPORTER, str(count)], stdout=subprocess.PIPE, text=True)
        held.callback(exporter.wait)
        held.callback(exporter.kill)
        assert exporter.stdout is not None
        held.enter_context(exporter.stdout)
        port = int(exporter.stdout.readline())
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 2s, scrape_timeout: 2s}\n"
            f"scrape_configs: [{{job_name: triton, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        )
        yield ManyServices(count, port, free_ports(1)[0], folder)

"""A real Prometheus that scrapes nothing and holds what a test says it had stored before."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests


@contextmanager
def stored_prometheus(folder: Path, open_metrics: Iterable[str], *flags: str) -> Iterator[str]:
    """Its address. ``open_metrics``: lines with times, the samples of a family together, as the format asks."""
    (folder / "old.txt").write_text("".join(open_metrics))
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "old.txt"), str(folder / "data")]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=9d",
    ]
    with subprocess.Popen(
        ["prometheus", *told, f"--web.listen-address=127.0.0.1:{port}", *flags],
        stderr=subprocess.DEVNULL,
        cwd=folder,
    ) as process:
        try:
            until_ready(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def until_ready(port: int, within_s: float = 60.0) -> None:
    ends = time.monotonic() + within_s
    while True:
        try:
            if requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=1).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < ends, "Prometheus did not get ready"
        time.sleep(0.05)

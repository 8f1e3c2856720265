"""The engine's machine slept: one question each when it wakes, and nothing is green by what was before."""

from __future__ import annotations

import http.server
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from tests.engine.shell import Shell, until

pytestmark = pytest.mark.real

POLL_S, SLEPT_S = 0.5, 15.0
WORKSPACE = """\
version = 1
name = "slept"
environment = "test"
store = "sqlite:///panel.db"
[connections.server]
kind = "metrics"
adapter = "prometheus-text"
url = "http://127.0.0.1:{port}"
poll_s = {poll_s}
[services.digits]
model = "digits"
serving_model = "digits"
metrics = ["server"]
"""


class Server(http.server.ThreadingHTTPServer):
    """Counts its queries and when it was asked; ``silent``: takes questions and answers none."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.silent = threading.Event()
        self.ended = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(time.monotonic())
                if outer.silent.is_set():
                    outer.ended.wait()
                    self.close_connection = True
                    return
                count = int(10 * time.monotonic())
                of = '{model="digits",version="1"}'
                lines = f"nv_inference_request_success{of} {count}\nnv_inference_request_failure{of} 0\n"
                body = lines.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.ended.set()
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def workspace(tmp_path: Path, server: Server) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(WORKSPACE.format(port=server.server_address[1], poll_s=POLL_S))
    return path


def use(shell: Shell) -> Health | None:
    told = [e.service for e in list(shell.events) if isinstance(e, m.ServiceChanged)]
    return told[-1].use.health if told else None


def test_an_engine_that_slept_asks_once_and_makes_up_for_no_missed_turn(
    process_shell: Callable[[], Shell], server: Server
) -> None:
    """Fault 21, by SIGSTOP."""
    shell = process_shell()
    until(lambda: use(shell) is Health.OK)
    pid = shell.hello().pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(SLEPT_S)
    before, woken = len(server.asked), time.monotonic()
    os.kill(pid, signal.SIGCONT)
    until(lambda: len(server.asked) > before)
    time.sleep(3 * POLL_S)
    turns = (time.monotonic() - woken) / POLL_S
    # Its own beat, and the probe whose turn may fall into this.
    assert len(server.asked) - before <= turns + 2, f"{SLEPT_S / POLL_S:.0f} turns were missed"
    until(lambda: use(shell) is Health.OK)


def test_what_was_read_before_it_slept_is_not_green_when_it_wakes(
    process_shell: Callable[[], Shell], server: Server
) -> None:
    """The server does not answer any more: without it the state of before the night would stand."""
    shell = process_shell()
    until(lambda: use(shell) is Health.OK)
    pid = shell.hello().pid
    os.kill(pid, signal.SIGSTOP)
    server.silent.set()
    time.sleep(SLEPT_S)
    known, woken = len(shell.events), time.monotonic()
    os.kill(pid, signal.SIGCONT)
    until(lambda: use(shell) is Health.UNKNOWN)
    assert time.monotonic() - woken < 3.0, "at the first look at the ages, not after three more polls that hang"
    later = [e.service.use.health for e in list(shell.events)[known:] if isinstance(e, m.ServiceChanged)]
    assert Health.OK not in later

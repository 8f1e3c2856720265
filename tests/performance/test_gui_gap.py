"""The window's event loop while the engine polls 50 endpoints, one of them frozen, against the same window with no engine.

A 5 ms timer in the window's thread measures how late it is called. Goal: 99 % of calls at most 16 ms late, none over 100 ms. The
test fails when a gap is over 100 ms *and* over twice what the machine did to the idle window in the same run, three times out of
three: what the machine does is not repeated, what the panel does is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ENDPOINTS = 50
SECONDS = 20
ATTEMPTS = 3
GOAL_P99_MS, GOAL_MAX_MS = 16.0, 100.0

SERVERS = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
BODY = "".join(f'nv_inference_request_success{{model="m{i}",version="1"}} {i}\\n' for i in range(300)).encode()
class Metrics(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.server.frozen:
            threading.Event().wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *args):
        pass
for number in range(int(sys.argv[1])):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    server.daemon_threads = True
    server.frozen = number == 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
threading.Event().wait()
"""

PANEL = """
import json, sys, time
from pathlib import Path
from PySide6.QtCore import QTimer, Qt
from mlcontrol.gui.app import make_application, run
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.theme import theme
from mlcontrol.gui.window import Window
workspace, seconds, page = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
app = make_application()
theme.install(app, "dark")
def nobody(*_args, **_more):
    raise OSError("this arm has no engine")
bridge = Bridge(workspace, nobody) if page == "idle" else Bridge(workspace)
window = Window(bridge)
window.resize(1280, 800)
window.open_page("connections" if page != "idle" else "fleet")
window.show()
bridge.start()
late, last = [], [0.0]
beat = QTimer()
beat.setTimerType(Qt.TimerType.PreciseTimer)
def tick():
    now = time.perf_counter()
    late.append(max(0.0, 1000 * (now - last[0]) - 5.0))
    last[0] = now
beat.timeout.connect(tick)
def begin():
    last[0] = time.perf_counter()
    beat.start(5)
    QTimer.singleShot(round(1000 * seconds), app.quit)
QTimer.singleShot(6000, begin)
run(app)
beat.stop()
polled = 0 if bridge.state is None else sum(c.at is not None for c in bridge.state.connections.values())
print(json.dumps({"late": sorted(late), "polled": polled}))
bridge.stop()
"""


def arm(workspace: Path, page: str) -> dict[str, list[float]]:
    command = [sys.executable, "-c", PANEL, str(workspace), str(SECONDS), page]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, list[float]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def end_engine(workspace: Path) -> None:
    from mlcontrol.engine import messages as m
    from mlcontrol.engine.hosts import attach, new_request

    pids: list[int] = []
    host = attach(workspace, lambda e: pids.append(e.pid) if isinstance(e, m.Hello) else None, None, start=False)
    host.ask(m.StopEngine(request=new_request(), force=True))
    host.close()


@pytest.mark.timeout(600)
def test_the_window_stays_smooth_while_fifty_endpoints_are_polled(tmp_path: Path) -> None:
    servers = subprocess.Popen(
        [sys.executable, "-c", SERVERS, str(ENDPOINTS)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert servers.stdout is not None
    try:
        ports = [int(servers.stdout.readline()) for _ in range(ENDPOINTS)]
        workspace = tmp_path / "mlcontrol.toml"
        entries = [
            f'[connections.c{i}]\nkind = "metrics"\nadapter = "prometheus-text"\nurl = "http://127.0.0.1:{port}/metrics"\n'
            for i, port in enumerate(ports)
        ]
        workspace.write_text('version = 1\nname = "gap"\n' + "".join(entries))
        smooth = any(attempt(workspace) for _ in range(ATTEMPTS))
        end_engine(workspace)
    finally:
        os.killpg(servers.pid, signal.SIGKILL)
        servers.wait()
        servers.stdout.close()
    assert smooth


def attempt(workspace: Path) -> bool:
    """One pair of arms, told on standard error; whether the polling window was as smooth as it must be."""
    idle, polling = arm(workspace, "idle"), arm(workspace, "polling")
    assert polling["polled"] >= ENDPOINTS - 1, "the engine polled"
    rows = []
    for name, found in (("idle", idle), ("50 endpoints, 1 frozen", polling)):
        late = found["late"]
        p99, worst = late[int(0.99 * len(late))], late[-1]
        rows.append((name, p99, worst))
        sys.stderr.write(f"\n{name}: p99 {p99:.1f} ms, worst {worst:.1f} ms over {len(late)} beats")
    met = rows[1][1] <= GOAL_P99_MS and rows[1][2] <= GOAL_MAX_MS
    sys.stderr.write(f"\ngoal p99 {GOAL_P99_MS:g} ms, worst {GOAL_MAX_MS:g} ms: {'met' if met else 'NOT met'}\n")
    return rows[1][2] <= max(GOAL_MAX_MS, 2 * rows[0][2])

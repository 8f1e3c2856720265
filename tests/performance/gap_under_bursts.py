"""P6 and P7 by hand: `python tests/performance/gap_under_bursts.py [SECONDS] [TARGETS]`, 120 and 1,000 without.

The real panel with the real engine on a workspace of TARGETS metrics endpoints (hosts of their own, 1,014 samples each, every 5 s,
one in ten accepts and never answers), and in the same window 60 charts of ten series that are drawn ten times a second. A timer of
5 ms tells how late the event loop was; the CPU is that of both processes. Beside it the same window with charts and no engine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SERVER = """
import selectors, socket
names = 'version="1",host="a-name-as-long-as-they-are-in-the-field"'
lines = "".join(f'nv_inference_request_success{{model="m{i}",{names}}} {i}\\n' for i in range(1014))
answer = (f"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: {len(lines)}\\r\\n\\r\\n" + lines).encode()
listening = socket.create_server(("0.0.0.0", 0), backlog=4096)
listening.setblocking(False)
chosen = selectors.DefaultSelector()
chosen.register(listening, selectors.EVENT_READ)
print(listening.getsockname()[1], flush=True)
while True:
    for key, _ in chosen.select():
        if key.fileobj is listening:
            client, _ = listening.accept()
            chosen.register(client, selectors.EVENT_READ, client.getsockname()[0].split(".")[2] == "9")
            continue
        try:
            asked = key.fileobj.recv(65536)
        except OSError:
            asked = b""
        if not asked:
            chosen.unregister(key.fileobj)
            key.fileobj.close()
        elif not key.data:
            try:
                key.fileobj.sendall(answer)
            except OSError:
                pass
"""

PANEL = """
import json, os, sys, time
from pathlib import Path
import numpy as np
from PySide6.QtCore import QRect, QTimer, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget
from mlcontrol.gui.app import make_application, run
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.row_painter import paint_row
from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.chart_rows import ChartRow, Line
from mlcontrol.gui.window import Window
workspace, seconds, arm = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
app = make_application()
theme.install(app, "dark")
def nobody(*_args, **_more):
    raise OSError("this arm has no engine")
bridge = Bridge(workspace, nobody) if arm == "no engine" else Bridge(workspace)
window = Window(bridge)
window.resize(1280, 800)
window.open_page("fleet")
window.show()
CHARTS, SERIES, POINTS, WIDTH = 60, 10, 3600, 148
at = np.arange(3 * POINTS, dtype=float)
rng = np.random.default_rng(3)
values = np.sin(np.linspace(0, 120, 3 * POINTS) + rng.uniform(0, 6, (CHARTS, SERIES, 1)))
values += 0.1 * rng.normal(size=values.shape)
pictures = [RowPicture() for _ in range(CHARTS)]
class Wall(QWidget):
    end = POINTS
    painted = 0
    def paintEvent(self, event):
        until = np.ceil(self.end * WIDTH / POINTS) * POINTS / WIDTH
        span = Span(until - POINTS, until)
        painter = QPainter(self)
        for chart, picture in enumerate(pictures):
            lines = tuple(Line(str(s), at[: self.end], values[chart, s, : self.end], slot=s % 5, stamp=s) for s in range(SERIES))
            x, y = chart % 10 * 192, chart // 10 * 200
            label, plot = QRect(x, y, 44, 200), QRect(x + 44, y, WIDTH, 200)
            paint_row(painter, ChartRow("c", "chart", "unit", lines), span, label, plot, picture)
        painter.end()
        self.painted += 1
wall = Wall()
wall.resize(1920, 1200)
wall.show()
live = QTimer()
def grow():
    wall.end = min(wall.end + 1, 3 * POINTS)
    wall.update()
live.timeout.connect(grow)
live.start(100)
bridge.start()
late, last = [], [0.0]
beat = QTimer()
beat.setTimerType(Qt.TimerType.PreciseTimer)
def tick():
    now = time.perf_counter()
    late.append(max(0.0, 1000 * (now - last[0]) - 5.0))
    last[0] = now
beat.timeout.connect(tick)
def ticks_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
start = {}
def begin():
    last[0] = time.perf_counter()
    start.update(gui=time.process_time(), wall=time.perf_counter(), painted=wall.painted)
    if bridge.hello is not None:
        start["engine"] = ticks_of(bridge.hello.pid)
    beat.start(5)
    QTimer.singleShot(round(1000 * seconds), end)
told = {}
def pss(pid):
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("Pss:")).split()[1]) // 1024
def end():
    beat.stop()
    took = time.perf_counter() - start["wall"]
    told.update(gui_core=(time.process_time() - start["gui"]) / took, frames_per_s=(wall.painted - start["painted"]) / took)
    told["pss_mb"] = [pss(os.getpid())]
    if "engine" in start:
        told["engine_core"] = (ticks_of(bridge.hello.pid) - start["engine"]) / took
        told["pss_mb"].append(pss(bridge.hello.pid))
    app.quit()
asked = time.perf_counter()
ready = QTimer()
def look():
    known = bridge.state.connections.values() if bridge.state is not None and bridge.connected else ()
    answered = sum(c.health.value == "ok" for c in known)
    if arm == "no engine" or (known and answered >= 0.85 * len(known)):
        ready.stop()
        QTimer.singleShot(5000, begin)
    elif time.perf_counter() - asked > 180:
        print(json.dumps({"engine": str(bridge.engine), "answered": answered}), flush=True)
        os._exit(1)
ready.timeout.connect(look)
ready.start(500)
run(app)
live.stop()
ordered = sorted(late)
def at_share(share):
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
told.update(p99_ms=at_share(0.99), p999_ms=at_share(0.999), max_ms=round(ordered[-1], 1))
told.update(over_16=sum(v > 16 for v in late), over_33=sum(v > 33 for v in late), beats=len(late))
told["lost_share"] = round(sum(late) / 1000 / seconds, 4)
if bridge.state is not None:
    told["answered"] = sum(c.health.value == "ok" for c in bridge.state.connections.values())
    told["connections"] = len(bridge.state.connections)
print(json.dumps(told), flush=True)
bridge.stop()
os._exit(0)
"""


def arm(workspace: Path, seconds: float, name: str) -> Any:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", PANEL, str(workspace), str(seconds), name]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode != 0:
        raise SystemExit(ran.stdout[-1000:] + ran.stderr[-3000:])
    return json.loads(ran.stdout.splitlines()[-1])


def end_engine(workspace: Path) -> None:
    from mlcontrol.engine import messages as m
    from mlcontrol.engine.hosts import attach, new_request

    host = attach(workspace, lambda _event: None, None, start=False)
    host.ask(m.StopEngine(request=new_request(), force=True))
    host.close()


def main(seconds: float = 120.0, targets: int = 1000) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            workspace = Path(folder) / "mlcontrol.toml"
            hosts = [
                f"127.1.{9 if i % 10 == 0 else 10 + i // 200}.{1 + i // 10 if i % 10 == 0 else 1 + i % 200}"
                for i in range(targets)
            ]
            entries = [
                f'[connections.t{i}]\nkind = "metrics"\nadapter = "prometheus-text"\nurl = "http://{host}:{port}/metrics"\n'
                for i, host in enumerate(hosts)
            ]
            workspace.write_text('version = 1\nname = "bursts"\n' + "".join(entries), encoding="utf-8")
            for name in ("no engine", "bursts"):
                sys.stdout.write(f"{name}: {json.dumps(arm(workspace, seconds, name))}\n")
                sys.stdout.flush()
            end_engine(workspace)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        server.stdout.close()


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((float, int), sys.argv[1:], strict=False)))

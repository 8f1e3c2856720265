"""The fleet page of two thousand services that one real Prometheus feeds, scrolled and filtered, against the same window with the
last session's two thousand rows and no engine.

A 5 ms timer in the window's thread measures how late it is called, and how much of the CPU that thread has taken since. Goal: no
gap over 33 ms. What a machine does beside it is not the panel's: the test fails when the worst gap is over 100 ms *and* over three
times that of the window without an engine, or the thread itself worked for more than 100 ms in one go, three times out of three.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.many_services import many_services
from tests.performance.test_gui_gap import end_engine

SERVICES, SECONDS, ATTEMPTS = 2000, 20, 3
GOAL_MS, LEAST_MS = 33.0, 100.0

PANEL = """
import json, sys, time
from pathlib import Path
from PySide6.QtCore import QTimer, Qt
from mlcontrol.gui.app import make_application, run
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.garbage import GarbageOnThisThread
from mlcontrol.gui.theme import theme
from mlcontrol.gui.window import Window
workspace, seconds, arm = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
began_s = time.time()
app = make_application()
theme.install(app, "dark")
def nobody(*_args, **_more):
    raise OSError("this arm has no engine")
bridge = Bridge(workspace, nobody) if arm == "idle" else Bridge(workspace)
window = Window(bridge)
window.resize(1280, 800)
window.open_page("fleet")
window.show()
bridge.start()
garbage = GarbageOnThisThread()  # as the command does that opens the window
page, late, worked, last, step = window.page, [], [], [0.0, 0.0], [0]
def services():
    return bridge.state.services.values() if bridge.state is not None else ()
def fresh():
    return sum(s.use.at is not None and s.use.at.utc_s > began_s for s in services())
def tick():
    now, cpu = time.perf_counter(), time.thread_time()
    late.append(max(0.0, 1000 * (now - last[0]) - 5.0))
    worked.append(1000 * (cpu - last[1]))
    last[:] = now, cpu
def act():
    step[0] += 1
    bar = page.table.verticalScrollBar()
    if step[0] % 40 < 30:
        bar.setValue((step[0] * 37) % max(1, bar.maximum()))
    else:
        page._filter.setText(("", "m1", "m19", "m199", "", "ok", "m7", "", "m", "")[step[0] % 10])
beat, acts, waiting = QTimer(), QTimer(), QTimer()
beat.setTimerType(Qt.TimerType.PreciseTimer)
beat.timeout.connect(tick)
acts.timeout.connect(act)
def look():
    if len(services()) == int(sys.argv[4]) and (arm == "idle" or fresh() == len(services())):
        waiting.stop()
        last[:] = time.perf_counter(), time.thread_time()
        beat.start(5)
        acts.start(100)
        QTimer.singleShot(round(1000 * seconds), app.quit)
waiting.timeout.connect(look)
waiting.start(500)
QTimer.singleShot(300_000, app.quit)
run(app)
beat.stop()
garbage.stop()
print(json.dumps({"late": sorted(late), "worked": sorted(worked), "fresh": fresh(), "rows": len(page._book.rows)}))
bridge.stop()
"""


def arm(workspace: Path, name: str) -> dict[str, list[float]]:
    command = [sys.executable, "-c", PANEL, str(workspace), str(SECONDS), name, str(SERVICES)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, list[float]] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(1800)
def test_two_thousand_services_scroll_and_filter_as_smoothly_as_without_an_engine(tmp_path: Path) -> None:
    with many_services(SERVICES, tmp_path) as many, many.prometheus():
        workspace = many.write_workspace(tmp_path / "mlcontrol.toml")
        smooth = any(attempt(workspace) for _ in range(ATTEMPTS))
        end_engine(workspace)
    assert smooth


def attempt(workspace: Path) -> bool:
    polling = arm(workspace, "polling")
    assert polling["fresh"] == polling["rows"] == SERVICES, "every service has facts of this session and a row"
    idle = arm(workspace, "idle")
    worst: dict[str, float] = {}
    for name, found in (("without an engine", idle), ("polling", polling)):
        late, worked = found["late"], found["worked"]
        worst[name] = late[-1]
        sys.stderr.write(
            f"\n{SERVICES} services, {name}: median {late[len(late) // 2]:.1f} ms, p99 {late[int(0.99 * len(late))]:.1f} ms,"
            f" worst {late[-1]:.1f} ms over {len(late)} beats; CPU of this thread between two:"
            f" p99 {worked[int(0.99 * len(worked))]:.1f} ms, worst {worked[-1]:.1f} ms"
        )
    met = worst["polling"] <= GOAL_MS
    sys.stderr.write(f"\ngoal no gap over {GOAL_MS:g} ms: {'met' if met else 'NOT met'}\n")
    return worst["polling"] <= max(LEAST_MS, 3 * worst["without an engine"]) and polling["worked"][-1] <= LEAST_MS

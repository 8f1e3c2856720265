"""What a pipeline and an open window cost: `mlcontrol check` from the shell against the import of numpy, and the idle panel.

Arms run in turn, each in a process of its own; verdicts are medians of paired ratios of CPU seconds, with the wall's beside them.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.shell import until

PAIRS = 7
GOAL = 3.0
IDLE_GOAL = 0.02
IDLE_S = 8.0

IDLE_PANEL = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
from mlcontrol.gui.app import make_application, run
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.theme import theme
from mlcontrol.gui.window import Window
app = make_application()
theme.install(app, "dark")
bridge = Bridge(Path(sys.argv[1]))
window = Window(bridge)
window.resize(1280, 800)
window.open_page("fleet")
window.show()
bridge.start()
began = [0.0]
QTimer.singleShot(4000, lambda: began.__setitem__(0, time.process_time()))
QTimer.singleShot(4000 + round(1000 * float(sys.argv[2])), app.quit)
run(app)
print(time.process_time() - began[0])
assert bridge.connected, "an idle window is one whose engine answers"
bridge.stop()
"""


def cost(command: list[str], home: Path) -> tuple[float, float]:
    """CPU and wall seconds of one process."""
    # An installed program is compiled once, not at every start.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False)
    wall_s = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s


def test_a_check_of_two_signatures_costs_a_few_imports_of_numpy(tmp_path: Path) -> None:
    for name, kind in (("old", "float64"), ("new", "float32")):
        fields = [{"name": f"c{i}", "type": kind, "shape": [-1], "required": True} for i in range(30)]
        outputs = [{"name": "score", "type": "float32", "shape": [-1]}]
        signature = {"schema": "mlcontrol.signature/1", "name": "m", "inputs": fields, "outputs": outputs}
        (tmp_path / f"{name}.json").write_text(json.dumps(signature))
    mlcontrol = str(Path(sys.executable).parent / "mlcontrol")
    check = [mlcontrol, "check", "new.json", "--against", "old.json", "--format", "json"]
    numpy = [sys.executable, "-c", "import numpy"]
    cost(check, tmp_path)  # compiled files and the page cache are warm for both
    cost(numpy, tmp_path)
    cpu, wall = [], []
    for _ in range(PAIRS):
        (ours_cpu_s, ours_s), (bare_cpu_s, bare_s) = cost(check, tmp_path), cost(numpy, tmp_path)
        cpu.append(ours_cpu_s / bare_cpu_s)
        wall.append(ours_s / bare_s)
    ratio = statistics.median(cpu)
    print(f"P12 check: goal {GOAL:g}x; CPU {ratio:.2f}x, wall {statistics.median(wall):.2f}x of `import numpy`")
    assert ratio <= 1.5 * GOAL


@pytest.mark.timeout(180)
def test_an_idle_window_uses_next_to_nothing(tmp_path: Path) -> None:
    from mlcontrol.engine import messages as m
    from mlcontrol.engine.hosts import attach, new_request

    workspace = tmp_path / "mlcontrol.toml"
    services = "".join(f'[services.s{i}]\ntitle = "Service {i}"\n' for i in range(30))
    workspace.write_text(f'version = 1\nname = "idle"\n{services}')
    try:
        ran = subprocess.run(
            [sys.executable, "-c", IDLE_PANEL, str(workspace), str(IDLE_S)],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
    finally:
        told: list[m.Event] = []
        host = attach(workspace, told.append, None)
        host.ask(m.StopEngine(request=new_request(), force=True))
        until(lambda: any(isinstance(event, m.Done) for event in told))
        host.close()
    share = float(ran.stdout.split()[-1]) / IDLE_S
    print(f"P12 idle: goal {IDLE_GOAL:.0%} of a core; {share:.1%}: {'met' if share <= IDLE_GOAL else 'NOT met'}")
    assert share <= 5 * IDLE_GOAL  # seconds of a busy machine are longer

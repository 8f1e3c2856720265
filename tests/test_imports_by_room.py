"""Which libraries come in through which door, seen in fresh interpreters: the contracts see sentences, this sees processes."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlcontrol

ROOT = Path(__file__).parents[1]
# Stands in for a machine without Qt: importing any of it fails as if it were not installed.
WITHOUT_QT = """
import sys
class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"PySide6", "shiboken6", "pyqtgraph"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoQt())
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )


def modules_outside_the_panel() -> list[str]:
    found = [
        module.name for module in pkgutil.walk_packages(mlcontrol.__path__, "mlcontrol.", onerror=lambda name: None)
    ]
    return [name for name in found if not name.startswith("mlcontrol.gui") and not name.endswith("__main__")]


def test_everything_but_the_panel_imports_without_qt() -> None:
    names = modules_outside_the_panel()
    assert len(names) > 50
    result = python(WITHOUT_QT + "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)", *names)
    assert result.returncode == 0, result.stderr


def test_the_panel_does_not_import_without_qt() -> None:
    """The twin: the stand-in for a machine without Qt does hide it."""
    result = python(WITHOUT_QT + "import mlcontrol.gui.bridge")
    assert "No module named 'PySide6" in result.stderr


# What is tried here is the house without Qt, not the core once more: each test with its first case, properties on a few examples.
FEW = """
from hypothesis import settings
settings.register_profile("few", max_examples=3)
settings.load_profile("few")
class Few:
    def pytest_collection_modifyitems(self, items):
        first = {(item.path, item.originalname): item for item in reversed(items)}
        items[:] = [item for item in items if first[item.path, item.originalname] is item]
"""


@pytest.mark.timeout(900)
@pytest.mark.real  # slow: it runs the core's tests a second time
def test_the_core_is_tested_where_qt_is_not_installed(tmp_path: Path) -> None:
    settings = tmp_path / "pytest.ini"
    settings.write_text(
        "[pytest]\naddopts = --import-mode=importlib -p no:pytest-qt -p no:cacheprovider -q\nmarkers =\n"
        "  real: servers\n  window: display\n  bench: measures\n"
    )
    code = WITHOUT_QT + FEW + "import pytest\nsys.exit(pytest.main(sys.argv[1:], plugins=[Few()]))"
    core = ROOT / "tests" / "core"
    simulations = f"--ignore={core / 'judge' / 'test_judge_simulation.py'}"  # long, and of figures only
    options = ("-c", str(settings), "--rootdir", str(ROOT), "-m", "not real and not window", simulations)
    result = python(code, *options, str(core))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr


def test_the_panel_leaves_the_heavy_libraries_to_the_engine() -> None:
    heavy = {"pandas", "scipy", "sqlalchemy", "psycopg", "pymysql", "requests", "duckdb", "tritonclient", "keyring"}
    result = python(
        "import sys, mlcontrol.gui.app, mlcontrol.gui.window\nprint(*{name.split('.')[0] for name in sys.modules})"
    )
    assert result.returncode == 0, result.stderr
    assert not heavy & set(result.stdout.split())


@pytest.mark.parametrize("late", ["numpy", "mlcontrol.engine.messages", "mlcontrol.engine.hosts"])
def test_the_first_window_waits_for_no(late: str) -> None:
    """numpy comes with the first chart or sort; the wire, as long to load as Qt, with the thread that reaches the engine."""
    code = "import sys, mlcontrol.gui.app, mlcontrol.gui.last_session, mlcontrol.gui.pages.fleet; print(sys.argv[1] in sys.modules)"
    ran = python(code, late)
    assert ran.stdout.strip() == "False", ran.stderr[-2000:]

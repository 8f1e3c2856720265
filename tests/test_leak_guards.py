"""Twins of the guards in conftest.py: each thing left behind is seen, and nothing is seen where nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os, threading, time
from pathlib import Path
from PySide6.QtCore import QTimer, qWarning
from PySide6.QtWidgets import QWidget

kept = []

def test_thread():
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()

def test_process():
    os.posix_spawn("/bin/sleep", ["sleep", "9"], os.environ)

def test_timer(qapp):
    kept.append(QTimer())
    kept[-1].start(60000)

def test_window(qapp):
    kept.append(QWidget())
    kept[-1].show()

def test_qt_warning(qapp):
    qWarning("something is off")

def test_python_warning():
    import warnings
    warnings.warn("something is off")

def test_tidy(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()

def test_home():
    assert "the-home-of-the-user" not in str(Path.home())
"""


def ran(folder: Path, guards: str, tests: str) -> subprocess.CompletedProcess[str]:
    """pytest over these tests, under the project's own settings and this conftest."""
    (folder / "conftest.py").write_text(guards)
    (folder / "test_it.py").write_text(tests)
    home = folder / "the-home-of-the-user"
    home.mkdir()
    settings = Path(__file__).parents[1] / "pyproject.toml"
    how = ("-c", str(settings), "--rootdir", str(folder), "-p", "no:cacheprovider", "-rA", "--tb=no", "--no-header")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *how, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": str(home)},
        timeout=100,
        check=False,
    )


GUARDS = (Path(__file__).parent / "conftest.py").read_text()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What pytest says of each test above."""
    guards = GUARDS.replace("SETTLE_WITHIN_S = 3.0", "SETTLE_WITHIN_S = 0.2")
    text = ran(tmp_path_factory.mktemp("guarded"), guards, TESTS).stdout
    found: dict[str, set[str]] = {}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) .*?::test_(\w+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(outcome)
    return found


@pytest.mark.parametrize("what", ["thread", "process", "timer", "window"])
def test_what_a_test_leaves_behind_is_an_error(what: str, outcomes: dict[str, set[str]]) -> None:
    assert outcomes[what] == {"PASSED", "ERROR"}


@pytest.mark.parametrize("what", ["qt_warning", "python_warning"])
def test_a_warning_fails_its_test(what: str, outcomes: dict[str, set[str]]) -> None:
    assert "FAILED" in outcomes[what]


@pytest.mark.parametrize("what", ["tidy", "home"])
def test_a_tidy_test_passes_in_a_home_of_its_own(what: str, outcomes: dict[str, set[str]]) -> None:
    assert outcomes[what] == {"PASSED"}


WITH_DUCKDB = """
import duckdb

def test_both(qapp):
    assert duckdb.connect().execute("select 1").fetchall() == [(1,)]
"""


@pytest.mark.parametrize("thawed", [True, False], ids=["thawed", "twin: left frozen"])
def test_a_test_process_ends_without_a_list_of_what_duckdb_could_not_free(tmp_path: Path, thawed: bool) -> None:
    done = ran(tmp_path, GUARDS if thawed else GUARDS.replace("gc.unfreeze()", "pass"), WITH_DUCKDB)
    assert done.returncode == 0, done.stdout
    assert ("leaked" in done.stdout + done.stderr) is not thawed

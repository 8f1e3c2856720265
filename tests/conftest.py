"""What holds for every test: no user profile is touched, nothing is left behind, no warning of Qt passes unnoticed.

Qt is looked at only if something else has imported it: the rooms below the panel are tested where Qt is not installed.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SETTLE_WITHIN_S = 3.0
# One thread for the whole process by design: it cuts off network calls whose total deadline has passed.
LASTING_THREADS = {"deadlines"}
_ON_A_DISPLAY = bool(os.environ.get("DISPLAY")) and os.environ.get("QT_QPA_PLATFORM") == "xcb"
_MUST_RUN = bool(os.environ.get("MLCONTROL_TESTS_MUST_RUN"))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# How long one example takes is the machine's matter, not the code's: a busy one must not fail a property.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture
def machine_second() -> float:
    """Processor seconds that stand for one second of the machine the limits were set on, busy or slow as this one is now."""

    def once() -> float:
        begun = time.process_time()
        sum(number % 7 for number in range(1_000_000))
        return time.process_time() - begun

    return 20 * sorted(once() for _ in range(3))[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "performance" in item.path.parts:
            item.add_marker("bench")
        if item.get_closest_marker("window") and not _ON_A_DISPLAY:
            item.add_marker(pytest.mark.skip(reason="needs a real display: make window"))
    # Side by side, what takes minutes begins first: a worker that comes to it last would let the other wait.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In the full suite a skipped test is a failed one: the machine was prepared so that every test can run."""
    report = yield
    if _MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


def pytest_unconfigure() -> None:
    """What `nothing_left_behind` froze goes while there is an application: left to the end of the process, where what is frozen is
    not collected, DuckDB would list every type and function of its own as leaked."""
    gc.unfreeze()
    gc.collect()


@pytest.fixture(autouse=True)
def own_profile(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of its own for each test: settings, data, caches, sockets; no session bus, so no keyring of the user's."""
    home = tmp_path_factory.mktemp("home")
    # Sockets live in the runtime folder and their paths are capped at 107 bytes: pytest's folders are too deep.
    runtime = Path(tempfile.mkdtemp(prefix="mlc-"))
    if "XAUTHORITY" not in os.environ and (authority := Path("~/.Xauthority").expanduser()).exists():
        monkeypatch.setenv("XAUTHORITY", str(authority))
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
    for name in ("MLCONTROL_WORKSPACE", "MLCONTROL_SANDBOX_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield home
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest, own_profile: Path) -> Iterator[None]:
    """Fails the test that leaves a thread, a child process, a running timer or a window behind."""
    watches: list[Callable[[], set[Any]]] = [_threads, _children]
    if "qapp" in request.fixturenames:
        watches += [_running_timers, _windows]
    before = [watch() for watch in watches]
    if "qapp" in request.fixturenames:
        gc.freeze()  # what is alive by now is left out of the collection below, which makes it cheap
    yield
    if "qapp" in request.fixturenames:
        _let_qt_delete()
        # Widgets in reference cycles must die here: a collection in a thread of some later test would crash the process.
        gc.collect()
    give_up_s = time.monotonic() + SETTLE_WITHIN_S
    while left := [str(one) for watch, known in zip(watches, before, strict=True) for one in watch() - known]:
        if time.monotonic() > give_up_s:
            pytest.fail(f"left behind: {', '.join(sorted(left))}", pytrace=False)
        time.sleep(0.02)
        if "qapp" in request.fixturenames:
            _let_qt_delete()


def _threads() -> set[Any]:
    return {thread for thread in threading.enumerate() if thread.name not in LASTING_THREADS}


def _children() -> set[Any]:
    """Process ids with the command of every living child. Read from /proc: Linux only, empty elsewhere."""
    own, found = os.getpid(), set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = entry.read_text().rpartition(")")
        except OSError:  # it ended while we looked
            continue
        state, parent = rest.split()[:2]
        if int(parent) == own and state != "Z":
            found.add(f"process {name.replace('(', '', 1)}")
    return found


def _running_timers() -> set[Any]:
    core = sys.modules["PySide6.QtCore"]
    return {timer for timer in _living(core.QTimer) if timer.isActive()}


def _windows() -> set[Any]:
    widgets = sys.modules["PySide6.QtWidgets"]
    return {
        widget for widget in widgets.QApplication.topLevelWidgets() if widget.parent() is None and widget.isVisible()
    }


def _living(kind: type) -> list[Any]:
    """Every Python-made instance whose C++ half still exists."""
    is_valid = sys.modules["shiboken6"].isValid
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind) and is_valid(thing)]


def _let_qt_delete() -> None:
    core = sys.modules["PySide6.QtCore"]
    core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete.value)
    core.QCoreApplication.processEvents()

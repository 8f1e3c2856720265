"""A whole engine beside a server whose clock is wrong, from the answer's date to the timeline."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox.wire import answers
from mlcontrol.testing.servers import free_ports
from tests.engine.shell import Shell, until

SERVER = Path(__file__).parent / "server_with_a_clock.py"
CONNECTION = """
[connections.pager]
kind = "alerts"
adapter = "alertmanager"
url = "http://127.0.0.1:{port}"
poll_s = 1.0
"""

pytestmark = pytest.mark.real


@contextmanager
def server(off_s: float) -> Iterator[int]:
    (port,) = free_ports(1)
    # Not by the command of that name: it starts the server as a child of its own, which would outlive it.
    clock = {"LD_PRELOAD": faketime_library(), "FAKETIME": f"{off_s:+.0f}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    process = subprocess.Popen([sys.executable, str(SERVER), str(port)], env={**os.environ, **clock})
    try:
        until(lambda: answers(port, "/api/v2/status"))
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("off_s", [-90.0, 90.0])
def test_an_alert_of_a_server_whose_clock_is_wrong_stands_where_it_belongs(
    inline_shell: Callable[[], Shell], workspace: Path, off_s: float
) -> None:
    """Fault 19: behind or ahead by a minute and a half; noticed, dated by ours, with both times and in words."""
    began_s = time.time()
    with server(off_s) as port:
        workspace.write_text(workspace.read_text() + CONNECTION.format(port=port))
        shell = inline_shell()

        def ahead_s() -> float | None:
            told = [e.connection for e in shell.events if isinstance(e, m.ConnectionChanged)]
            return next((c.clock_ahead_s for c in reversed(told) if c.id == "pager"), None)

        assert until(ahead_s) == pytest.approx(off_s, abs=3.0)
        notice = shell.wait_for(m.ClockChanged).notice
        assert notice is not None
        assert notice.title.endswith(f"pager is {'behind' if off_s < 0 else 'ahead of'} this machine")

        def on_the_timeline() -> TimelineEvent | None:
            told = shell.host.ask(m.QueryTimeline(request=new_request(), kinds=(EventKind.ALERT,)))
            assert isinstance(told, m.TimelineAnswer)
            return next(iter(told.events), None)

        event = until(on_the_timeline)
        assert began_s - 3.0 <= event.at_s <= time.time()
        assert event.source_at_s == pytest.approx(event.at_s + off_s, abs=3.0)
        assert f"Its source's clock is {'behind' if off_s < 0 else 'ahead of'} ours by" in event.detail


@pytest.mark.parametrize("jump_s", [3 * 86_400.0, -90.0])
def test_the_clock_of_the_engine_s_machine_is_set_and_every_shell_hears_of_it(
    process_shell: Callable[[], Shell], workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    """Fault 18: said as a banner and on the timeline, with both times, while an engine of its own runs."""
    now = tmp_path / "now"
    now.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", faketime_library())
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(now))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    shell = process_shell()
    monkeypatch.delenv("LD_PRELOAD")
    shell.wait_for(m.Snapshot)
    jumps = 0
    while not any(
        isinstance(e, m.ClockChanged) for e in shell.events
    ):  # a first look has nothing to hold the clock against
        jumps += 1
        now.write_text(f"{jumps * jump_s:+.0f}")
        with suppress(AssertionError):
            shell.wait_for(m.ClockChanged, 3.0)
        assert jumps < 20
    notice = shell.wait_for(m.ClockChanged).notice
    assert notice is not None
    assert notice.title.endswith(f"this machine's was set {'ahead' if jump_s > 0 else 'back'}")

    def on_the_timeline() -> TimelineEvent | None:
        told = shell.host.ask(m.QueryTimeline(request=new_request(), kinds=(EventKind.ENGINE,)))
        assert isinstance(told, m.TimelineAnswer)
        return next((e for e in told.events if "was set" in e.title), None)

    event = until(on_the_timeline)
    assert event.at_s == pytest.approx(time.time() + jumps * jump_s, abs=60.0)
    assert event.detail.count("UTC") == 2


def faketime_library() -> str:
    """What the command puts before a program; set here for a process that another one starts."""
    told = subprocess.run(
        ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()

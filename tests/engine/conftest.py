"""A small workspace, and both ways to reach its engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlcontrol.engine.hosts import InlineHost, attach
from mlcontrol.testing.fleet import running_fleet, shared_servers
from tests.engine.shell import Shell, gone, until

__all__ = ["running_fleet", "shared_servers"]

WORKSPACE = """\
version = 1
name = "small"
environment = "test"
store = "sqlite:///panel.db"
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(WORKSPACE)
    return path


@pytest.fixture
def process_shell(workspace: Path) -> Iterator[Callable[[], Shell]]:
    """Attaches shells to the workspace's engine process; ends every engine that was seen."""
    shells: list[Shell] = []

    def open_shell() -> Shell:
        shells.append(Shell(lambda shell: attach(workspace, shell.events.append, shell.losses.append)))
        shells[-1].hello()
        return shells[-1]

    yield open_shell
    pids = {shell.hello().pid for shell in shells}
    for shell in shells:
        shell.host.close()
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGTERM)
    for pid in pids:
        until(lambda pid=pid: gone(pid))  # type: ignore[misc]


@pytest.fixture
def inline_shell(workspace: Path) -> Iterator[Callable[[], Shell]]:
    shells: list[Shell] = []

    def open_shell() -> Shell:
        shells.append(Shell(lambda shell: InlineHost(workspace, shell.events.append)))
        return shells[-1]

    yield open_shell
    for shell in shells:
        shell.host.close()


@pytest.fixture(params=[pytest.param("process_shell", marks=pytest.mark.real), "inline_shell"])
def open_shell(request: pytest.FixtureRequest) -> Callable[[], Shell]:
    """Both hosts keep one contract."""
    opener: Callable[[], Shell] = request.getfixturevalue(request.param)
    return opener

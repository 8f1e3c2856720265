"""How long an engine stays that no window is attached to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlcontrol.engine.serve import stay

LINGER_S = 0.3


@dataclass
class Engine:
    shells: int = 0
    busy: bool = False
    stop_asked: threading.Event = field(default_factory=threading.Event)


def ends(engine: Engine, workspace: Path, linger_s: float | None = LINGER_S) -> bool:
    """Whether it ends by itself within a few times what it may linger."""
    stop = threading.Event()
    staying = threading.Thread(target=stay, args=(engine, workspace, stop, linger_s))
    staying.start()
    staying.join(5 * LINGER_S)
    by_itself = not staying.is_alive()
    stop.set()
    staying.join()
    return by_itself


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "mlcontrol.toml"
    made.touch()
    return made


def test_nobody_needs_it(workspace: Path) -> None:
    assert ends(Engine(), workspace)


@pytest.mark.parametrize("engine", [Engine(shells=1), Engine(busy=True)])
def test_a_window_and_an_operation_hold_it(engine: Engine, workspace: Path) -> None:
    assert not ends(engine, workspace)


def test_one_that_does_not_linger_stays_until_it_is_told(workspace: Path) -> None:
    assert not ends(Engine(), workspace, None)


def test_an_operation_of_a_workspace_that_is_gone_holds_nothing(workspace: Path) -> None:
    workspace.unlink()
    assert ends(Engine(busy=True), workspace)

"""An engine that answers what a test tells it to; the commands cannot tell the difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.cli.main import main
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost
from mlcontrol.testing.fleet import running_fleet, shared_servers

__all__ = ["running_fleet", "shared_servers"]

Tell = Callable[[m.Event], None]


class ScriptedEngine:
    """``answers``: command class -> function of the command. ``asked``: the commands that came."""

    def __init__(self, workspace: Path) -> None:
        self.state = FleetState(WorkspaceSettings("test", str(workspace)))
        self.answers: dict[type[Any], Callable[[Any], Any]] = {m.RefreshNow: lambda c: m.Done(request=c.request)}
        self.asked: list[Any] = []
        self.tell: Tell = lambda _event: None
        self.lost: Callable[[Problem], None] = lambda _problem: None

    def attach(
        self, _workspace: Path, on_event: Tell, on_lost: Callable[[Problem], None], *, start: bool = True
    ) -> Any:
        self.tell, self.lost = on_event, on_lost
        on_event(m.Snapshot(state=self.state))
        return self

    def ask(self, command: Any, timeout_s: float = 30.0) -> Any:
        self.asked.append(command)
        answer = self.answers[type(command)](command)
        if isinstance(answer, Problem):
            raise ProblemError(answer)
        return answer

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text('version = 1\nname = "test"\n')
    return path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> ScriptedEngine:
    made = ScriptedEngine(workspace)
    monkeypatch.setattr("mlcontrol.cli.session.attach", made.attach)
    monkeypatch.chdir(workspace.parent)
    return made


class Ran:
    """What a command left: exit code, the words on both outputs, and the JSON lines of standard output."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def documents(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run_command(*words: str) -> Ran:
        code = main(words)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def engine_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real engine, in this process: what a command leaves behind is seen by the test's own guards."""
    monkeypatch.setattr(
        "mlcontrol.cli.session.attach", lambda found, on_event, _on_lost, *, start=True: InlineHost(found, on_event)
    )


def command(workspace: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """A command's exit code and what it said on standard output and standard error."""
    code = main([*words, "--workspace", str(workspace)])
    told = capsys.readouterr()
    return code, told.out, told.err

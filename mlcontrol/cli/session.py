"""A command's line to the engine: joins the one of the workspace, or starts it, and keeps a folded copy of its state."""

from __future__ import annotations

import getpass
import os
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m
from mlcontrol.engine.folding import folded
from mlcontrol.engine.hosts import Host, attach, new_request
from mlcontrol.engine.last_workspace import find
from mlcontrol.sandbox.layout import Layout

FIRST_STATE_S = 60.0  # a machine under load


def workspace_of(given: Path | None) -> Path:
    """The workspace a command works on; raises `ProblemError` with the way to one."""
    found = find(given)
    if found is None:
        sandbox = Layout.of().workspace
        found = sandbox if sandbox.is_file() else None
    if found is None or not found.is_file():
        raise ProblemError(
            Problem(
                "There is no workspace to work on." if found is None else f"There is no workspace file {found}.",
                "None was named, none is in this folder, none was open before." if found is None else "",
                "Name one with --workspace, or start with `mlcontrol demo`.",
                code="not-found",
            )
        )
    return found


class Session:
    """Attached while inside `with`. Events are folded as they come. *Thread:* the caller's; the host's reader folds."""

    def __init__(self, workspace: Path | None, *, start: bool = True) -> None:
        self.workspace = workspace_of(workspace)
        self.events: queue.SimpleQueue[m.Event | Problem] = queue.SimpleQueue()
        self.hello: m.Hello | None = None
        self._start = start
        self._state: FleetState | None = None
        self._lost: Problem | None = None
        self._told = threading.Event()
        self._host: Host | None = None

    def __enter__(self) -> Self:
        self._host = attach(self.workspace, self._on_event, self._on_lost, start=self._start)
        if not self._told.wait(FIRST_STATE_S):
            self._lost = Problem("The engine told no state.", "It is busy.", "Try again.", code="timeout")
        if self._lost is not None:
            self._host.close()
            raise ProblemError(self._lost)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host is not None:
            self._host.close()

    @property
    def state(self) -> FleetState:
        assert self._state is not None
        return self._state

    def ask(self, command: m.Command, timeout_s: float = 60.0) -> m.Event:
        """The answer; raises `ProblemError` on a refusal."""
        assert self._host is not None
        return self._host.ask(command, timeout_s)

    def refresh(self, service: str | None = None) -> None:
        """Have everything polled now, and wait until it has been folded in here too."""
        self.ask(m.RefreshNow(request=new_request(), service=service))
        # What was emitted before the answer is told before it, and folded on the same thread.

    def _on_event(self, event: m.Event) -> None:
        if isinstance(event, m.Hello):
            self.hello = event
        self._state, _ = folded(self._state, event)
        if self._state is not None:
            self._told.set()
        self.events.put(event)

    def _on_lost(self, problem: Problem) -> None:
        self._lost = problem
        self._told.set()
        self.events.put(problem)


def actor() -> str:
    """Who does it, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"

"""The only user of the engine: events in, one coalesced `changed` ten times a second; commands out."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.state import Changes, FleetState
from mlcontrol.core.types import Sample
from mlcontrol.gui import last_session

# Every message there is takes as long to load as Qt does: the thread that reaches the engine loads them, after the first paint.
if TYPE_CHECKING:
    from mlcontrol.engine import messages as m
    from mlcontrol.engine.folding import Run
    from mlcontrol.engine.hosts import Host

COALESCE_MS = 100
TURN_S = 0.008
"""CPU seconds for what a turn takes off the queue; the rest comes after what the person does meanwhile."""
KEEP_EVERY_S = 60.0
KEPT_WITHIN_S = 5.0
"""So long a window that closes waits for a disk; then the state of a minute ago stays."""
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)

NOTHING = Changes()
EVERYTHING = Changes(settings=True, audit=True, events=1)

Attach = Callable[..., "Host"]
Answer = Callable[[Any], None]


class Link(StrEnum):
    STARTING = "starting"
    CONNECTED = "connected"
    RESTARTING = "restarting"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class EngineState:
    """``problem``: why it is not connected, as far as known. ``restarts``: how often it had to be reached again."""

    link: Link = Link.STARTING
    problem: Problem | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class _Attached:
    host: Host
    generation: int


@dataclass(frozen=True, slots=True)
class _Ended:
    problem: Problem
    generation: int
    was_attached: bool


def reach_engine(workspace: Path, on_event: Callable[[m.Event], None], on_lost: Callable[[Problem], None]) -> Host:
    """`hosts.attach`, loaded where it is first needed. *Thread:* the one that reaches the engine."""
    from mlcontrol.engine.hosts import attach

    return attach(workspace, on_event, on_lost)


class Bridge(QObject):
    """*Signals:* ``changed(Changes)``: what the last batch changed. ``samples_arrived(tuple[Sample, ...])``.
    ``engine_state_changed(EngineState)``. *Thread:* the GUI's; the engine's threads only fill a queue.

    ``cached_s``: when ``state`` is of an earlier session, the UTC second it was kept; `None` once the engine has spoken.
    """

    changed = Signal(object)
    samples_arrived = Signal(object)
    engine_state_changed = Signal(object)
    _answered = Signal()

    def __init__(self, workspace: Path, attach_engine: Attach = reach_engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.state: FleetState | None = None
        self.cached_s: float | None = None
        self.hello: m.Hello | None = None
        self.engine = EngineState()
        self._attach = attach_engine
        self._host: Host | None = None
        self._generation = 0
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: dict[str, tuple[Answer, Answer | None]] = {}
        self._numbers = itertools.count(1)
        self._failures = 0
        self._kept_mono_s = time.monotonic()
        self._worker: threading.Thread | None = None
        self._keeper: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(COALESCE_MS)
        self._timer.timeout.connect(self._on_turn)
        self._answered.connect(self._on_turn, Qt.ConnectionType.QueuedConnection)
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.timeout.connect(self._reach)

    @property
    def connected(self) -> bool:
        return self.engine.link is Link.CONNECTED

    def start(self) -> None:
        """Show the last session's state, then reach the engine in the background."""
        kept = last_session.load(self.workspace)
        if kept is not None:
            self.state, self.cached_s = kept.state, kept.saved_s
            self.changed.emit(EVERYTHING)
        self._timer.start()
        self._retry.start(0)  # what is on the screen by now is painted first

    def stop(self) -> None:
        """Detach from the engine and keep the state for the next start. The engine goes on. Who still waits for an answer is not
        called any more: it may be gone by then."""
        self._timer.stop()
        self._retry.stop()
        self._generation += 1
        if self._worker is not None:
            self._worker.join(25)
        while not self._inbox.empty():  # an engine reached in the last moment
            late = self._inbox.get()
            if isinstance(late, _Attached):
                late.host.close()
        if self._host is not None:
            self._host.close()
            self._host = None
        self._waiting.clear()
        if self._keeper is not None:
            self._keeper.join(KEPT_WITHIN_S)
        if self.state is not None and self.cached_s is None and not self._keeping():
            last_session.save(self.workspace, self.state, time.time())

    def reconnect(self) -> None:
        """Try again now."""
        if self._host is None and (self._worker is None or not self._worker.is_alive()):
            self._retry.stop()
            self._reach()

    def request_id(self) -> str:
        return f"w{os.getpid()}-{next(self._numbers)}"

    def ask(self, command: m.Command, answer: Answer, progress: Answer | None = None) -> None:
        """Send; ``answer`` is called once, unless it is stopped before, with the answering event or with `messages.Refused`, also
        when the engine is lost before it answers. ``progress`` is called with each `messages.Progress`."""
        if self._host is not None:
            self._waiting[command.request] = (answer, progress)
            try:
                self._host.send(command)
            except ProblemError as error:
                self._waiting.pop(command.request, None)
                self._refuse(command.request, answer, error.problem)
            return
        self._refuse(command.request, answer, self.engine.problem or _NOT_YET)

    def _refuse(self, request: str, answer: Answer, problem: Problem) -> None:
        from mlcontrol.engine import messages as m

        # Never from inside `ask`: callers may set their own state after asking.
        QTimer.singleShot(0, self, lambda: answer(m.Refused(request=request, problem=problem)))

    def _reach(self) -> None:
        self._generation += 1
        generation = self._generation
        inbox = self._inbox

        def take(event: m.Event) -> None:
            inbox.put(event)
            # Whoever asked waits for the answer and not for the next turn: a person feels a tenth of a second.
            if getattr(event, "request", None) is not None:
                self._answered.emit()

        def reach() -> None:
            try:
                host = self._attach(
                    self.workspace, take, lambda problem: inbox.put(_Ended(problem, generation, was_attached=True))
                )
            except ProblemError as error:
                inbox.put(_Ended(error.problem, generation, was_attached=False))
            except OSError as error:
                inbox.put(
                    _Ended(Problem("The engine could not be reached.", str(error)), generation, was_attached=False)
                )
            else:
                inbox.put(_Attached(host, generation))

        self._worker = threading.Thread(target=reach, name="engine-attach", daemon=True)
        self._worker.start()

    def _on_turn(self) -> None:
        changes = NOTHING
        samples: list[Sample] = []
        answers: list[m.Event] = []
        run: list[Run] = []
        until_s = time.thread_time() + TURN_S
        while True:
            if time.thread_time() > until_s:
                self._answered.emit()
                break
            try:
                event = self._inbox.get_nowait()
            except queue.Empty:
                break
            if isinstance(event, _Attached):
                self._on_attached(event)
            elif isinstance(event, _Ended):
                self._on_ended(event)
            elif getattr(event, "request", None) is not None:
                answers.append(event)
            elif (changed := self._fold(event, samples, run)) is not NOTHING:
                changes |= changed
        changes |= self._fold_run(run)
        if changes != NOTHING:
            self.changed.emit(changes)
        if samples:
            self.samples_arrived.emit(tuple(samples))
        for answer in answers:
            self._deliver(answer)
        due = time.monotonic() - self._kept_mono_s > KEEP_EVERY_S
        if due and self.state is not None and self.cached_s is None and not self._keeping():
            self._kept_mono_s = time.monotonic()
            # A state is never changed, only replaced: another thread may write it down while this one goes on.
            self._keeper = threading.Thread(
                target=last_session.save, args=(self.workspace, self.state, time.time()), name="keep-state", daemon=True
            )
            self._keeper.start()

    def _keeping(self) -> bool:
        """Whether the state is being written down: two at once would write into each other."""
        return self._keeper is not None and self._keeper.is_alive()

    def _deliver(self, event: Any) -> None:
        from mlcontrol.engine import messages as m

        if isinstance(event, m.Progress):
            waiting = self._waiting.get(event.request)
            if waiting is not None and waiting[1] is not None:
                waiting[1](event)
            return
        waiting = self._waiting.pop(event.request, None)
        if waiting is not None:
            waiting[0](event)

    def _fold_run(self, run: list[Run]) -> Changes:
        if self.state is None or not run:
            run.clear()
            return NOTHING
        # Not before there is something to fold: to ask for it is to wait until the thread that reaches the engine has loaded all.
        from mlcontrol.engine.folding import folded_run

        self.state, changes = folded_run(self.state, run)
        run.clear()
        return changes

    def _fold(self, event: Any, samples: list[Sample], run: list[Run]) -> Changes:
        """What an event that nobody asked for changes. Metrics go into ``samples``; changes of services and connections wait in
        ``run`` until something else comes."""
        from mlcontrol.engine import messages as m

        if isinstance(event, m.SamplesArrived):
            samples.extend(event.samples)
            return NOTHING
        if isinstance(event, m.ServiceChanged | m.ConnectionChanged):
            run.append(event)
            return NOTHING
        return self._fold_run(run) | self._fold_one(event)

    def _fold_one(self, event: Any) -> Changes:
        from mlcontrol.engine import messages as m
        from mlcontrol.engine.folding import folded

        if isinstance(event, m.Hello):
            self.hello = event
            return Changes(settings=True)
        if isinstance(event, m.Snapshot):
            self.state, self.cached_s = event.state, None
            state = event.state
            return EVERYTHING | Changes(
                frozenset(state.services), frozenset(state.connections), frozenset(state.operations)
            )
        if self.state is None:
            return Changes()
        self.state, changes = folded(self.state, event)
        return changes

    def _on_attached(self, event: _Attached) -> None:
        if event.generation != self._generation:
            event.host.close()
            return
        self._host = event.host
        self._failures = 0
        self._say(EngineState(Link.CONNECTED, None, self.engine.restarts))

    def _on_ended(self, event: _Ended) -> None:
        from mlcontrol.engine import messages as m

        if event.generation != self._generation:
            return
        if self._host is not None:
            self._host.close()
            self._host = None
        waiting, self._waiting = self._waiting, {}
        for request, (answer, _progress) in waiting.items():
            answer(m.Refused(request=request, problem=event.problem))
        link = Link.RESTARTING if event.was_attached else Link.LOST
        self._say(EngineState(link, event.problem, self.engine.restarts + (1 if event.was_attached else 0)))
        self._retry.start(round(1000 * RETRY_S[min(self._failures, len(RETRY_S) - 1)]))
        self._failures += 1

    def _say(self, engine: EngineState) -> None:
        self.engine = engine
        self.engine_state_changed.emit(engine)


_NOT_YET = Problem(
    "The engine does not answer yet.", "It is being started.", "Try again in a few seconds.", "no-engine"
)

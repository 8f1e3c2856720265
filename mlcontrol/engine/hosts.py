"""How a shell (window, command line, test) reaches the engine: in a process of its own, or inside this one."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Protocol

import msgspec

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine.lock import LOCKED
from mlcontrol.engine.messages import (
    PROTOCOL,
    Command,
    Event,
    Hello,
    Progress,
    Refused,
    decode_event,
    encode,
)
from mlcontrol.engine.place import EnginePlace, engine_place

START_TIMEOUT_S = 60.0  # a machine under load, or the first start that compiles everything
RACE_S = 2.0
CHALLENGE_TIMEOUT_S = 10.0
MAX_FRAME = 64 * 1024 * 1024

OnEvent = Callable[[Event], None]
OnLost = Callable[[Problem], None]


class Host(Protocol):
    """*Thread:* any. ``on_event`` and ``on_lost`` are called on the host's reader thread; they must return quickly."""

    def send(self, command: Command) -> None:
        """Hand a command over; never waits for the engine. Raises `ProblemError` when it is gone."""
        ...

    def ask(self, command: Command, timeout_s: float = 30.0) -> Event:
        """Send and wait for the event with the same ``request``. Raises `ProblemError` on `Refused`, on the engine's end, and
        with code "timeout" when no answer came (the command may still be carried out)."""
        ...

    def close(self) -> None:
        """Detach; never stops a running engine process."""
        ...


class Answers:
    """Waiting askers by request id. *Thread:* any."""

    def __init__(self) -> None:
        self._waiting: dict[str, queue.SimpleQueue[Event | Problem]] = {}
        self._lock = threading.Lock()
        self._over: Problem | None = None

    def expect(self, request: str) -> queue.SimpleQueue[Event | Problem]:
        box: queue.SimpleQueue[Event | Problem] = queue.SimpleQueue()
        with self._lock:
            if self._over is not None:
                raise ProblemError(self._over)
            self._waiting[request] = box
        return box

    def wait(self, request: str, box: queue.SimpleQueue[Event | Problem], timeout_s: float) -> Event:
        try:
            answer = box.get(timeout=timeout_s)
        except queue.Empty:
            raise ProblemError(
                Problem(
                    what=f"The engine did not answer within {timeout_s:g} s.",
                    why="It is busy, or what it asks is slow.",
                    next="Look at the state again: what was asked may still be carried out.",
                    code="timeout",
                )
            ) from None
        finally:
            with self._lock:
                self._waiting.pop(request, None)
        if isinstance(answer, Problem):
            raise ProblemError(answer)
        if isinstance(answer, Refused):
            raise ProblemError(answer.problem)
        return answer

    def offer(self, event: Event) -> None:
        request = getattr(event, "request", None)
        if request is None or isinstance(event, Progress):
            return
        with self._lock:
            box = self._waiting.get(request)
        if box is not None:
            box.put(event)

    def end(self, problem: Problem) -> None:
        with self._lock:
            self._over = problem
            boxes = list(self._waiting.values())
        for box in boxes:
            box.put(problem)


_numbers = itertools.count(1)


def new_request() -> str:
    """A request id that no other shell uses."""
    return f"{os.getpid()}-{next(_numbers)}-{os.urandom(3).hex()}"


class ProcessHost:
    """Attached to an engine process over its socket. Made by `attach`."""

    def __init__(self, connection: Connection, on_event: OnEvent | None, on_lost: OnLost | None) -> None:
        self._connection = connection
        self._on_event = on_event
        self._on_lost = on_lost
        self._answers = Answers()
        self._closed = threading.Event()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._hello: Hello | None = None
        self._reader = threading.Thread(target=self._read, name="engine-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="engine-writer", daemon=True)
        self._reader.start()
        self._writer.start()

    def send(self, command: Command) -> None:
        if self._closed.is_set():
            raise ProblemError(_LOST)
        self._outgoing.put(encode(command))

    def ask(self, command: Command, timeout_s: float = 30.0) -> Event:
        box = self._answers.expect(command.request)
        self.send(command)
        return self._answers.wait(command.request, box, timeout_s)

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._answers.end(_LOST)
            self._outgoing.put(None)
            self._writer.join(2)
            _shut(self._connection)
        if threading.current_thread() is not self._reader:
            self._reader.join(2)

    def _write(self) -> None:
        while (frame := self._outgoing.get()) is not None:
            try:
                self._connection.send_bytes(frame)
            except (OSError, ValueError):
                return  # the reader sees the end of the connection and tells

    def _read(self) -> None:
        problem = _LOST
        while True:
            try:
                event = decode_event(self._connection.recv_bytes(MAX_FRAME))
            except (EOFError, OSError, ValueError, TypeError) as error:
                # TypeError: the connection was closed by `close` in the middle of a read.
                if isinstance(error, msgspec.DecodeError):
                    problem = Problem(
                        what="The engine speaks another language.",
                        why=str(error)[:200],
                        next="Close all windows of mlcontrol and start it again.",
                        code="protocol",
                    )
                break
            if isinstance(event, Hello) and event.protocol != PROTOCOL:
                problem = _protocol_problem(event)
                break
            self._answers.offer(event)
            if self._on_event is not None:
                self._on_event(event)
        was_closed = self._closed.is_set()
        self._closed.set()
        self._outgoing.put(None)
        self._answers.end(problem)
        self._connection.close()
        if not was_closed and self._on_lost is not None:
            self._on_lost(problem)


class InlineHost:
    """Runs the workspace's engine in this process. Raises `ProblemError` (code "engine-running") when one runs elsewhere."""

    def __init__(self, workspace: Path, on_event: OnEvent | None = None) -> None:
        # The window attaches to an engine process and must not load what only an engine needs.
        from mlcontrol.engine.inline import InlineEngine

        self._answers = Answers()
        self._on_event = on_event
        self._closed = False
        self._engine = InlineEngine(workspace, self._deliver)

    def _deliver(self, frame: bytes) -> None:
        event = decode_event(frame)
        self._answers.offer(event)
        if self._on_event is not None:
            self._on_event(event)

    def send(self, command: Command) -> None:
        if self._closed:
            raise ProblemError(_LOST)
        self._engine.submit(encode(command))

    def ask(self, command: Command, timeout_s: float = 30.0) -> Event:
        box = self._answers.expect(command.request)
        self.send(command)
        return self._answers.wait(command.request, box, timeout_s)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._answers.end(_LOST)
            self._engine.close()


def attach(workspace: Path, on_event: OnEvent | None, on_lost: OnLost | None, *, start: bool = True) -> Host:
    """Join the workspace's engine process; start one that outlives this process when there is none.

    The first events are `Hello` and `Snapshot`. ``on_lost`` is called once, when the engine has ended or its connection broke;
    not after `close`. Raises `ProblemError`: "no-engine" (``start=False``), "engine-failed" (it ended at once: the problem says
    what it said), "timeout".
    """
    place = engine_place(workspace)
    connection = _connect(place)
    if connection is None:
        if not start:
            raise ProblemError(
                Problem(
                    what="No engine runs for this workspace.",
                    why=f"Nothing answers for {place.workspace}.",
                    next="Start the panel, or run `mlcontrol engine`.",
                    code="no-engine",
                )
            )
        connection = _start(place)
    return ProcessHost(connection, on_event, on_lost)


def _connect(place: EnginePlace) -> Connection | None:
    """Raises `ProblemError` (code "timeout") when an engine takes the call and then says nothing."""
    try:
        key = place.key.read_bytes()
        connection = Client(place.address, family=place.family)
    except OSError:
        return None
    try:
        # `Client` would wait for the challenge for ever if it were given the key.
        if connection.poll(CHALLENGE_TIMEOUT_S):
            answer_challenge(connection, key)
            deliver_challenge(connection, key)
            return connection
    except (OSError, EOFError, AuthenticationError):
        connection.close()
        return None
    connection.close()
    raise ProblemError(
        Problem(
            what="The engine does not answer.",
            why=f"It takes the call and then says nothing for {CHALLENGE_TIMEOUT_S:g} s: it is stopped, or hangs.",
            next=f"Wait, or end its process ({_holder(place)}); what was in progress is settled at the next start.",
            code="timeout",
        )
    )


def _holder(place: EnginePlace) -> str:
    """The id of the process that holds the workspace, as its lock file says."""
    try:
        return place.lock.read_text(encoding="ascii").strip() or "its id is not known"
    except (OSError, ValueError):
        return "its id is not known"


def _start(place: EnginePlace) -> Connection:
    if not place.workspace.is_file():
        raise ProblemError(
            Problem(
                what=f"There is no workspace file {place.workspace}.",
                next="Give the path of an mlcontrol.toml, or start the sandbox.",
                code="not-found",
            )
        )
    child, started = _spawn(place), time.monotonic()
    until = started + START_TIMEOUT_S
    while time.monotonic() < until:
        ended = child.returncode is not None  # before the call, so that an engine that answered and went is no failure
        connection = _connect(place)
        if connection is not None:
            if _holder(place) != str(child.pid):
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()  # it has lost the race, or is about to
            return connection
        if ended:
            if child.returncode != LOCKED:
                raise ProblemError(_failed(place, child.returncode))
            # Another shell won the race and its engine is not ready yet, or the one before is just going: look on, and
            # try again now and then.
            if time.monotonic() - started > RACE_S:
                child, started = _spawn(place), time.monotonic()
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    raise ProblemError(
        Problem(
            what=f"The engine did not answer within {START_TIMEOUT_S:g} s of its start.",
            why="The machine is very busy, or the engine hangs.",
            next=f"See {place.log}.",
            code="timeout",
        )
    )


def _spawn(place: EnginePlace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlcontrol.engine", "--workspace", str(place.workspace), "--linger"]
    fd = os.open(place.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=fd, stderr=fd, start_new_session=True, cwd=Path.home().anchor
        )
    finally:
        os.close(fd)
    # The engine outlives this process; while this one lives, somebody must collect the child's exit.
    threading.Thread(target=child.wait, name="engine-collect", daemon=True).start()
    return child


def _failed(place: EnginePlace, returncode: int) -> Problem:
    with contextlib.suppress(OSError):
        said = place.output.read_text(errors="replace").strip().splitlines()
        if said:
            return Problem("The engine ended at once.", said[-1][:300], f"See {place.output}.", "engine-failed")
    return Problem("The engine ended at once.", f"Exit code {returncode}.", f"See {place.log}.", "engine-failed")


def _shut(connection: Connection) -> None:
    """Wake a thread that reads from the connection; closing the descriptor alone would not."""
    if sys.platform == "win32":
        connection.close()
        return
    import socket

    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)


def _protocol_problem(hello: Hello) -> Problem:
    return Problem(
        what=f"The running engine is of another version ({hello.version}).",
        why=f"It speaks protocol {hello.protocol}, this program {PROTOCOL}.",
        next="Close all windows of mlcontrol, wait a minute, and start it again.",
        code="protocol",
    )


_LOST = Problem(
    what="The engine has ended.",
    why="Its process stopped or was killed; nothing it had made durable is lost.",
    next="It is started again by the panel; from the command line, repeat the command.",
    code="engine-lost",
)

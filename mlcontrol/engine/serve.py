"""The engine as a process: lock, log, wiring, front door, and an end when nobody needs it."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from mlcontrol.core.problem import ProblemError
from mlcontrol.engine.journal import catch_strays, open_log
from mlcontrol.engine.lock import LOCKED, EngineLock
from mlcontrol.engine.place import engine_place
from mlcontrol.engine.reception import Reception
from mlcontrol.engine.wiring import Built, build

if TYPE_CHECKING:
    from mlcontrol.engine.exposition_server import MetricsServer

LINGER_S = 60.0
LOOK_EVERY_S = 0.25

log = structlog.get_logger("serve")


def serve(
    workspace: Path, *, linger: bool, linger_s: float = LINGER_S, log_level: int = logging.INFO, metrics: str = ""
) -> int:
    """Run until told to stop (SIGTERM, SIGINT, `StopEngine`). ``linger``: also end when no shell has been attached and no
    operation has run for ``linger_s``. ``metrics``: HOST:PORT where the engine shows its own metrics; empty: nowhere. Returns
    the exit code; 3 with words on standard error when it cannot run, `LOCKED` when it was started to linger (by a shell) and
    another engine is at work."""
    try:
        place = engine_place(workspace)
        lock = EngineLock(place)
    except ProblemError as error:
        print(error.problem, file=sys.stderr)  # noqa: T201 - the starter reads it
        return LOCKED if linger and error.problem.code == "engine-running" else 3
    try:
        open_log(place.log, log_level)
        # A core file would hold secrets.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        built = build(place.workspace)
    except ProblemError as error:
        log.error("cannot start", what=error.problem.what, why=error.problem.why)
        print(error.problem, file=sys.stderr)  # noqa: T201 - the starter reads it
        lock.release()
        return 3
    try:
        exposed = _expose(built, metrics) if metrics else None
    except ProblemError as error:
        log.error("cannot start", what=error.problem.what, why=error.problem.why)
        print(error.problem, file=sys.stderr)  # noqa: T201 - the starter reads it
        built.close()
        lock.release()
        return 3
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    catch_strays(built.engine.report)
    built.engine.start()
    reception = Reception(place, built.engine)
    log.info("engine runs", workspace=str(place.workspace), linger=linger)
    # Each is ended even where the one before could not be: an engine that stays half alive would keep the lock.
    with contextlib.ExitStack() as ending:
        ending.callback(log.info, "engine ended")
        ending.callback(lock.release)
        ending.callback(built.close)
        ending.callback(reception.close)
        if exposed is not None:
            ending.callback(exposed.close)
        stay(built.engine, place.workspace, stop, linger_s if linger else None)
    return 0


def _expose(built: Built, address: str) -> MetricsServer:
    """Raises `ProblemError` when the address is malformed or taken."""
    # Only who asks for metrics pays for the library's import.
    from mlcontrol.engine.exposition import Sources
    from mlcontrol.engine.exposition_server import MetricsServer, metrics_address

    context, engine, collector = built.context, built.engine, built.context.collector
    assert collector is not None
    sources = Sources(
        context.state,
        context.completions.all,
        collector.polls.all,
        lambda: engine.shells,
        context.clock.mono_s,
        context.clock.utc_s,
    )
    where = metrics_address(address)
    server = MetricsServer(where, sources)
    open_to = "" if where.loopback else " Whoever reaches this machine can read them: there is no sign-in."
    print(f"Metrics at {server.url}.{open_to}", file=sys.stderr, flush=True)  # noqa: T201 - the starter reads it
    log.info("metrics are shown", url=server.url, loopback=where.loopback)
    return server


class Needed(Protocol):
    """What `stay` asks of an engine."""

    @property
    def shells(self) -> int: ...

    @property
    def busy(self) -> bool: ...

    @property
    def stop_asked(self) -> threading.Event: ...


def stay(engine: Needed, workspace: Path, stop: threading.Event, linger_s: float | None) -> None:
    """Returns when the engine should end. An operation holds it, unless its workspace file is gone: nothing can be settled
    against connections that nobody can name any more, and the journal keeps where it stood."""
    needed_at = time.monotonic()
    while not stop.wait(LOOK_EVERY_S):
        if engine.stop_asked.is_set():
            time.sleep(0.1)  # lets the answer leave before the line is cut
            return
        if linger_s is None:
            continue
        now = time.monotonic()
        if engine.shells or (engine.busy and workspace.exists()):
            needed_at = now
        elif now - needed_at > linger_s:
            log.info("nobody needs this engine any more", workspace_exists=workspace.exists())
            return

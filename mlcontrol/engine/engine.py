"""Runs the services: commands on a few bounded lanes, batches every 100 ms, an orderly end. Nothing it does can end it silently."""

from __future__ import annotations

import getpass
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from mlcontrol import __version__
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.engine.desk import Desk
from mlcontrol.engine.desks.table import Lane, Services
from mlcontrol.engine.hub import BATCH_S, Hub
from mlcontrol.engine.outbox import Outbox
from mlcontrol.ports.errors import problem_of

log = structlog.get_logger("engine")

WIDTH = {Lane.QUICK: 3, Lane.SLOW: 4, Lane.ACT: 6}
WAITING = 64
KEEP_EVERY_S = 1.0
TELL_AGAIN_S = 600.0
TRIM_EVERY_S = 3600.0
HISTORY_S = 14 * 86400.0  # every sample; their extremes of five minutes much longer
ROLLED_S = 400 * 86400.0


class Engine:
    """*Thread:* `submit`, `join`, `leave` any; `start` and `close` once."""

    def __init__(self, hub: Hub, services: Services) -> None:
        self._hub = hub
        self._services = services
        self._desk = Desk(services)
        self._pools = {
            lane: ThreadPoolExecutor(width, thread_name_prefix=f"lane-{lane.value}") for lane, width in WIDTH.items()
        }
        self._rooms = {lane: threading.BoundedSemaphore(WAITING) for lane in Lane}
        self._started_s = services.ctx.clock.utc_s()
        self._ending = threading.Event()
        self._told: dict[str, float] = {}
        self._told_lock = threading.Lock()
        self._stop_asked = threading.Event()
        self._batches = threading.Thread(target=self._send_batches, name="engine-batches", daemon=True)

    def start(self) -> None:
        self._batches.start()
        self._services.collector.start()
        self._services.rollouts.settle()
        self._services.audit.announce()
        self._services.watch.start()
        self._services.telling.start()
        self._services.alerts.start()

    @property
    def stop_asked(self) -> threading.Event:
        """Set when a shell has asked the engine to end."""
        return self._stop_asked

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return any(not op.phase.ended for op in self._hub.state().operations.values())

    @property
    def shells(self) -> int:
        return self._hub.shells

    def join(self, outbox: Outbox) -> None:
        clock = self._services.ctx.clock
        hello = m.Hello(
            protocol=m.PROTOCOL,
            pid=os.getpid(),
            version=__version__,
            started_s=self._started_s,
            utc_s=clock.utc_s(),
            mono_s=clock.mono_s(),
            user=_user(),
            view_only=self._services.ctx.view_only,
        )
        self._hub.join(outbox, hello)

    def leave(self, outbox: Outbox) -> None:
        self._hub.leave(outbox)

    def catch_up(self, outbox: Outbox) -> None:
        self._hub.catch_up(outbox)

    def submit(self, command: m.Command, outbox: Outbox) -> None:
        """Carry a command out on its lane; the answer goes to the outbox. Never waits."""
        if isinstance(command, m.StopEngine):
            self._stop(command, outbox)
            return
        lane = self._desk.lane(type(command))
        if self._ending.is_set() or not self._rooms[lane].acquire(blocking=False):
            why = "It is ending." if self._ending.is_set() else f"{WAITING} commands are waiting already."
            problem = Problem("The engine takes no more commands now.", why, "Try again in a moment.", "busy")
            self._answer(outbox, m.Refused(request=command.request, problem=problem))
            return
        try:
            self._pools[lane].submit(self._carry_out, command, outbox, lane)
        except RuntimeError:  # the pool was shut down in between
            self._rooms[lane].release()

    def _carry_out(self, command: m.Command, outbox: Outbox, lane: Lane) -> None:
        def tell(text: str, fraction: float | None = None) -> None:
            self._answer(outbox, m.Progress(request=command.request, text=text, fraction=fraction))

        answer: m.Event
        try:
            answer = self._desk.carry_out(command, tell)
        except ProblemError as refusal:
            log.info("refused", command=type(command).__name__, code=refusal.problem.code, what=refusal.problem.what)
            answer = m.Refused(request=command.request, problem=refusal.problem)
        except Exception as error:  # noqa: BLE001 - the boundary: whatever went wrong is logged, told and shown
            answer = m.Refused(request=command.request, problem=self.report(error, type(command).__name__))
        finally:
            self._rooms[lane].release()
        self._answer(outbox, answer)

    def _answer(self, outbox: Outbox, event: m.Event) -> None:
        self._hub.answer(outbox, event)

    def _stop(self, command: m.StopEngine, outbox: Outbox) -> None:
        if self.busy and not command.force:
            problem = Problem(
                "The engine goes on.",
                "An operation runs.",
                "Wait for its end, or force the stop: the operation is then settled at the next start.",
                "conflict",
            )
            self._answer(outbox, m.Refused(request=command.request, problem=problem))
            return
        self._answer(outbox, m.Done(request=command.request, text="ending"))
        self._stop_asked.set()

    def report(self, error: BaseException, where: str) -> Problem:
        """An unforeseen error: logged with its trace, put on the timeline, returned as a problem. Never raises."""
        problem = problem_of(error)
        problem = replace(problem, next=problem.next or "The details are in the engine's log.")
        log.error("unforeseen", where=where, exc_info=error)
        clock = self._services.ctx.clock
        if not self._is_new(f"{where} {problem.what}", clock.mono_s()):
            return problem
        event = TimelineEvent(
            id=f"engine-{os.urandom(6).hex()}",
            at_s=clock.utc_s(),
            kind=EventKind.ENGINE,
            title=f"Something went wrong in {where}",
            detail=str(problem)[:500],
            source="engine",
            severity=Health.WARNING,
        )
        self._hub.emit(event)
        return problem

    def _is_new(self, what: str, now_mono_s: float) -> bool:
        """The same trouble is put on the timeline once in ten minutes; the log has every one."""
        with self._told_lock:
            last = self._told.get(what)
            self._told[what] = now_mono_s
            if len(self._told) > 200:
                del self._told[next(iter(self._told))]
            return last is None or now_mono_s - last > TELL_AGAIN_S

    def _send_batches(self) -> None:
        kept_at = time.monotonic()
        trimmed_at = kept_at - TRIM_EVERY_S
        while not self._ending.wait(BATCH_S):
            try:
                self._hub.flush()
                if time.monotonic() - kept_at >= KEEP_EVERY_S:
                    kept_at = time.monotonic()
                    self._hub.persist()
                if time.monotonic() - trimmed_at >= TRIM_EVERY_S:
                    trimmed_at = time.monotonic()
                    ctx = self._services.ctx
                    now_s = ctx.clock.utc_s()
                    ctx.store.history.trim(now_s - HISTORY_S, now_s - ROLLED_S)
            except Exception as error:  # noqa: BLE001 - batches must go on
                self.report(error, "keeping history")

    def close(self, timeout_s: float = 10.0) -> None:
        """End in order: no new commands, operations at a safe point, pollers, batches, store."""
        if self._ending.is_set():
            return
        self._services.watch.close()
        self._services.alerts.close()
        self._services.telling.close()
        self._services.rollouts.close(timeout_s)
        self._services.collector.close()
        self._ending.set()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
        if self._batches.ident is not None:
            self._batches.join(timeout_s)
        self._hub.flush()
        try:
            self._hub.persist()
        except Exception as error:
            log.error("history not kept at the end", exc_info=error)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

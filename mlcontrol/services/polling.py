"""The scheduler of the pollers: a fixed number of threads, each job alone with itself, the failing never in the way of the rest."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mlcontrol.core.problem import ProblemError
from mlcontrol.ports.errors import Denied, NeedsCredentials, Unreachable

WORKERS = 8
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 60.0
FIRST_SPREAD_S = 0.5
HELD_MOST_S = 300.0
"""A server is not left alone for longer, whatever it asks for: by then it may have been mended."""


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` does one poll under its own deadline and raises what went wrong. ``connection``: whom it asks. ``key``: what it was
    made from; a job with the same id and key keeps its schedule when the jobs are replaced. ``again_s``: when the second run
    follows the first, if sooner than at its turn (a rate needs two readings). ``retry_s``: the same after a failure."""

    id: str
    every_s: float
    run: Callable[[], None]
    connection: str = ""
    key: object = None
    again_s: float | None = None
    retry_s: float | None = None


def held_s(error: BaseException, chance: random.Random) -> float:
    """For how long the server asks us to leave it alone; a little longer, so that not all come back at once. 0: it does not ask."""
    asked_s: float | None = getattr(error, "wait_s", None)
    return 0.0 if asked_s is None else min(asked_s, HELD_MOST_S) * chance.uniform(1.0, 1.1)


@dataclass(slots=True)
class _Slot:
    job: Job
    due: float
    failures: int = 0
    running: bool = False
    hurried: bool = False
    runs: int = 0
    gone: bool = False


@dataclass(slots=True)
class Poller:
    """*Thread:* any. ``report``: told of every error that is no `ProblemError`; a poller never dies of one. A connection whose
    server asks for a pause is asked by no job before its end."""

    report: Callable[[BaseException, str], object]
    workers: int = WORKERS
    random: random.Random = field(default_factory=random.Random)
    _slots: dict[str, _Slot] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ending: bool = False
    _held: dict[str, float] = field(default_factory=dict)  # by connection: until when, monotonic s

    def start(self) -> None:
        for number in range(self.workers):
            thread = threading.Thread(target=self._work, name=f"poll-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def replace_jobs(self, jobs: Iterable[Job]) -> None:
        """Have exactly these jobs; new ones start within half a second, spread."""
        with self._changed:
            wanted = {job.id: job for job in jobs}
            for name, slot in list(self._slots.items()):
                if name not in wanted or wanted[name].key != slot.job.key:
                    slot.gone = True
                    del self._slots[name]
            for name, job in wanted.items():
                if name not in self._slots:
                    due = time.monotonic() + self.random.uniform(0, FIRST_SPREAD_S)
                    self._slots[name] = _Slot(job, due)
                else:
                    self._slots[name].job = job
            self._changed.notify_all()

    def hurry(self, job_id: str) -> None:
        """Let a job run at the next free moment instead of at its turn; one that runs just now runs again after that."""
        with self._changed:
            slot = self._slots.get(job_id)
            if slot is not None:
                slot.due = self._soonest(slot)
                slot.hurried = slot.running
                self._changed.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the threads; one that hangs in a poll is left to its deadline."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (slot := self._take()) is not None:
            started = time.monotonic()
            pause = self._run(slot) * self.random.uniform(0.9, 1.1)
            with self._changed:
                slot.running = False
                # From now, not from when it was due: after a suspended night there is one poll each, no backlog.
                slot.due = self._soonest(slot) if slot.hurried else max(started + pause, self._soonest(slot))
                slot.hurried = False
                self._changed.notify()

    def _soonest(self, slot: _Slot) -> float:
        return max(time.monotonic(), self._held.get(slot.job.connection, 0.0))

    def _hold(self, connection: str, pause_s: float) -> None:
        with self._changed:
            until = self._held[connection] = time.monotonic() + pause_s
            for slot in self._slots.values():
                if slot.job.connection == connection:
                    slot.due = max(slot.due, until)

    def _run(self, slot: _Slot) -> float:
        """Seconds from this start to the next."""
        job = slot.job
        try:
            job.run()
        except (Unreachable, Denied, NeedsCredentials):
            # Nobody is there, or we are not let in: ask ever more rarely.
            slot.failures += 1
            return min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** (slot.failures - 1))
        except ProblemError as error:
            # Foreseen, and in the facts with its words: a slow or failing server is asked again at its turn.
            slot.failures += 1
            pause_s = held_s(error, self.random)
            if pause_s and job.connection:
                self._hold(job.connection, pause_s)
            return job.every_s if job.retry_s is None else min(job.retry_s, job.every_s)
        except Exception as error:  # noqa: BLE001 - the boundary of the poller: told, never silent
            slot.failures += 1
            self.report(error, f"polling {job.id}")
            return job.every_s
        slot.failures = 0
        slot.runs += 1
        return job.again_s if slot.runs == 1 and job.again_s is not None else job.every_s

    def _take(self) -> _Slot | None:
        with self._changed:
            while not self._ending:
                now = time.monotonic()
                failing = sum(1 for s in self._slots.values() if s.running and s.failures)
                # Jobs that failed last time may hang again; they never hold more than half of the threads.
                room = failing < max(1, self.workers // 2)
                free = [s for s in self._slots.values() if not s.running and (room or not s.failures)]
                nearest = min(free, key=lambda s: s.due, default=None)
                if nearest is not None and nearest.due <= now:
                    nearest.running = True
                    return nearest
                self._changed.wait(None if nearest is None else nearest.due - now)
            return None

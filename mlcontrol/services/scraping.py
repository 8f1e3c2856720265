"""The schedule of the fleet's scrapes: staggered, at a steady beat, the failing ever more rarely, none twice at once."""

from __future__ import annotations

import heapq
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import Stamp
from mlcontrol.ports.errors import AdapterError, Denied, NeedsCredentials, Unreachable
from mlcontrol.ports.metrics import BulkScraper, MetricsSource, ReadAnswer
from mlcontrol.services.asking import Asking
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.loads import Loads
from mlcontrol.services.polling import BACKOFF_FIRST_S, BACKOFF_LAST_S, held_s
from mlcontrol.services.scraped import take_readings

DEADLINE_S = 4.0
AT_ONCE_A_S = 400.0  # first scrapes are spread so that no more than this many start in a second


@dataclass(frozen=True, slots=True)
class Target:
    """One connection to scrape. ``meters``: the services that read it, at the moment of an answer. ``key``: what it was made
    from; a target with the same id and key keeps its place in the schedule."""

    connection: str
    every_s: float
    source: MetricsSource
    meters: Callable[[], Iterable[Meter]]
    key: object
    again_s: float  # from the first scrape to the second: a rate needs two


@dataclass(slots=True)
class _Slot:
    target: Target
    due: float
    failures: int = 0
    runs: int = 0
    gone: bool = False


class FleetScraper:
    """*Thread:* any. One thread keeps the schedule and folds the answers in; ``bulk`` has its own for the network."""

    def __init__(
        self, asking: Asking, bulk: BulkScraper, loads: Loads, report: Callable[[BaseException, str], object]
    ) -> None:
        self._asking = asking
        self._loads = loads
        self._bulk = bulk
        self._report = report
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}
        self._due: list[tuple[float, int, _Slot]] = []
        self._count = 0
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ending = False
        self._random = random.Random()  # noqa: S311 - not a secret
        self._thread = threading.Thread(target=self._run, name="fleet-scraper", daemon=True)

    def can_ask(self, source: MetricsSource) -> bool:
        return self._bulk.can_ask(source)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending = True
        self._events.put(None)
        if self._thread.ident is not None:
            self._thread.join(5)
        self._bulk.close()

    def replace_targets(self, targets: Iterable[Target]) -> None:
        """Scrape exactly these. New ones start spread over their interval, but soon where there are few."""
        with self._lock:
            wanted = {target.connection: target for target in targets}
            for name, slot in list(self._slots.items()):
                if name not in wanted or wanted[name].key != slot.target.key:
                    slot.gone = True
                    del self._slots[name]
            new = [target for name, target in wanted.items() if name not in self._slots]
            now = time.monotonic()
            for place, target in enumerate(new):
                spread_s = min(target.every_s, max(0.5, len(new) / AT_ONCE_A_S))
                slot = self._slots[target.connection] = _Slot(target, now + spread_s * place / len(new))
                self._push(slot)
            for name, target in wanted.items():
                self._slots[name].target = target
        self._events.put(None)

    def _push(self, slot: _Slot) -> None:
        self._count += 1
        heapq.heappush(self._due, (slot.due, self._count, slot))

    def _run(self) -> None:
        while not self._ending:
            try:
                event = self._events.get(timeout=self._pause())
            except queue.Empty:
                event = None
            try:
                if event is not None:
                    event()
                self._begin_due()
            except Exception as error:  # noqa: BLE001 - the boundary of the scraper: told, never silent
                self._report(error, "scraping")

    def _pause(self) -> float:
        with self._lock:
            return min(1.0, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 1.0

    def _begin_due(self) -> None:
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > time.monotonic():
                    return
                _, _, slot = heapq.heappop(self._due)
            if not slot.gone:
                self._begin(slot)

    def _begin(self, slot: _Slot) -> None:
        question = self._asking.ctx.clock.stamp()

        def done(read: ReadAnswer) -> None:
            self._events.put(partial(self._finish, slot, read, question))

        self._bulk.ask(slot.target.source, min(DEADLINE_S, max(1.0, slot.target.every_s)), done)

    def _finish(self, slot: _Slot, read: ReadAnswer, question: Stamp) -> None:
        if slot.gone:
            return
        target = slot.target
        slot.runs += 1
        wait_s = target.again_s if slot.runs == 1 else target.every_s
        try:
            take_readings(self._asking, read, target.connection, target.meters(), self._loads, question)
            slot.failures = 0
        except (Unreachable, Denied, NeedsCredentials):
            # Nobody is there, or we are not let in: ask ever more rarely.
            slot.failures += 1
            wait_s = max(target.every_s, min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** (slot.failures - 1)))
        except (AdapterError, ProblemError) as error:
            slot.failures += 1  # foreseen, and in the facts with its words
            wait_s = max(target.every_s, held_s(error, self._random))
        except Exception as error:  # noqa: BLE001
            slot.failures += 1
            self._report(error, f"scraping {target.connection}")
        with self._lock:
            # On its own beat, so that the fleet stays spread; after a suspended night one scrape each, no backlog.
            now = time.monotonic()
            due = slot.due + wait_s
            slot.due = due if due > now else now + (wait_s if now - due > wait_s else 0.0) * (self._count % 97) / 97
            if not slot.gone:
                self._push(slot)

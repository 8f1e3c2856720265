"""The watch of what servers use of their machines: one for each load of each source, however many services read it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import nan

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.load import Load
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.control import bucketed
from mlcontrol.core.signals.load_watch import BUCKET_S, KEPT, SHARES, LoadWatch
from mlcontrol.core.signals.noise import Floats
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.control import BUDGET_PER_WEEK

LOADS_OF_A_SERVICE = 4
"""At least, where the fleet's budget is shared: who has only one service is not to be alarmed twice a week by its memory."""
EVERY_POINT = 10_000_000
LATE_BUCKETS = 3
UNREAD = "what is usual is being read from the history"
READING_CPU_S = 0.1
"""Of a second: the pasts of thousands of sources are read in turns."""

_Key = tuple[str, str, str]
"""Connection, metric, device."""


class Loads:
    """*Thread:* any; pasts are read by one."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._watches: dict[_Key, LoadWatch] = {}
        self._loads: dict[_Key, Load] = {}  # what each says since its last minutes were closed
        self._of: dict[str, list[_Key]] = {}
        self._unread: dict[str, None] = {}  # connections whose past is still to be read, as they were first heard

    def take(
        self,
        connection: str,
        told: Mapping[tuple[str, str], float],
        per_s: float | None,
        at_s: float,
        limits: Mapping[str, float],
    ) -> tuple[Sample, ...]:
        """Take what a source tells of its machine, by metric and device. ``limits``: by metric, what cannot be passed. Returns what
        is to be kept of the minutes that it closed, of no service yet."""
        with self._lock:
            closed = False
            for (metric, device), value in told.items():
                watch = self._watches.get((connection, metric, device)) or self._make(connection, metric, device)
                watch.budget_per_week = BUDGET_PER_WEEK / max(
                    LOADS_OF_A_SERVICE * len(self._ctx.settings.services), len(self._watches)
                )
                watch.limit = 1.0 if metric in SHARES else limits.get(metric)
                if watch.add(at_s, value, per_s):
                    closed, self._loads[connection, metric, device] = True, watch.load()
            return tuple(self._kept(connection, at_s // BUCKET_S * BUCKET_S - BUCKET_S / 2)) if closed else ()

    def _make(self, connection: str, metric: str, device: str) -> LoadWatch:
        watch = LoadWatch(metric, connection, device)
        self._watches[connection, metric, device], self._loads[connection, metric, device] = watch, watch.load()
        self._of.setdefault(connection, []).append((connection, metric, device))
        self._unread[connection] = None
        return watch

    def _kept(self, connection: str, at_s: float) -> Iterator[Sample]:
        watches = [self._watches[key] for key in self._of.get(connection, ())]
        per_s = next((rate for watch in watches if (rate := watch.newest_per_s()) is not None), None)
        if per_s is not None:
            yield _sample(series.SERVER_QUERIES_PER_S, at_s, per_s, source=connection)
        for load in self._of_all((connection,)):
            of = {"source": connection, "metric": load.metric, **({"gpu": load.device} if load.device else {})}
            for side, value in (("low", load.low), ("high", load.high)):
                if value is not None:
                    yield _sample(series.LOAD_USUAL, at_s, value, side=side, **of)

    def of(self, connections: Iterable[str]) -> tuple[Load, ...]:
        """What is to be said of the loads of these sources now."""
        with self._lock:
            return self._of_all(connections)

    def _of_all(self, connections: Iterable[str]) -> tuple[Load, ...]:
        found = ((name, self._loads[key]) for name in connections for key in self._of.get(name, ()))
        # An alert from before this engine is neither over nor raised anew before what was usual then is known.
        return tuple(replace(load, unusual=(), why=UNREAD) if name in self._unread else load for name, load in found)

    def read_pasts(self) -> None:
        """Read what was usual of sources that are new to this engine, from what is recorded of a service that reads each: a few at
        a time, those first whose service has an open alert. Where the history is away, a source begins as one that has none."""
        if not self._unread:
            return
        begun_s, services = time.thread_time(), tuple(self._ctx.settings.services.values())
        readers = {name: service.id for service in services for name in service.metrics}
        open_ones = {alert.service for alert in self._ctx.state().alerts.values() if alert.open}
        urgent = {name for service in services if service.id in open_ones for name in service.metrics}
        for connection in sorted(self._unread, key=lambda name: name not in urgent):
            try:
                if connection in readers:
                    self._read_past(connection, readers[connection])
            except ProblemError:
                pass  # which is said elsewhere: the store is away
            finally:
                self._unread.pop(connection, None)
            if time.thread_time() - begun_s > READING_CPU_S:
                return

    def _read_past(self, connection: str, service: str) -> None:
        now_s, metrics = self._ctx.clock.utc_s(), (*series.LOADS, series.SERVER_QUERIES_PER_S)
        found = self._ctx.store.history.query(service, metrics, now_s - KEPT * BUCKET_S, now_s, EVERY_POINT)
        mine = [one for one in found if one.key.label("source") == connection]
        asked = next((one for one in mine if one.key.metric == series.SERVER_QUERIES_PER_S), None)
        for one in mine:
            rows = _rows(one, asked)
            with self._lock:
                key = connection, one.key.metric, one.key.label("gpu") or ""
                watch = self._watches.get(key)
                if watch is not None and rows.shape[1]:
                    watch.remember(rows)
                    self._loads[key] = watch.load()

    def keep(self, services: Iterable[ServiceSettings]) -> None:
        """Forget sources that none of these reads any more."""
        read = {name for service in services for name in service.metrics}
        with self._lock:
            for name in [name for name in self._of if name not in read]:
                for key in self._of.pop(name):
                    del self._watches[key], self._loads[key]
                self._unread.pop(name, None)


def _rows(load: SeriesData, asked: SeriesData | None) -> Floats:
    """As `LoadWatch.remember` takes them."""
    at_s, value = np.frombuffer(load.at_s), np.frombuffer(load.value)
    known = np.isfinite(value)
    at_s, value = at_s[known], value[known]
    if not at_s.size:
        return np.empty((5, 0))
    at, means = bucketed(at_s, value, BUCKET_S)
    bucket = np.floor(at / BUCKET_S)
    place = np.searchsorted(bucket, np.floor(at_s / BUCKET_S))
    counts = np.bincount(place, minlength=bucket.size)
    near = np.diff(at_s) < LATE_BUCKETS * BUCKET_S
    steps = np.bincount(place[1:][near], weights=np.abs(np.diff(value))[near], minlength=bucket.size)
    pairs = np.bincount(place[1:][near], minlength=bucket.size)
    per_s = np.full(bucket.size, nan)
    if asked is not None:
        times, rates = bucketed(np.frombuffer(asked.at_s), np.frombuffer(asked.value), BUCKET_S)
        _, here, there = np.intersect1d(bucket, np.floor(times / BUCKET_S), return_indices=True)
        per_s[here] = rates[there]
    return np.stack([bucket, means, per_s, steps / np.maximum(pairs, 1), counts])


def _sample(metric: str, at_s: float, value: float, /, **labels: str) -> Sample:
    return Sample(SeriesKey("", metric, tuple(sorted(labels.items()))), at_s, value, nan, nan, 0)

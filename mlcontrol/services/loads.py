"""The watch of what servers use of their machines: one for each load of each server, however many services read it. A server is
what `server_name` calls so: all that is behind a source, or one process that a store tells apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import nan

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.load import Load, server_name
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
FORGOTTEN_S = 6 * 3600.0
"""A server that has told nothing for so long is gone when another one comes: restarted instances have new names."""
SWEEP_S = 60.0
MOST_WATCHED = 4000
"""Some 180 MB of what was usual: a store may tell of the processes of a fleet by the ten thousand."""
UNWATCHED = f"more than {MOST_WATCHED:,} are told, and no more are watched"
UNREAD = "what is usual is being read from the history"
READING_CPU_S = 0.1
"""Of a second: the pasts of thousands of sources are read in turns."""

_Key = tuple[str, str, str]
"""Server, metric, device."""


class Loads:
    """*Thread:* any; pasts are read by one."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._watches: dict[_Key, LoadWatch] = {}
        self._loads: dict[_Key, Load] = {}  # what each says since its last minutes were closed
        self._of: dict[str, list[_Key]] = {}
        self._unread: dict[str, None] = {}  # servers whose past is still to be read, as they were first heard
        self._heard: dict[str, float] = {}  # when a server last told something, UTC seconds
        self._reader: dict[str, str] = {}
        self._swept_s = 0.0

    def take(
        self,
        server: str,
        told: Mapping[tuple[str, str], float],
        per_s: float | None,
        at_s: float,
        limits: Mapping[str, float],
        reader: str,
    ) -> tuple[Sample, ...]:
        """Take what is told of a server, by metric and device. ``limits``: by metric, what cannot be passed. ``reader``: a service
        of which this is recorded. Returns what is to be kept of the minutes that it closed, of no service yet."""
        with self._lock:
            closed = False
            self._heard[server], self._reader[server] = at_s, reader
            for (metric, device), value in told.items():
                watch = self._watches.get((server, metric, device)) or self._make(server, metric, device)
                if watch is None:
                    self._loads[server, metric, device] = Load(metric, server, device, value, why=UNWATCHED)
                    continue
                watch.budget_per_week = BUDGET_PER_WEEK / max(
                    LOADS_OF_A_SERVICE * len(self._ctx.settings.services), len(self._watches)
                )
                watch.limit = 1.0 if metric in SHARES else limits.get(metric)
                if watch.add(at_s, value, per_s):
                    closed, self._loads[server, metric, device] = True, watch.load()
            return tuple(self._kept(server, at_s // BUCKET_S * BUCKET_S - BUCKET_S / 2)) if closed else ()

    def _make(self, server: str, metric: str, device: str) -> LoadWatch | None:
        """`None` where no more are watched."""
        now_s = self._heard[server]
        if abs(now_s - self._swept_s) >= SWEEP_S:
            self._swept_s = now_s
            self._forget([name for name, heard_s in self._heard.items() if heard_s < now_s - FORGOTTEN_S])
        known, key = self._of.setdefault(server, []), (server, metric, device)
        if key not in known:
            known.append(key)
        if len(self._watches) >= MOST_WATCHED:
            return None
        watch = LoadWatch(metric, server, device)
        self._watches[key], self._loads[key] = watch, watch.load()
        self._unread[server] = None
        return watch

    def _kept(self, server: str, at_s: float) -> Iterator[Sample]:
        watches = [self._watches[key] for key in self._of.get(server, ()) if key in self._watches]
        per_s = next((rate for watch in watches if (rate := watch.newest_per_s()) is not None), None)
        if per_s is not None:
            yield _sample(series.SERVER_QUERIES_PER_S, at_s, per_s, source=server)
        for load in self._of_all((server,)):
            of = {"source": server, "metric": load.metric, **({"gpu": load.device} if load.device else {})}
            for side, value in (("low", load.low), ("high", load.high)):
                if value is not None:
                    yield _sample(series.LOAD_USUAL, at_s, value, side=side, **of)

    def of(self, servers: Iterable[str]) -> tuple[Load, ...]:
        """What is to be said of the loads of these servers now."""
        with self._lock:
            return self._of_all(servers)

    def _of_all(self, servers: Iterable[str]) -> tuple[Load, ...]:
        found = ((name, self._loads[key]) for name in servers for key in self._of.get(name, ()))
        # An alert from before this engine is neither over nor raised anew before what was usual then is known.
        return tuple(replace(load, unusual=(), why=UNREAD) if name in self._unread else load for name, load in found)

    def read_pasts(self) -> None:
        """Read what was usual of sources that are new to this engine, from what is recorded of a service that reads each: a few at
        a time, those first whose service has an open alert. Where the history is away, a source begins as one that has none."""
        if not self._unread:
            return
        begun_s, services = time.thread_time(), tuple(self._ctx.settings.services.values())
        open_ones = {alert.service for alert in self._ctx.state().alerts.values() if alert.open}
        urgent = {name for service in services if service.id in open_ones for name in service.metrics}
        with self._lock:
            waiting = [(server, self._reader[server]) for server in self._unread]
        for server, reader in sorted(waiting, key=lambda one: one[0].partition("/")[0] not in urgent):
            try:
                self._read_past(server, reader)
            except ProblemError:
                pass  # which is said elsewhere: the store is away
            finally:
                self._unread.pop(server, None)
            if time.thread_time() - begun_s > READING_CPU_S:
                return

    def _read_past(self, server: str, service: str) -> None:
        now_s, metrics = self._ctx.clock.utc_s(), (*series.LOADS, series.SERVER_QUERIES_PER_S)
        found = self._ctx.store.history.query(service, metrics, now_s - KEPT * BUCKET_S, now_s, EVERY_POINT)
        mine = [one for one in found if _server(one) == server]
        asked = next((one for one in mine if one.key.metric == series.SERVER_QUERIES_PER_S), None)
        for one in mine:
            rows = _rows(one, asked)
            with self._lock:
                key = server, one.key.metric, one.key.label("gpu") or ""
                watch = self._watches.get(key)
                if watch is not None and rows.shape[1]:
                    watch.remember(rows)
                    self._loads[key] = watch.load()

    def keep(self, services: Iterable[ServiceSettings]) -> None:
        """Forget servers behind sources that none of these reads any more."""
        read = {name for service in services for name in service.metrics}
        with self._lock:
            self._forget([name for name in self._of if name.partition("/")[0] not in read])

    def _forget(self, servers: Iterable[str]) -> None:
        for name in servers:
            for key in self._of.pop(name, ()):
                self._watches.pop(key, None)
                self._loads.pop(key, None)
            for known in (self._unread, self._heard, self._reader):
                known.pop(name, None)


def _server(one: SeriesData) -> str:
    return server_name(one.key.label("source") or "", one.key.label("instance") or "")


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

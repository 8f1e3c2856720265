"""Turns what metrics sources count into traffic, errors, latency and load of each service."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import isfinite, nan

from mlcontrol.core import series
from mlcontrol.core.facts import Traffic
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.buckets import bound_of, quantile
from mlcontrol.core.signals.rates import CounterWindow
from mlcontrol.core.types import Sample, SeriesKey, Stamp
from mlcontrol.ports.metrics import NO_FAILURE_YET, Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.machine_loads import MachineLoads
from mlcontrol.services.past_traffic import PastTraffic
from mlcontrol.services.source_doubts import SourceDoubts

WINDOW_S = 30.0
LATE_S = 60.0
LOADS_TOLD = (series.CPU_SHARE, series.MEMORY_BYTES, series.CPU_CORES)
QUANTILES = ("0.5", "0.9", "0.99")
_ERRORS = ("requests_error", "responses")

_CounterKey = tuple[str, str, str, str, tuple[tuple[str, str], ...]]


def _key(connection: str, reading: Reading) -> _CounterKey:
    return connection, reading.quantity, reading.version, reading.role, reading.labels


@dataclass(slots=True)
class _Version:
    """Answers of one version, and how many of the panel's own queries are still to be taken out of them."""

    answers: CounterWindow
    own_total: int
    unspent: float = 0.0


@dataclass(slots=True)
class Meter:
    """What all metrics sources together say of one service. *Thread:* guarded by its lock."""

    service: ServiceSettings
    own: OwnQueries
    lock: threading.Lock = field(default_factory=threading.Lock)
    counters: dict[_CounterKey, CounterWindow] = field(default_factory=dict)
    versions: dict[tuple[str, str], _Version] = field(default_factory=dict)
    latency: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # by connection, version, quantile
    machine: MachineLoads = field(default_factory=MachineLoads)
    doubts: SourceDoubts = field(default_factory=SourceDoubts)
    twice: str = ""  # what is read through two of the sources
    polled_s: float = 0.0  # the longest interval at which a source is asked
    told: dict[str, set[str]] = field(default_factory=dict)  # by connection: what has counted errors there
    lost: dict[str, bool] = field(default_factory=dict)  # by connection: whether that is missing in the newest scrape
    asked: dict[str, Stamp] = field(default_factory=dict)  # newest answered question by connection
    past: PastTraffic = field(default_factory=PastTraffic)

    def take(self, connection: str, readings: Iterable[Reading], at: Stamp) -> tuple[list[Sample], bool]:
        """Fold one scrape in; returns its samples and whether a counter was reset. An older scrape is dropped. What it does not
        tell, or tells as no number, is not known from then on: nothing of an earlier scrape stands in for it."""
        with self.lock:
            known = self.asked.get(connection)
            if known is not None and known.seq > at.seq:
                return [], False
            self.asked[connection] = at
            samples: list[Sample] = []
            answers: dict[str, float] = {}
            latency: dict[str, dict[str, float]] = {}
            self.doubts.begin(connection)
            counted: set[_CounterKey] = set()
            own = (self.service.serving_model, self.service.route)
            reset = False
            readings = [reading for reading in readings if not self.doubts.take(connection, reading)]
            if self.doubts.is_silent(connection):
                return [], False  # what it knew stands, with its age: the same numbers again are no standstill
            self.machine.begin(connection)
            for reading in readings:
                if not series.is_reading(reading.value, reading.counter):
                    continue
                if self.machine.is_one(reading):
                    load = self.machine.take(connection, reading, at)
                    if load is not None:
                        metric, value, labels = load
                        samples.append(self._sample(metric, at, value, **labels))
                    continue
                if reading.model not in own:
                    continue
                if reading.counter:
                    counted.add(_key(connection, reading))
                if reading.quantity == "latency_ms":
                    samples.extend(self._latency(connection, reading, at, latency))
                elif reading.quantity == "requests_ok" or (reading.quantity == "requests_error" and reading.version):
                    answers[reading.version] = answers.get(reading.version, 0.0) + reading.value
                    reset |= self._count(connection, reading, at)
                elif reading.counter:
                    reset |= self._count(connection, reading, at)
            samples.extend(self._from_buckets(connection, at, latency))
            self.latency[connection] = latency
            served = {version for _, quantity, version, *_ in counted if quantity == "requests_ok"}
            answers = {version: total for version, total in answers.items() if version in served}
            self._forget(connection, counted, set(answers))
            for version, total in answers.items():
                reset |= self._answers(connection, version, total, at)
            samples.extend(self._rates(connection, at))
            return samples, reset

    def _forget(self, connection: str, counted: set[_CounterKey], answered: set[str]) -> None:
        """Drop what this scrape does not tell any more; ``counted``, ``answered``: what it tells. Where errors come or go, answers
        begin again: they are counted with them."""
        told = self.told.setdefault(connection, set())
        errors = {quantity for _, quantity, *_ in counted if quantity in _ERRORS}
        if any(NO_FAILURE_YET in labels for *_, labels in counted):
            errors.add("requests_error")
        lost = bool(counted) and not told <= errors
        told |= errors
        if lost != self.lost.get(connection, False):
            answered = set()
        self.lost[connection] = lost
        for key in [key for key in self.counters if key[0] == connection and key not in counted]:
            del self.counters[key]
        for gone in [key for key in self.versions if key[0] == connection and key[1] not in answered]:
            del self.versions[gone]

    def _count(self, connection: str, reading: Reading, at: Stamp) -> bool:
        return self.counters.setdefault(_key(connection, reading), CounterWindow(WINDOW_S)).add(
            at.mono_s, reading.value
        )

    def _answers(self, connection: str, version: str, total: float, at: Stamp) -> bool:
        own = self.own.total(self.service.serving_model, version)
        entry = self.versions.setdefault((connection, version), _Version(CounterWindow(WINDOW_S), own))
        before = entry.answers.increase() or 0.0
        reset = entry.answers.add(at.mono_s, total)
        entry.unspent += own - entry.own_total
        entry.own_total = own
        grown = max(0.0, (entry.answers.increase() or 0.0) - before)
        spent = min(entry.unspent, grown)
        entry.answers.spend(spent)
        # A query may be counted by us before the server shows it; it is taken out at the next scrape, or never.
        entry.unspent = min(entry.unspent - spent, 2.0)
        return reset

    def _latency(
        self, connection: str, reading: Reading, at: Stamp, found: dict[str, dict[str, float]]
    ) -> list[Sample]:
        name = dict(reading.labels).get("quantile", "")
        if not name:
            return []
        found.setdefault(reading.version, {})[name] = reading.value
        if name not in QUANTILES:
            return []
        # One line for the version: the slowest of its replicas, each scraped in its turn.
        others = [
            of.get(reading.version, {}).get(name, nan)
            for source, of in self.latency.items()
            if source != connection and at.mono_s - self.asked[source].mono_s < LATE_S
        ]
        slowest = max([reading.value, *(ms for ms in others if ms == ms)])
        return [self._sample(series.LATENCY_MS, at, slowest, quantile=name, version=reading.version)]

    def _from_buckets(self, connection: str, at: Stamp, found: dict[str, dict[str, float]]) -> list[Sample]:
        """Quantiles of the window by version, where the source keeps a histogram and no summary."""
        counted: dict[str, dict[float, float]] = {}
        for (source, quantity, version, _, labels), window in self.counters.items():
            if source == connection and quantity == "latency_bucket" and version not in found:
                counted.setdefault(version, {})[bound_of(dict(labels)["le"])] = window.increase() or 0.0
        samples = []
        for version, buckets in counted.items():
            for name in QUANTILES:
                drawn = quantile(buckets, float(name))
                if isfinite(drawn):
                    one = Reading("latency_ms", drawn, False, "", version, "", (("quantile", name),))
                    samples += self._latency(connection, one, at, found)
            # What is judged must lie surely on one side of its objective.
            judged = quantile(buckets, 0.99, self.service.objectives.get("p99_ms"))
            found.setdefault(version, {}).pop("0.99", None)
            found[version] |= {"0.99": judged} if isfinite(judged) else {}
        return samples

    def _rates(self, connection: str, at: Stamp) -> list[Sample]:
        samples = []
        for version in [version for source, version in self.versions if source == connection]:
            rates = self._of_all_replicas(version, at)
            if rates is None:
                continue
            rate, lately = rates
            if rate > 0 or lately:
                samples.append(self._sample(series.QUERIES_PER_S, at, rate, version=version))
                batch = self._batch(version)
                if batch is not None:
                    samples.append(self._sample(series.PREDICTIONS_PER_S, at, batch * rate, version=version))
        samples.extend(self._waits(connection, at))
        errors, total = self._errors()
        if errors is not None and total > 0 and any(source == connection for source, *_ in self.counters):
            samples.extend(
                self._sample(series.ERROR_SHARE, at, count / total, type=kind) for kind, count in errors.items()
            )
        counted = self._counted(connection)
        if counted is not None:
            answers, failed = counted
            samples.append(self._sample(series.ALL_ANSWERS, at, answers, source=connection))
            samples.append(self._sample(series.FAILED_ANSWERS, at, failed, source=connection))
        return samples

    def _of_all_replicas(self, version: str, at: Stamp) -> tuple[float, float] | None:
        """Per second of every source that counts this version: between its last two readings, and over the window. `None` while one
        of them says nothing, or nothing that a rate can be made of: a part is not the whole."""
        entries = [entry.answers for (_, of), entry in self.versions.items() if of == version]
        if any(window.is_late(at.mono_s) or window.jumps() for window in entries):
            return None
        now, lately = [window.last_rate() for window in entries], [window.rate() for window in entries]
        known = [rate for rate in now if rate is not None]
        return (sum(known), sum(rate or 0.0 for rate in lately)) if len(known) == len(now) else None

    def _batch(self, version: str) -> float | None:
        """Predictions a query over the window; `None` where no source counts both."""
        asked = made = 0.0
        for (_, quantity, of, _, _), window in self.counters.items():
            if of == version and quantity == "requests_ok":
                asked += window.increase() or 0.0
            elif of == version and quantity == "predictions":
                made += window.increase() or 0.0
        return made / asked if asked > 0 and made > 0 else None

    def _waits(self, connection: str, at: Stamp) -> list[Sample]:
        """The mean wait in the queue, of a version that answered since the reading before."""
        samples = []
        for (source, quantity, version, _, _), window in self.counters.items():
            entry = self.versions.get((source, version))
            if quantity != "queue_ms_total" or source != connection or entry is None:
                continue
            waited_ms, answers = window.last_increase(), entry.answers.last_increase()
            if waited_ms is not None and answers:
                samples.append(self._sample(series.QUEUE_MS, at, waited_ms / answers, version=version))
        return samples

    def _counted(self, connection: str) -> tuple[float, float] | None:
        """Answers, and failed ones, since the reading before; `None` where this source is not the one that counts them."""
        routed = any(quantity == "responses" for _, quantity, *_ in self.counters)
        answers = failed = 0.0
        told = False
        for (source, quantity, _, _, labels), window in self.counters.items():
            grown = window.last_increase()
            if source != connection or grown is None:
                continue
            if routed and quantity == "responses":
                told = True
                answers += grown
                failed += grown if dict(labels).get("code", "")[:1] in ("4", "5") else 0.0
            elif not routed and quantity == "requests_error":
                failed += grown
        if not routed:
            grown_by_version = [
                entry.answers.last_increase() for (source, _), entry in self.versions.items() if source == connection
            ]
            told = any(grown is not None for grown in grown_by_version)
            answers = sum(grown or 0.0 for grown in grown_by_version)
        return (answers, failed) if told else None

    def _errors(self) -> tuple[dict[str, int] | None, int]:
        """Errors by type, and answers in all: as the router sees the callers' side; without one, as the endpoints see theirs.
        `None` while a source that has counted errors tells of everything but them."""
        errors: dict[str, float] = {}
        total = 0.0
        routed = any(quantity == "responses" for _, quantity, *_ in self.counters)
        for (_, quantity, _, _, labels), window in self.counters.items():
            grown = window.increase() or 0.0
            if routed and quantity == "responses":
                code = dict(labels).get("code", "")
                total += grown
                if code[:1] in ("4", "5"):
                    errors[code] = errors.get(code, 0.0) + grown
            elif not routed and quantity == "requests_error":
                kind = dict(labels).get("type", "model")
                errors[kind] = errors.get(kind, 0.0) + grown
        if not routed:
            total = sum(entry.answers.increase() or 0.0 for entry in self.versions.values())
        known = {kind: round(count) for kind, count in errors.items()}
        told = any(self.told.values()) and not any(self.lost.values())
        return known if told else None, round(total)

    def traffic(self) -> tuple[Traffic, Stamp | None]:
        """The state of use, and the oldest moment at which every configured source had answered; `None` until all have."""
        with self.lock:
            by_version: dict[str, float] = {}
            for (_, version), entry in self.versions.items():
                rate = entry.answers.rate()
                if rate is not None:
                    by_version[version] = by_version.get(version, 0.0) + rate
            steady = frozenset(version for (_, version), entry in self.versions.items() if entry.answers.steady())
            errors, total = self._errors()
            used = {version for version, rate in by_version.items() if rate > 0}
            latency: dict[str, dict[str, float]] = {}
            for version, quantiles in ((v, q) for of in self.latency.values() for v, q in of.items() if v in used):
                worst = latency.setdefault(version, {})
                worst.update((name, max(ms, worst.get(name, ms))) for name, ms in quantiles.items())
            stamps = [self.asked.get(connection) for connection in self.service.metrics]
            known = [stamp for stamp in stamps if stamp is not None]
            at = min(known, key=lambda stamp: stamp.seq) if known and len(known) == len(stamps) else None
            rate = sum(by_version.values())
            if at is not None and by_version and not self.doubts.lacking:
                self.past.add(at.utc_s, rate)
            hour = self.past.hour(at.utc_s, rate, golden=bool(self.service.golden)) if at is not None else None
            batches = {version: self._batch(version) for version, rate in by_version.items() if rate > 0}
            made = [batch * by_version[version] for version, batch in batches.items() if batch is not None]
            predictions = sum(made) if made and len(made) == len(batches) else None
            jumping = tuple(sorted({source for (source, _), entry in self.versions.items() if entry.answers.jumps()}))
            cpu, memory, cores = (self.machine.busiest(metric) for metric in LOADS_TOLD)
            lacking, (silent_s, every_s) = self.doubts.lacking, self.doubts.silent
            if lacking:
                by_version, predictions = {}, None  # of the other sources: a part is not the whole
            told = Traffic(by_version, steady, errors, total, latency, hour, predictions, jumping, cpu, memory)
            told = replace(told, lacking=lacking, maybe=self.doubts.maybe, twice=self.twice)
            every_s = max(every_s, self.polled_s)
            return replace(told, cpu_cores=cores, silent_s=silent_s, every_s=every_s), at

    def per_s(self, connection: str) -> float | None:
        """Queries a second of this service that a source counted between its last two readings; of all sources, where it counts
        none itself; `None` where nothing does."""
        with self.lock:
            mine = [entry.answers for (source, _), entry in self.versions.items() if source == connection]
            known = mine or [entry.answers for entry in self.versions.values()]
            rates = [window.last_rate() for window in known if not window.jumps()]
            return sum(rate or 0.0 for rate in rates) if rates and len(rates) == len(known) else None

    def _sample(self, metric: str, at: Stamp, value: float, **labels: str) -> Sample:
        return Sample(SeriesKey(self.service.id, metric, tuple(sorted(labels.items()))), at.utc_s, value, nan, nan, 0)

"""An answer of the query API about a whole fleet, read into the panel's words."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

import msgspec

from mlcontrol.adapters.metrics.dialects import meaning
from mlcontrol.adapters.metrics.fleet_query import NATIVE, PROCESS, SAMPLED
from mlcontrol.adapters.metrics.instances import TARGET, Instances
from mlcontrol.adapters.metrics.meanings import Meaning, bound_ms
from mlcontrol.adapters.metrics.native_histogram import NativeHistogram, bounds, cumulative
from mlcontrol.adapters.metrics.sample_times import Drawn, SampleClock
from mlcontrol.ports.metrics import Reading

OVERDUE = 1.2  # of the usual interval between two samples
KEPT = 4096  # series that are known beside twice those of the newest answer
MOST_LINES = 8  # of a service with more instances their sum is told
# What tells series of one target apart, and is not the same for all of them.
_OWN = frozenset(
    f"__name__ {SAMPLED} le quantile code reason type http_response_code endpoint runner_name status_code status route method "
    "finished_reason API entrypoint deployment handle WorkerId replica actor_id gpu_uuid UUID".split()
)

_Part = tuple[Hashable, Meaning, float]
_Target = frozenset[tuple[str, str]]
_labels = msgspec.json.Decoder(dict[str, str]).decode


class Row(msgspec.Struct):
    metric: msgspec.Raw
    value: tuple[float, str] | None = None
    histogram: tuple[float, NativeHistogram] | None = None


class _Rows(msgspec.Struct):
    result: list[Row]


class FleetAnswer(msgspec.Struct):
    """``partial``: VictoriaMetrics says so, without a warning."""

    status: str
    data: _Rows | None = None
    error: str = ""
    warnings: list[str] = []
    partial: bool = msgspec.field(name="isPartial", default=False)


@dataclass(slots=True)
class _Known:
    """What a series is. ``key``: its labels as they were told. ``means`` `None`: the time of a sample, or nothing. ``place``: job
    and instance, where an instance is told. ``buckets``: of a native histogram."""

    key: bytes
    means: Meaning | None
    clock: SampleClock
    time: bool = False
    process: bool = False
    place: tuple[str, str] | None = None
    target: _Target = frozenset()
    drawn: Drawn | None = None
    buckets: list[tuple[Hashable, Meaning]] = field(default_factory=list)


class FleetReader:
    """*Thread:* one at a time."""

    def __init__(self) -> None:
        self._instances = Instances()
        self.names: set[str] = set()  # of all series that it was ever told of
        self._known: dict[bytes, _Known] = {}
        self._places: dict[tuple[str, str], dict[str, set[_Target]]] = {}
        self._counted_at: dict[str, set[str]] | None = None
        self._clocks: dict[_Target | tuple[str, str], SampleClock] = {}

    def read(self, rows: list[Row], partial: tuple[str, ...]) -> tuple[Reading, ...]:
        """``partial``: what it says it is missing. Raises `ValueError` for what is no answer."""
        told = [(self._of(bytes(row.metric)), row) for row in rows]
        now_s = next((row.value[0] for row in rows if row.value), 0.0) or next(
            (row.histogram[0] for row in rows if row.histogram), 0.0
        )
        made: dict[int, tuple[SampleClock, float]] = {}
        for known, row in told:
            if known.time and row.value is not None:
                clock, at_s = known.clock, float(row.value[1])
                made[id(clock)] = clock, min(at_s, made.get(id(clock), (clock, at_s))[1])
        for clock, at_s in made.values():
            clock.tell(at_s, now_s)
        parts: list[_Part] = []
        processes: list[tuple[_Known, float]] = []
        models: dict[tuple[str, str], dict[str, set[_Target]]] = {}
        self._read_rows(told, now_s, parts, processes)
        for known, _ in told:
            means = known.means
            if means is not None and known.place is not None and not known.process and means.counter:
                models.setdefault(known.place, {}).setdefault(means.model, set()).add(known.target)
        self._places, self._counted_at = models, None
        parts += _joined(processes, models)
        found = self._instances.add(parts, bool(partial))
        readings = (*found, *self._remarks(told, now_s), *_partial(partial, self._instances.untold))
        self._forget(rows)
        return readings

    def counted_at(self, model: str) -> frozenset[str]:
        """The instances of a model in the newest answer."""
        if self._counted_at is None:
            self._counted_at = {}
            for (_, instance), models in self._places.items():
                for one in models:
                    self._counted_at.setdefault(one, set()).add(instance)
        return frozenset(self._counted_at.get(model, ()))

    def _read_rows(
        self,
        told: list[tuple[_Known, Row]],
        now_s: float,
        parts: list[_Part],
        processes: list[tuple[_Known, float]],
    ) -> None:
        classic: set[tuple[str, str]] = set()
        native: list[tuple[_Known, Meaning, NativeHistogram]] = []
        for known, row in told:
            means = known.means
            if means is None:
                continue
            if row.value is not None and not known.buckets:
                value = float(row.value[1])
                if means.counter and known.clock.made_s:
                    if known.drawn is None:
                        known.drawn = Drawn(value, value, known.clock.made_s)
                    value = known.drawn.at(value, known.clock, now_s)
                if known.process:
                    processes.append((known, value))
                    continue
                parts.append((known.key, means, value))
                if means.quantity == "latency_bucket":
                    classic.add((means.model, means.version))
            elif row.histogram is not None and known.buckets:
                native.append((known, means, row.histogram[1]))
        for known, means, histogram in native:
            if (means.model, means.version) not in classic:  # where both are kept, the same answers are in both
                counted = cumulative(histogram, means.factor)
                parts += [(key, one, value) for (key, one), value in zip(known.buckets, counted, strict=True)]

    def _of(self, raw: bytes) -> _Known:
        known = self._known.get(raw)
        if known is None:
            known = self._known[raw] = self._made(raw, _labels(raw))
        return known

    def _made(self, raw: bytes, labels: dict[str, str]) -> _Known:
        target = frozenset((name, value) for name, value in labels.items() if name not in _OWN)
        place = _place(target)
        clock = self._clocks.setdefault(target if place is None else place, SampleClock())
        if SAMPLED in labels:
            return _Known(raw, None, clock, time=True)
        name = labels.get("__name__", "")
        # Whatever else is known of a process is of its target, not of the device.
        own = {one: value for one, value in labels.items() if (one in _OWN if name in PROCESS else one not in TARGET)}
        own.pop("__name__", None)
        self.names.add(name)
        means = meaning(NATIVE.get(name, name), own)
        if means is None:
            return _Known(raw, None, clock)
        known = _Known(raw, means, clock, target=target, place=place)
        if not means.model and not means.role:
            known.process, known.means = True, means if place is not None else None
        if name in NATIVE:
            known.buckets = [((raw, bound), _bucket(means, bound)) for bound in bounds(means.factor)]
        return known

    def _remarks(self, told: list[tuple[_Known, Row]], now_s: float) -> Iterator[Reading]:
        """Of each model of which a sample is overdue: for how long nothing new has come, of its worst instance."""
        worst: dict[str, SampleClock] = {}
        late = {
            id(clock): clock
            for clock in self._clocks.values()
            if clock.asked_s == now_s and clock.silent_s(now_s) > OVERDUE * clock.every_s
        }
        if not late:
            return
        for known, _ in told:
            means = known.means
            if means is None or known.process or id(known.clock) not in late:
                continue
            was = worst.get(means.model)
            if was is None or known.clock.silent_s(now_s) / known.clock.every_s > was.silent_s(now_s) / was.every_s:
                worst[means.model] = known.clock
        for model, clock in worst.items():
            every = (("every_s", f"{clock.every_s:g}"),)
            yield Reading("silent_s", clock.silent_s(now_s), False, model, labels=every)

    def _forget(self, rows: list[Row]) -> None:
        if len(self._known) > 2 * len(rows) + KEPT:
            self._known = {raw: self._known[raw] for raw in (bytes(row.metric) for row in rows)}
            held = {id(known.clock) for known in self._known.values()}
            self._clocks = {target: clock for target, clock in self._clocks.items() if id(clock) in held}


def _place(target: _Target) -> tuple[str, str] | None:
    """Job and instance, where an instance is told."""
    named = dict(target)
    return (named.get("job", ""), named["instance"]) if named.get("instance") else None


def _bucket(means: Meaning, bound: float) -> Meaning:
    labels = bound_ms(f"{bound}", means.factor)
    return Meaning(means.quantity, True, means.model, means.version, means.role, labels, 1.0)


def _joined(
    processes: list[tuple[_Known, float]], models: dict[tuple[str, str], dict[str, set[_Target]]]
) -> Iterator[_Part]:
    """A process belongs to the models that the same target tells of: all of its labels are theirs. One that serves several is
    marked as shared."""
    owned: list[tuple[_Known, float, list[str]]] = []
    lines: dict[tuple[str, str], set[str]] = {}
    for known, value in processes:
        if known.place is None or known.means is None:
            continue
        own = [m for m, targets in models.get(known.place, {}).items() if any(known.target <= one for one in targets)]
        owned.append((known, value, own))
        for model in own:
            lines.setdefault((model, known.means.quantity), set()).add(known.place[1])
    for known, value, own in owned:
        means, place = known.means, known.place
        if means is None or place is None:
            continue
        for model in own:
            many = len(lines[model, means.quantity]) > MOST_LINES
            labels = (("instance", "all" if many else place[1]), *means.labels)
            labels += (("shared", "yes"),) if len(own) > 1 else ()
            one = Meaning(means.quantity, means.counter, model, "", "", labels, means.factor)
            yield (known.key, model), one, value


def _partial(missing: tuple[str, ...], untold: frozenset[str]) -> Iterator[Reading]:
    if missing:
        why = (("why", missing[0]),)
        yield Reading("partial", 0.0, False, labels=why)
        for model in sorted(untold):
            yield Reading("partial", 1.0, False, model, labels=why)

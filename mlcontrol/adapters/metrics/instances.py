"""The instances of a fleet added up, in the panel's words; what is away, begins again or is not told makes no sum fall or jump."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping

from mlcontrol.adapters.metrics.dialects import Meaning, meaning
from mlcontrol.ports.metrics import Reading

KEPT_GONE = 20_000

_Labels = tuple[tuple[str, str], ...]
_Kind = tuple[str, bool, str, str, str, _Labels]


class Instances:
    """*Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._meanings: dict[_Labels, Meaning | None] = {}
        self._last: dict[_Labels, float] = {}
        self._gone: set[_Labels] = set()
        self._before: dict[_Kind, float] = {}  # counted by what has restarted or gone
        self._whole: set[_Labels] = set()  # what a whole answer has
        self._was_partial = False

    def readings(self, series: Iterable[tuple[Mapping[str, str], float]], partial: bool = False) -> tuple[Reading, ...]:
        """``series``: labels and newest value of each, one answer. ``partial``: it says that it lacks some: what is missing is not
        gone then, and nothing is said of its model."""
        with self._lock:
            parts: dict[_Kind, list[float]] = {}
            seen: set[_Labels] = set()
            for metric, raw in series:
                labels = tuple(metric.items())
                if labels not in self._meanings:
                    own = {n: v for n, v in metric.items() if n not in ("__name__", "job", "instance")}
                    self._meanings[labels] = meaning(metric.get("__name__", ""), own)
                known = self._meanings[labels]
                if known is None:
                    continue
                value, kind = raw * known.factor, _kind(known)
                seen.add(labels)
                if known.counter:
                    self._count(labels, kind, value)
                parts.setdefault(kind, []).append(value)
            untold: set[str] = set()
            if partial:
                untold = {known.model for labels in self._whole - seen if (known := self._meanings[labels]) is not None}
                self._whole |= seen
            else:
                self._whole = seen
                self._leave(seen)
            self._was_partial = partial
            return tuple(self._one(kind, values) for kind, values in parts.items() if kind[2] not in untold)

    def _leave(self, seen: set[_Labels]) -> None:
        """What a whole answer does not have any more is gone: what it counted is kept apart."""
        for labels in self._last.keys() - seen - self._gone:
            was = self._meanings[labels]
            if was is not None:
                self._gone.add(labels)
                self._before[_kind(was)] = self._before.get(_kind(was), 0.0) + self._last[labels]
        if len(self._gone) > KEPT_GONE:
            for labels in self._gone:
                del self._last[labels], self._meanings[labels]
            self._gone.clear()

    def _count(self, labels: _Labels, kind: _Kind, value: float) -> None:
        last, change = self._last.get(labels), 0.0
        if last is not None:
            back, begun_again = labels in self._gone, value < last
            # What it had counted is added apart while it is away, and for good once it has begun again.
            change = last if begun_again and not back else (-last if back and not begun_again else 0.0)
            self._gone.discard(labels)
        elif self._was_partial:
            change = -value  # it had counted before, where nobody could tell: that is no traffic of now
        self._before[kind] = self._before.get(kind, 0.0) + change
        self._last[labels] = value

    def _one(self, kind: _Kind, values: list[float]) -> Reading:
        quantity, counter, model, version, role, labels = kind
        if counter:
            value = sum(values) + self._before.get(kind, 0.0)
        elif quantity == "latency_ms":
            known = [v for v in values if v == v]
            value = max(known) if known else math.nan
        elif quantity in ("cpu_share", "gpu_share"):
            value = sum(values) / len(values)
        else:
            value = sum(values)
        return Reading(quantity, value, counter, model, version, role, labels)


def _kind(known: Meaning) -> _Kind:
    return known.quantity, known.counter, known.model, known.version, known.role, known.labels

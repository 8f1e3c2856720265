"""Series that mean the same, of the instances of a fleet or the workers of a server, added up in the panel's words; what is away,
begins again or is not told makes no sum fall or jump."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Iterable, Mapping

from mlcontrol.adapters.metrics.dialects import meaning
from mlcontrol.adapters.metrics.meanings import Kind, Meaning
from mlcontrol.ports.metrics import Reading

KEPT_GONE = 20_000
TARGET = ("__name__", "job", "instance")


class Instances:
    """*Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Meaning] = {}
        self._last: dict[Hashable, float] = {}
        self._gone: set[Hashable] = set()
        self._before: dict[Kind, float] = {}  # counted by what has restarted or gone
        self._whole: set[Hashable] = set()  # what a whole answer has
        self._was_partial = False
        self.untold: frozenset[str] = frozenset()  # the models of which the newest answer lacks something

    def readings(self, series: Iterable[tuple[Mapping[str, str], float]], partial: bool = False) -> tuple[Reading, ...]:
        """``series``: labels and newest value of each, one answer; ``partial`` as in `add`."""
        known = []
        for metric, value in series:
            found = meaning(
                metric.get("__name__", ""), {name: one for name, one in metric.items() if name not in TARGET}
            )
            if found is not None:
                known.append((tuple(metric.items()), found, value))
        return self.add(known, partial)

    def add(self, series: Iterable[tuple[Hashable, Meaning, float]], partial: bool = False) -> tuple[Reading, ...]:
        """``series``: a name of its own, meaning and newest value of each, one answer. ``partial``: it says that it lacks some:
        what is missing is not gone then, and nothing is said of its model."""
        with self._lock:
            parts: dict[Kind, list[float]] = {}
            seen: set[Hashable] = set()
            for key, known, raw in series:
                value, kind = raw * known.factor, known.kind
                seen.add(key)
                if known.counter:
                    self._count(key, kind, value)
                parts.setdefault(kind, []).append(value)
                self._known[key] = known
            untold: set[str] = set()
            if partial:
                untold = {self._known[key].model for key in self._whole - seen}
                self._whole |= seen
            else:
                self._whole = seen
                self._leave(seen)
            self._was_partial, self.untold = partial, frozenset(untold)
            return tuple(self._one(kind, values) for kind, values in parts.items() if kind[2] not in untold)

    def _leave(self, seen: set[Hashable]) -> None:
        """What a whole answer does not have any more is gone: what it counted is kept apart."""
        for key in self._last.keys() - seen - self._gone:
            kind = self._known[key].kind
            self._gone.add(key)
            self._before[kind] = self._before.get(kind, 0.0) + self._last[key]
        if len(self._gone) > KEPT_GONE:
            for key in self._gone:
                del self._last[key]
            self._gone.clear()
        if len(self._known) > 2 * len(seen) + KEPT_GONE:
            self._known = {key: known for key, known in self._known.items() if key in self._whole or key in self._last}

    def _count(self, key: Hashable, kind: Kind, value: float) -> None:
        last, change = self._last.get(key), 0.0
        if last is not None:
            back, begun_again = key in self._gone, value < last
            # What it had counted is added apart while it is away, and for good once it has begun again.
            change = last if begun_again and not back else (-last if back and not begun_again else 0.0)
            self._gone.discard(key)
        elif self._was_partial:
            change = -value  # it had counted before, where nobody could tell: that is no traffic of now
        self._before[kind] = self._before.get(kind, 0.0) + change
        self._last[key] = value

    def _one(self, kind: Kind, values: list[float]) -> Reading:
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

"""What the sources of a service tell of the machines and processes behind it: CPU, memory, GPU, whoever uses them there."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcontrol.core import series
from mlcontrol.core.load import server_name
from mlcontrol.core.signals.rates import CounterWindow
from mlcontrol.core.types import Stamp
from mlcontrol.ports.metrics import Reading

WINDOW_S = 30.0
_METRICS = {
    "cpu_share": series.CPU_SHARE,
    "cpu_seconds_total": series.CPU_CORES,
    "memory_bytes": series.MEMORY_BYTES,
    "gpu_share": series.GPU_SHARE,
    "gpu_memory_bytes": series.GPU_MEMORY_BYTES,
}

_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class MachineLoads:
    """*Thread:* one at a time."""

    newest: dict[str, dict[str, float]] = field(default_factory=dict)  # by connection and metric: of the busiest there
    _servers: dict[str, set[str]] = field(default_factory=dict)  # by connection, as `server_name` says
    _cpu: dict[str, dict[_Labels, CounterWindow]] = field(default_factory=dict)  # by connection
    _before: dict[str, dict[_Labels, CounterWindow]] = field(default_factory=dict)  # of the scrape before

    def is_one(self, reading: Reading) -> bool:
        """Whether it is of a machine or a process, and of no version."""
        return reading.quantity in _METRICS and not reading.version

    def begin(self, connection: str) -> None:
        """What an earlier scrape told is not known any more."""
        self.newest[connection], self._servers[connection] = {}, set()
        self._before[connection], self._cpu[connection] = self._cpu.get(connection, {}), {}

    def take(self, connection: str, reading: Reading, at: Stamp) -> tuple[str, float, dict[str, str]] | None:
        """The series that it is a sample of, its value and labels; `None` where a rate needs another reading first."""
        metric, value = _METRICS[reading.quantity], reading.value
        if reading.counter:
            window = self._before[connection].get(reading.labels) or CounterWindow(WINDOW_S)
            self._cpu[connection][reading.labels] = window
            window.add(at.mono_s, reading.value)
            rate = window.last_rate()
            if rate is None:
                return None
            value = rate
        known = self.newest[connection]
        known[metric] = max(value, known.get(metric, 0.0))
        labels = {"source": connection, **dict(reading.labels)}
        if reading.model and "instance" not in labels:
            labels["instance"] = f"all of {reading.model}"  # a store's sum over many processes
        self._servers[connection].add(server_name(connection, labels.get("instance", "")))
        return metric, value, labels

    def servers(self, connection: str) -> tuple[str, ...]:
        """Whose loads the newest scrape told."""
        return tuple(sorted(self._servers.get(connection, ())))

    def all_servers(self) -> tuple[str, ...]:
        """The same of all connections."""
        return tuple(name for connection in sorted(self._servers) for name in self.servers(connection))

    def busiest(self, metric: str) -> float | None:
        return max((of[metric] for of in self.newest.values() if metric in of), default=None)

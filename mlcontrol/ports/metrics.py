"""A source of metrics in the Prometheus text format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mlcontrol.ports.connection import Adapter


@dataclass(frozen=True, slots=True)
class MetricSample:
    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scrape:
    samples: tuple[MetricSample, ...]
    latency_ms: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample in the panel's own words, whatever server it came from.

    ``quantity``: "requests_ok", "requests_error" (label ``type``), "duration_ms_total", "latency_ms" (label ``quantile``),
    "cpu_share", "memory_bytes", "responses" (label ``code``, by route role), "pending".
    ``counter``: cumulative, may reset. ``model``: serving model or route name; ``version`` or ``role`` where the server says.
    """

    quantity: str
    value: float
    counter: bool
    model: str = ""
    version: str = ""
    role: str = ""
    labels: tuple[tuple[str, str], ...] = ()


class MetricsSource(Adapter, Protocol):
    def scrape(self, deadline_s: float = 5.0) -> Scrape:
        """One whole scrape or an error; a truncated body is rejected whole."""
        ...

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        """A scrape translated by the dialect of the server it came from (Triton, HAProxy, ...)."""
        ...

"""A source of metrics in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import SeriesData
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


NO_FAILURE_YET = ("failures", "none without a series")
"""A label of "requests_ok": this server counts failures, but tells of none before the first."""


class Reading(NamedTuple):
    """One sample in the panel's own words, whatever server it came from. A fleet sends them by the hundred thousand a second.

    ``quantity``: "requests_ok", "requests_error" (label ``type``), "duration_ms_total", "latency_ms" (label ``quantile``),
    "cpu_share", "memory_bytes", "gpu_share", "gpu_memory_bytes" (label ``gpu``), "responses" (label ``code``, by route role),
    "pending", "queue_ms_total", "predictions" (a query may hold many),
    "latency_bucket" (label ``le``, milliseconds: answers that took no longer).
    About the readings themselves: "silent_s" (label ``every_s``: nothing new has come for so long, where something comes so often),
    "partial" (label ``why``: the answer lacks something; 1: of this very model, 0: perhaps).
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


@runtime_checkable
class RemembersHistory(Protocol):
    """A metrics source that keeps the past itself."""

    def history(
        self,
        services: Sequence[ServiceSettings],
        metrics: Iterable[str],
        since_s: float,
        until_s: float,
        points: int,
        deadline_s: float,
    ) -> tuple[SeriesData, ...]:
        """The panel's own series of any number of services, a sample about every pixel; none of what it does not hold. A fleet is
        asked about in as few questions as the server's limits allow, each of which may take ``deadline_s``."""
        ...


ReadAnswer = Callable[[Container[str]], tuple[Reading, ...]]
"""What a source that was asked has answered about some models (or routes; "" is the server itself): one server may hold a fleet's.
Raises the `AdapterError` of what went wrong instead."""


class BulkScraper(Protocol):
    """Asks many sources at once, without a thread for each. *Thread:* any."""

    def can_ask(self, source: MetricsSource) -> bool:
        """Whether this source can be asked here; others are asked one at a time."""
        ...

    def ask(self, source: MetricsSource, deadline_s: float, done: Callable[[ReadAnswer], None]) -> None:
        """Never waits. ``done`` is called once, on a thread of the scraper's own, and must be quick: reading comes later."""
        ...

    def close(self) -> None: ...

"""Scrapes the text endpoints of a fleet through libcurl, many at once."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial

from mlcontrol.adapters.bulk import BulkClient
from mlcontrol.adapters.http import Response
from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.metrics import MetricsSource, ReadAnswer, Reading


class TextScraper:
    """Satisfies `ports.metrics.BulkScraper`."""

    def __init__(self) -> None:
        self._client = BulkClient()

    def can_ask(self, source: MetricsSource) -> bool:
        return isinstance(source, PrometheusText)

    def ask(self, source: MetricsSource, deadline_s: float, done: Callable[[ReadAnswer], None]) -> None:
        if not isinstance(source, PrometheusText):
            raise TypeError(f"{type(source).__name__} cannot be asked in bulk")
        self._client.submit(source.http, source.call(), deadline_s, lambda answer: done(partial(_read, source, answer)))

    def close(self) -> None:
        self._client.close()


def _read(source: PrometheusText, answer: Response | AdapterError, models: Container[str]) -> tuple[Reading, ...]:
    if isinstance(answer, AdapterError):
        raise answer
    return source.read(answer, models)

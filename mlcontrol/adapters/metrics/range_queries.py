"""Range queries for a whole fleet: one question a metric for as many services as a server's limits allow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlcontrol.adapters.metrics.promql import questions
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import SeriesData, SeriesKey
from mlcontrol.ports.errors import AdapterError

MAX_POINTS = 11_000  # Prometheus refuses range queries with more per series
RATE_WINDOW_S = 60.0
POINTS_A_QUESTION = 400_000
"""So many come back at most, as far as that can be told before: some ten megabytes of JSON, a third of what is read."""
SERIES_A_SERVICE = 4  # two versions with two quantiles; who has more comes near the limit, and no further
TOO_LARGE = "too-large"
"""The code of a problem that fewer services in a question would not have."""

# How Prometheus, Thanos, Mimir and VictoriaMetrics say that a question was too large.
_LIMIT = re.compile(
    "too many samples|exceeded maximum resolution|exceeded (series|samples|chunks|bytes) limit"
    "|the query exceeded|the estimated number of chunks"
    "|cannot select more than|maximum number of points|time series found on"
)

_STEPS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)

Floats = NDArray[np.float64]
RangeQuery = Callable[[str, float, float, float, float], Sequence[tuple[Mapping[str, str], Floats, Floats]]]
"""(query, since, until, step, deadline; seconds) to (labels, times, values) of each series."""


def fleet_history(
    ask: RangeQuery,
    selector: str,
    told: frozenset[str],
    services: Sequence[ServiceSettings],
    metrics: Iterable[str],
    since_s: float,
    until_s: float,
    points: int,
    deadline_s: float,
) -> Iterator[SeriesData]:
    """The panel's series of all these services. Where a question is too large for the server, its half is asked. ``told``: names of
    series that the source has, as far as that is known."""
    step_s = step_of(until_s - since_s, points)
    wanted = frozenset(metrics)
    together = max(1, int(POINTS_A_QUESTION / SERIES_A_SERVICE / max(1.0, (until_s - since_s) / step_s)))
    waiting = [services[i : i + together] for i in range(0, len(services), together)][::-1]
    while waiting:
        some = waiting.pop()
        try:
            found = list(_of(ask, selector, told, some, wanted, since_s, until_s, step_s, deadline_s))
        except AdapterError as error:
            if error.problem.code != TOO_LARGE or len(some) == 1:
                raise
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
            continue
        yield from found


def _of(
    ask: RangeQuery,
    selector: str,
    told: frozenset[str],
    services: Sequence[ServiceSettings],
    metrics: frozenset[str],
    since_s: float,
    until_s: float,
    step_s: float,
    deadline_s: float,
) -> Iterator[SeriesData]:
    for question in questions(services, metrics, selector, max(RATE_WINDOW_S, step_s), step_s, told):
        for labels, at_s, values in ask(question.query, since_s, until_s, step_s, deadline_s):
            for service in question.services(labels):
                key = SeriesKey(service, question.metric, question.labels(labels))
                yield SeriesData(key, at_s.tobytes(), values.tobytes(), step_s=step_s)


def is_limit(said: str) -> bool:
    """Whether a server's words of refusal are those of a limit."""
    return _LIMIT.search(said) is not None


def step_of(span_s: float, points: int) -> float:
    """The round step that gives about a sample a pixel and never more than the API allows."""
    least = span_s / max(1, min(points, MAX_POINTS - 1))
    return float(next((step for step in _STEPS_S if step >= least), math.ceil(least / 86_400) * 86_400))

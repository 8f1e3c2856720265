"""What the sources of metrics remember by themselves, told by this machine's clock; of many services in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import SeriesData
from mlcontrol.ports.metrics import MetricsSource, RemembersHistory
from mlcontrol.services.context import ServiceContext


class Remembered:
    """``metrics``: the metrics source of a connection id; raises `ProblemError`. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, metrics: Callable[[str], MetricsSource]) -> None:
        self._ctx = ctx
        self._metrics = metrics

    def source(self, connection: str) -> RemembersHistory | None:
        """`None` for one that forgets, or cannot be made: that is shown with the connection."""
        with suppress(ProblemError):
            source = self._metrics(connection)
            return source if isinstance(source, RemembersHistory) else None
        return None

    def of(
        self,
        connection: str,
        services: Sequence[ServiceSettings],
        metrics: Iterable[str],
        since_s: float,
        until_s: float,
        points: int,
        deadline_s: float,
    ) -> tuple[SeriesData, ...]:
        """Series of these services between two UTC times of this machine. Raises `AdapterError`; nothing of one that forgets."""
        source = self.source(connection)
        if source is None:
            return ()
        off = self._ctx.clock_off(connection)
        ahead_s = 0.0 if off is None else off.ahead_s
        told = source.history(services, metrics, since_s + ahead_s, until_s + ahead_s, points, deadline_s)
        return tuple(moved(series, -ahead_s) for series in told) if ahead_s else told


def moved(series: SeriesData, by_s: float) -> SeriesData:
    """The same values at times of another clock."""
    return replace(series, at_s=(np.frombuffer(series.at_s) + by_s).tobytes())

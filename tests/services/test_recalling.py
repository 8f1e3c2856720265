"""Of a whole fleet one question: sources are asked for the traffic of the times at which nobody counted here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlcontrol.core import series
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, Sample, SeriesData, SeriesKey, Stamp
from mlcontrol.ports.errors import TimedOut
from mlcontrol.ports.metrics import Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.past_traffic import HOUR_S
from mlcontrol.services.recalling import Recall
from mlcontrol.services.remembered import Remembered
from mlcontrol.store.history import History

NOW_S = 1_760_000_000.0
PROM = ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", "http://127.0.0.1:1")


class Prometheus:
    """Has counted three queries a second of each version of every service, or does not answer."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.silent = False

    def history(
        self, services: Sequence[ServiceSettings], metrics: Any, since_s: float, until_s: float, *_: Any
    ) -> tuple[SeriesData, ...]:
        self.asked.append([service.id for service in services])
        if self.silent:
            raise TimedOut(Problem("slow"))
        at_s = np.arange(since_s, until_s, 15.0)
        value = np.full(at_s.size, 3.0)
        value[0] = np.nan
        keys = [SeriesKey(s.id, m, (("version", v),)) for s in services for m in metrics for v in ("1", "2")]
        return tuple(SeriesData(key, at_s.tobytes(), value.tobytes(), step_s=15.0) for key in keys)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    history = History(tmp_path / "history.db")
    yield SimpleNamespace(
        store=SimpleNamespace(history=history), clock=SimpleNamespace(utc_s=lambda: NOW_S), clock_off=lambda _: None
    )
    history.close()


def meter(name: str, *sources: str, until_s: float = NOW_S) -> Meter:
    """One that has read its sources for ten seconds."""
    made = Meter(ServiceSettings(name, serving_model=name, metrics=sources), OwnQueries())
    for i, at_s in enumerate((until_s - 10, until_s - 5, until_s)):
        for source in sources:
            made.take(source, [Reading("requests_ok", 25.0 * i, True, name, "1")], Stamp(at_s, at_s, i))
        made.traffic()
    return made


def test_a_fleet_that_has_just_begun_is_one_question(world: Any) -> None:
    source = Prometheus()
    meters = [meter(f"s{i}", "prom") for i in range(50)]
    recall = Recall(world, Remembered(world, lambda _: source))
    recall.look(PROM, lambda: meters)
    assert source.asked == [[one.service.id for one in meters]]
    for one in meters:
        traffic, _ = one.traffic()
        assert traffic.previous_hour_per_s == 6.0, "both versions together"
        assert len([v for v in one.past.line(NOW_S) if v == v]) == 32
    recall.look(PROM, lambda: meters)
    assert len(source.asked) == 1, "what was filled is not asked again"


def test_a_source_that_does_not_answer_is_asked_again_at_the_next_look(world: Any) -> None:
    source, one = Prometheus(), meter("s", "prom")
    source.silent = True
    recall = Recall(world, Remembered(world, lambda _: source))
    with pytest.raises(TimedOut):
        recall.look(PROM, lambda: [one])
    source.silent = False
    recall.look(PROM, lambda: [one])
    assert one.traffic()[0].previous_hour_per_s == 6.0


def test_a_service_that_is_counted_elsewhere_too_is_not_told_a_part_as_the_whole(world: Any) -> None:
    source = Prometheus()
    Recall(world, Remembered(world, lambda _: source)).look(
        PROM, lambda: [meter("s", "prom", "own"), meter("t", "prom")]
    )
    assert source.asked == [["t"]]


def test_what_the_engine_before_this_one_kept_is_where_this_one_goes_on(world: Any) -> None:
    for version, rate in (("1", 2.0), ("2", 5.0)):
        key = SeriesKey("s", series.QUERIES_PER_S, (("version", version),))
        world.store.history.append([Sample(key, float(t), rate) for t in np.arange(NOW_S - HOUR_S, NOW_S - 300, 5.0)])
    one = meter("s", "text")
    Recall(world, Remembered(world, lambda _: object())).resume([one])
    assert one.traffic()[0].previous_hour_per_s == 7.0
    assert one.past.resumed

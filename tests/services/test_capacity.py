"""The capacity desk on a real history file: whole traffic of all versions, declared or measured capacity, or what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlcontrol.adapters.metrics.dialects import meaning
from mlcontrol.core import series
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import Sample, SeriesData, SeriesKey, Stamp
from mlcontrol.gui.viewmodels.capacity_words import pressure_sentence
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.capacity import CapacityDesk
from mlcontrol.services.chart_history import ChartHistory
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.remembered import Remembered
from mlcontrol.store.history import History

NOW_S = 1_760_000_400.0
DAY_S = 86_400.0


@pytest.fixture
def world(tmp_path: Path) -> Any:
    history = History(tmp_path / "history.db")
    settings = WorkspaceSettings("w", "w.toml", services={"digits": ServiceSettings("digits")})
    yield SimpleNamespace(
        settings=settings,
        store=SimpleNamespace(history=history),
        clock=SimpleNamespace(utc_s=lambda: NOW_S),
        clock_off=lambda _: None,
    )
    history.close()


def desk(world: Any, source: Any = None) -> CapacityDesk:
    return CapacityDesk(world, ChartHistory(world, lambda: None, Remembered(world, lambda _: source)))


def traffic(at_s: Any, first_s: float) -> Any:
    return 40 + 2 * (at_s - first_s) / DAY_S + 8 * np.sin(2 * np.pi * at_s / DAY_S)


def record(world: Any, days: float, every_s: float = 600.0, share: float = 0.7) -> None:
    """Two versions that share a traffic growing by 2 a second a day, with a daily wave, and p99 rising with it."""
    at = np.arange(NOW_S - days * DAY_S, NOW_S, every_s)
    total = traffic(at, at[0])
    for version, part in (("1", share), ("2", 1 - share)):
        key = SeriesKey("digits", series.QUERIES_PER_S, (("version", version),))
        world.store.history.append([Sample(key, float(t), float(part * v)) for t, v in zip(at, total, strict=True)])
    key = SeriesKey("digits", series.LATENCY_MS, (("quantile", "0.99"), ("version", "1")))
    world.store.history.append([Sample(key, float(t), float(2 * v)) for t, v in zip(at, total, strict=True)])


def declare(world: Any, **objectives: float) -> None:
    service = replace(world.settings.services["digits"], objectives=objectives)
    world.settings = replace(world.settings, services={"digits": service})


class Prometheus:
    """Has counted the growing traffic for ten days; nothing was kept here."""

    def history(
        self, services: Any, metrics: Any, since_s: float, until_s: float, points: int, _deadline_s: float
    ) -> tuple[SeriesData, ...]:
        begun = NOW_S - 10 * DAY_S
        at = np.arange(max(since_s, begun), until_s, 600.0)
        if series.QUERIES_PER_S not in metrics or not at.size:
            return ()
        key = SeriesKey(services[0].id, series.QUERIES_PER_S, (("version", "1"),))
        return (SeriesData(key, at.tobytes(), traffic(at, begun).tobytes(), step_s=600.0),)


def test_what_a_source_remembers_is_enough_for_a_forecast_on_the_first_day(world: Any) -> None:
    service = replace(world.settings.services["digits"], metrics=("prom",), objectives={"capacity_per_s": 80.0})
    world.settings = replace(world.settings, services={"digits": service})
    fresh, forgetful = desk(world, Prometheus()).forecast("digits"), desk(world, object()).forecast("digits")
    assert fresh.reached_s is not None
    assert 3 < (fresh.reached_s - NOW_S) / DAY_S < 12
    assert "of the 7 days" in forgetful.why, "the twin: without it nothing can be said yet"


def test_the_declared_capacity_is_reached_by_both_versions_together(world: Any) -> None:
    record(world, 10)
    declare(world, capacity_per_s=80.0)
    found = desk(world).forecast("digits")
    ahead = np.arange(NOW_S - 10 * DAY_S, NOW_S + 10 * DAY_S, 3600.0)
    first = ahead[np.flatnonzero(traffic(ahead, ahead[0]) >= 80.0)[0]]
    assert found.capacity.source == "declared"
    assert found.reached_s is not None
    assert found.reached_s == pytest.approx(first, abs=2 * 3600.0)
    assert found.per_day == pytest.approx(2.0, abs=0.05)


def test_an_undeclared_capacity_is_measured_where_latency_passes_its_objective(world: Any) -> None:
    record(world, 10)
    declare(world, p99_ms=120.0)
    found = desk(world).forecast("digits")
    assert found.capacity.source == "measured"
    assert found.capacity.per_s == pytest.approx(60.0, rel=0.02)


def test_without_either_the_trend_is_told_and_the_capacity_is_unknown(world: Any) -> None:
    record(world, 10)
    found = desk(world).forecast("digits")
    assert found.capacity.per_s is None
    assert "capacity_per_s" in found.capacity.why
    assert (found.reached_s, found.why) == (None, "")
    assert found.at_s


def test_a_service_without_history_is_unknown(world: Any) -> None:
    declare(world, capacity_per_s=80.0)
    assert "0.0 of the 7 days" in desk(world).forecast("digits").why


def load(world: Any, metric: str, days: float, values: Any, **labels: str) -> None:
    at = np.arange(NOW_S - days * DAY_S, NOW_S, 600.0)
    key = SeriesKey("digits", metric, tuple(sorted(labels.items())))
    world.store.history.append([Sample(key, float(t), float(values(t))) for t in at])


def test_the_cpu_and_the_queue_have_forecasts_of_their_own(world: Any) -> None:
    """CPU grows by 3 points a day from 40 %, on the busier of two machines; the queue by 2 ms a day from 10 ms."""
    first_s = NOW_S - 12 * DAY_S
    load(world, series.CPU_SHARE, 12, lambda t: 0.4 + 0.03 * (t - first_s) / DAY_S, source="a")
    load(world, series.CPU_SHARE, 12, lambda t: 0.1, source="b")
    load(world, series.QUEUE_MS, 12, lambda t: 10 + 2 * (t - first_s) / DAY_S, version="1")
    declare(world, cpu_share=0.8, queue_ms=40.0)
    cpu, queue = desk(world).pressures("digits")
    assert (cpu.what, queue.what) == ("cpu_share", "queue_ms")
    for one, first, per_day, limit in ((cpu.found, 0.4, 0.03, 0.8), (queue.found, 10.0, 2.0, 40.0)):
        assert one.capacity.source == "declared"
        assert one.per_day == pytest.approx(per_day, rel=0.1)
        assert one.reached_s == pytest.approx(first_s + (limit - first) / per_day * DAY_S, abs=0.5 * DAY_S)
        assert one.n > 200
    said, tone = pressure_sentence(cpu, NOW_S)
    assert said.startswith("CPU: 80 % (declared limit) is reached in")
    assert "95 %:" in said
    assert "n = 2" in said
    assert "Newest hour: 7" in said
    assert tone == "warning"


def test_without_a_limit_the_whole_machine_is_the_cpus_and_the_queues_is_unknown(world: Any) -> None:
    load(world, series.CPU_SHARE, 8, lambda t: 0.3 + 0.05 * np.sin(t), source="a")
    load(world, series.QUEUE_MS, 8, lambda t: 5.0 + np.sin(t), version="1")
    cpu, queue = desk(world).pressures("digits")
    assert (cpu.found.capacity.per_s, cpu.found.capacity.source) == (1.0, "whole")
    assert "all of the machine is not reached" in pressure_sentence(cpu, NOW_S)[0]
    said, tone = pressure_sentence(queue, NOW_S)
    assert said.startswith("? Queue time: its limit is not known: no queue_ms is declared")
    assert tone == "unknown"


def test_a_day_of_cpu_is_no_forecast_and_what_was_never_read_is_not_mentioned(world: Any) -> None:
    assert desk(world).pressures("digits") == ()
    load(world, series.CPU_SHARE, 1, lambda t: 0.5, source="a")
    (cpu,) = desk(world).pressures("digits")
    said, tone = pressure_sentence(cpu, NOW_S)
    assert "No forecast of the CPU: 1.0 of the 7 days" in said
    assert tone == "unknown"


def test_the_queue_is_the_mean_wait_of_the_answers_since_the_reading_before() -> None:
    """Triton's counter of microseconds over the requests that were answered meanwhile."""
    meter = Meter(ServiceSettings("digits", serving_model="digits"), OwnQueries())
    samples: list[Sample] = []
    for step, (answers, queued_us) in enumerate(((100, 50_000), (110, 250_000), (110, 250_000))):
        counted = {"nv_inference_request_success": answers, "nv_inference_queue_duration_us": queued_us}
        known = [(meaning(name, {"model": "digits", "version": "2"}), value) for name, value in counted.items()]
        readings = [one.reading(float(value)) for one, value in known if one is not None]
        samples += meter.take("prom", readings, Stamp(NOW_S + 5 * step, 5.0 * step, step))[0]
    waits = [s for s in samples if s.key.metric == series.QUEUE_MS]
    assert [(s.value, s.key.label("version")) for s in waits] == [(20.0, "2")]

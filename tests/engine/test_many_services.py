"""Two thousand services on one real Prometheus: all get their facts, it is asked once a poll, and its limits are told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mlcontrol.core.types import Health, ServiceState
from mlcontrol.engine.wiring import Built, build
from tests.many_services import ManyServices, many_services

SERVICES, POLL_S, LIMIT_S = 2000, 5.0, 300.0

pytestmark = [pytest.mark.real, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyServices]:
    with many_services(SERVICES, tmp_path_factory.mktemp("many")) as made:
        yield made


@pytest.fixture
def built(many: ManyServices, tmp_path: Path) -> Iterator[Built]:
    made = build(many.write_workspace(tmp_path / "mlcontrol.toml", POLL_S))
    yield made
    made.close()


def until(what: Callable[[], bool], words: str) -> None:
    ends = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < ends, words
        time.sleep(0.2)


def states(built: Built) -> list[ServiceState]:
    return list(built.context.state().services.values())


def test_all_get_their_facts_from_one_request_a_poll(many: ManyServices, built: Built) -> None:
    with many.prometheus():
        before, begun = many.questions("query"), time.monotonic()
        built.engine.start()
        until(lambda: all(s.traffic_per_s is not None for s in states(built)), "not every service has its traffic")
        fast, slow = (built.context.state().services[f"s{i:04d}"] for i in (49, 50))  # 50 a second and 1
        assert fast.use.health is slow.use.health is Health.OK
        assert (fast.traffic_per_s or 0.0) > 10 * (slow.traffic_per_s or 0.0) > 0.0
        polled = built.context.collector.polls if built.context.collector is not None else None
        assert polled is not None
        asked, polls = many.questions("query") - before, (time.monotonic() - begun) / POLL_S
        # A probe asks twice, and the second scrape comes early.
        assert asked <= polls + 5, f"{asked:g} requests in {polls:.1f} polls"


def test_an_engine_that_starts_draws_the_quarter_of_an_hour_before_it_from_a_few_range_queries(
    many: ManyServices, built: Built
) -> None:
    many.store_before(1200.0)
    with many.prometheus("--query.max-samples=200000"):
        before = many.questions("query_range")
        built.engine.start()
        until(lambda: all(known(s.use.spark) > 24 for s in states(built)), "not every service has its line")
        asked = many.questions("query_range") - before
    assert 0 < asked <= SERVICES / 50, f"{asked:g} range queries"
    fast, slow = (built.context.state().services[f"s{i:04d}"].use.spark for i in (49, 50))
    assert np.nanmedian(fast) == pytest.approx(50.0, rel=0.05)
    assert np.nanmedian(slow) == pytest.approx(1.0, rel=0.05)


def known(line: tuple[float, ...]) -> int:
    return sum(value == value for value in line)


def test_a_limit_of_the_server_is_told_once_and_its_end_brings_all_back(many: ManyServices, built: Built) -> None:
    """A refusal leaves every service unknown, never the part that would have fitted."""
    with many.prometheus():
        built.engine.start()
        until(lambda: all(s.traffic_per_s is not None for s in states(built)), "not every service has its traffic")
    with many.prometheus("--query.max-samples=100"):
        until(lambda: not any(s.use.health is Health.OK for s in states(built)), "some service is still green")
        until(lambda: all("too many samples" in s.use.detail for s in states(built)), "the limit was not told")
        before, begun = many.questions(), time.monotonic()
        until(lambda: time.monotonic() - begun > 4 * POLL_S, "time stands still")
        assert many.questions() - before <= (time.monotonic() - begun) / POLL_S + 3, (
            "refused, it is not asked more often"
        )
    with many.prometheus():
        until(lambda: all(s.use.health is Health.OK for s in states(built)), "not every service came back")

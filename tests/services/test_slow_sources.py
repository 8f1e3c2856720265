"""A source that is asked, or filled, less often than the rest: judged by its own interval, in use and in presence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.adapters.http_errors import status_error
from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.freshness import freshness
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, Freshness, Health, Stamp
from mlcontrol.services.asking import coded
from mlcontrol.services.assembly import _in_polls, connection_state
from mlcontrol.services.counted_twice import counted_twice
from mlcontrol.services.fact_book import Contact
from tests.services.collected_world import POLL_S, Bench


def bench(every_s: float) -> Bench:
    made = Bench()
    metrics = replace(made.settings.connections["metrics"], poll_s=every_s)
    made.settings = replace(made.settings, connections={**made.settings.connections, "metrics": metrics})
    made.collector.adopt()
    for _ in range(3):
        made.world.answered["2"] += 50.0
        made.poll(every_s)
    return made


def test_a_connection_that_is_asked_every_half_minute_does_not_flap() -> None:
    """Use was judged by the interval of the others: unknown for half of the time."""
    slow = bench(30.0)
    assert [slow.wait(10.0).use.freshness for _ in range(3)] == [Freshness.FRESH] * 3
    assert slow.wait(40.0).use.freshness is Freshness.STALE
    assert slow.wait(30.0).use.freshness is Freshness.UNKNOWN


def test_the_twin_one_that_is_asked_as_often_as_the_others_is_unknown_by_then() -> None:
    assert bench(POLL_S).wait(20.0).use.freshness is Freshness.UNKNOWN


@pytest.mark.parametrize(
    ("asked_s", "silent_s", "every_s", "expected"),
    [
        (20.0, 0.0, 30.0, Freshness.FRESH),
        (70.0, 0.0, 30.0, Freshness.STALE),
        (1.0, 40.0, 15.0, Freshness.STALE),
        (1.0, 50.0, 15.0, Freshness.UNKNOWN),
        (1.0, 50.0, 60.0, Freshness.FRESH),
        (12.0, 0.0, 5.0, Freshness.STALE),
        (1.0, 0.0, 0.0, Freshness.FRESH),
    ],
)
def test_presence_sees_it_as_old_as_it_is_by_its_own_interval(
    asked_s: float, silent_s: float, every_s: float, expected: Freshness
) -> None:
    known = Known(Traffic(silent_s=silent_s, every_s=every_s), Stamp(0.0, 1000.0 - asked_s, 1))
    assert freshness(_in_polls(known, 1000.0, POLL_S).at, 1000.0, POLL_S) is expected


def test_the_collector_looks_for_what_is_read_twice() -> None:
    made = Bench()
    second = replace(made.settings.connections["metrics"], id="again")
    service = replace(made.settings.services["digits"], metrics=("metrics", "again"))
    made.settings = replace(
        made.settings, connections={**made.settings.connections, "again": second}, services={"digits": service}
    )
    made.collector.adopt()
    assert counted_twice(service, made.settings.connections, made._world)
    for _ in range(3):
        made.poll()
    assert made.service.use.text == "counted twice"
    assert "through metrics and through again" in made.service.use.detail


def test_a_connection_whose_server_asks_for_a_pause_says_so() -> None:
    settings = ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", "http://127.0.0.1:9090")
    error = status_error(settings, 429, "slow down", 40.0)
    contact = Contact(at=Stamp(0.0, 98.0, 1), latency_ms=3.0, failed=coded(error), failed_at=Stamp(0.0, 99.0, 2))
    told = connection_state(settings, contact, 100.0, POLL_S)
    assert (told.health, told.text) == (Health.WARNING, "'prom' is asked too often.")
    assert told.why.endswith("It says: slow down. It asks to be left alone for 40 s.")

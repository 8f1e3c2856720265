"""The fleet's schedule: spread, steady, patient with the failing, and one scrape each after a suspended night."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.errors import Busy, TimedOut, Unreachable
from mlcontrol.ports.metrics import ReadAnswer
from mlcontrol.services import scraping
from mlcontrol.services.asking import Asking
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.loads import Loads
from mlcontrol.services.scraping import FleetScraper, Target


class Bulk:
    """Stands for the network: answers at once, or not until it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str]] = []
        self.failing: dict[str, Exception] = {}
        self.holding = False
        self.held: list[Callable[[], None]] = []

    def can_ask(self, source: Any) -> bool:
        return True

    def ask(self, source: Any, deadline_s: float, done: Callable[[ReadAnswer], None]) -> None:
        self.asked.append((time.monotonic(), source))

        def read(_models: Container[str]) -> tuple[()]:
            if source in self.failing:
                raise self.failing[source]
            return ()

        if self.holding:
            self.held.append(lambda: done(read))
        else:
            done(read)

    def close(self) -> None:
        self.held.clear()

    @property
    def counts(self) -> Counter[str]:
        return Counter(source for _, source in self.asked)


@pytest.fixture
def bulk() -> Bulk:
    return Bulk()


@pytest.fixture
def book() -> FactBook:
    return FactBook()


@pytest.fixture
def scraper(bulk: Bulk, book: FactBook) -> Iterator[FleetScraper]:
    state = SimpleNamespace(operations={})
    ctx: Any = SimpleNamespace(clock=SystemClock(), state=lambda: state, emit=lambda *_: None)
    told: list[object] = []
    made = FleetScraper(Asking(ctx, book, lambda *_: None), bulk, Loads(ctx), lambda error, where: told.append(error))
    made.start()
    yield made
    made.close()
    assert told == []


def target(name: str, every_s: float = 0.2, key: object = None) -> Target:
    return Target(name, every_s, name, lambda: (), key, every_s)  # type: ignore[arg-type]


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_every_target_is_scraped_and_spread_over_the_interval(scraper: FleetScraper, bulk: Bulk) -> None:
    names = [f"t{i}" for i in range(400)]
    scraper.replace_targets([target(name, 1.0) for name in names])
    until(lambda: set(bulk.counts) == set(names))
    firsts = [at for at, _ in bulk.asked[:400]]
    assert firsts[-1] - firsts[0] > 0.5, "not all in one burst"


def test_the_second_scrape_comes_soon_and_then_at_the_beat(scraper: FleetScraper, bulk: Bulk) -> None:
    scraper.replace_targets([Target("t", 60.0, "t", lambda: (), None, 0.1)])  # type: ignore[arg-type]
    until(lambda: bulk.counts["t"] == 2)
    time.sleep(0.3)
    assert bulk.counts["t"] == 2


def test_one_that_is_gone_is_asked_ever_more_rarely_and_one_that_is_slow_at_its_turn(
    scraper: FleetScraper, bulk: Bulk, book: FactBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scraping, "BACKOFF_FIRST_S", 30.0)
    bulk.failing = {"gone": Unreachable(Problem("gone")), "slow": TimedOut(Problem("slow"))}
    scraper.replace_targets([target("gone", 0.05), target("slow", 0.05)])
    until(lambda: bulk.counts["slow"] >= 4)
    assert bulk.counts["gone"] == 1
    failed = book.contact("gone").failed
    assert failed is not None
    assert failed.what == "gone"


def test_one_that_asks_for_a_pause_gets_it(scraper: FleetScraper, bulk: Bulk) -> None:
    busy = Busy(Problem("asked too often", code="busy"))
    busy.wait_s = 60.0
    bulk.failing = {"limited": busy}
    scraper.replace_targets([target("limited", 0.1), target("well", 0.1)])
    until(lambda: bulk.counts["well"] >= 6)
    assert bulk.counts["limited"] == 1


def test_a_target_is_never_asked_twice_at_once(scraper: FleetScraper, bulk: Bulk) -> None:
    bulk.holding = True
    scraper.replace_targets([target("t", 0.05), target("other", 0.05)])
    until(lambda: len(bulk.held) == 2)
    time.sleep(0.3)
    assert bulk.counts == {"t": 1, "other": 1}


def test_after_a_pause_there_is_one_scrape_each_and_no_backlog(scraper: FleetScraper, bulk: Bulk) -> None:
    """As after a suspended laptop: answers come two intervals late, and the missed turns are not made up for."""
    bulk.holding = True
    scraper.replace_targets([target("t", 0.1)])
    until(lambda: bulk.held)
    time.sleep(1.0)
    bulk.holding = False
    before = bulk.counts["t"]
    bulk.held.pop()()
    time.sleep(0.35)
    assert bulk.counts["t"] - before <= 6, "ten turns were missed"


def test_targets_that_stay_keep_their_place_and_those_that_leave_are_left_alone(
    scraper: FleetScraper, bulk: Bulk
) -> None:
    scraper.replace_targets([target("stays", 60.0), target("leaves", 0.05)])
    until(lambda: bulk.counts["stays"] == 1 and bulk.counts["leaves"] >= 1)
    scraper.replace_targets([target("stays", 60.0), target("new", 0.05)])
    until(lambda: bulk.counts["new"] >= 3)
    left = bulk.counts["leaves"]
    until(lambda: bulk.counts["new"] >= 6)
    assert bulk.counts["leaves"] == left
    assert bulk.counts["stays"] == 1


def test_an_answer_of_a_target_that_left_is_dropped(scraper: FleetScraper, bulk: Bulk, book: FactBook) -> None:
    bulk.holding = True
    scraper.replace_targets([target("t", 0.05)])
    until(lambda: bulk.held)
    scraper.replace_targets([])
    bulk.held.pop()()
    time.sleep(0.1)
    assert book.contact("t").at is None

"""Lines that lose packets: some of them, or all (rows 5 and 6)."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from mlcontrol.adapters.http import HttpClient
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, Health
from mlcontrol.ports.errors import TimedOut
from mlcontrol.services.polling import Job, Poller
from tests.services.collected_world import POLL_S, Bench

MINUTES = 10


@pytest.fixture
def blackhole() -> Iterator[int]:
    """A port that drops every SYN, without a right to the packet filter: the kernel does so where the accept queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(20):
            filler = held.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
        else:
            raise AssertionError("the kernel goes on accepting")
        yield listener.getsockname()[1]


def client(port: int) -> HttpClient:
    return HttpClient(ConnectionSettings("gone", ConnectionKind.METRICS, "x", f"http://127.0.0.1:{port}"), lambda: None)


def test_a_line_that_drops_everything_ends_in_time_and_takes_no_thread(blackhole: int) -> None:
    """Fault 5: many questions into a black hole, each ended at its deadline, on a fixed number of threads."""
    http, ended, problems = client(blackhole), threading.Semaphore(0), []

    def ask() -> None:
        try:
            http.get("/x", 0.2)
        except TimedOut as error:
            problems.append(error.problem.what)
            raise
        finally:
            ended.release()

    poller = Poller(lambda error, where: pytest.fail(f"{where}: {error}"), workers=4)
    poller.start()
    before = threading.active_count()
    poller.replace_jobs(Job(f"job-{n}", 0.05, ask) for n in range(12))
    most = before
    for _ in range(30):
        assert ended.acquire(timeout=20)
        most = max(most, threading.active_count())
    poller.close()
    http.close()
    assert most <= before + 1  # the one that cuts calls off, which may begin only now
    assert len(problems) >= 30
    assert all("did not answer" in what for what in problems)


def test_twin_without_a_deadline_the_question_would_hang_there(blackhole: int) -> None:
    begun = time.monotonic()
    with socket.socket() as plain:
        plain.settimeout(0.8)  # only so that the test ends
        with pytest.raises(TimeoutError):
            plain.connect(("127.0.0.1", blackhole))
    assert time.monotonic() - begun > 0.7


class Lossy(set[str]):
    """Every third question into it is lost."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part, self._chance = part, random.Random(7)

    def __contains__(self, part: object) -> bool:
        return part == self._part and self._chance.random() < 0.3


def watched() -> tuple[int, int]:
    """Changes of the endpoint's state over ten minutes of a line with 30 % loss; and of the newest answer, good or lost."""
    bench = Bench()
    bench.poll()
    bench.world.frozen = Lossy("serving")
    health, lost = [], []
    for _ in range(round(60 * MINUTES / POLL_S)):
        bench.poll()
        health.append(bench.hub.state().connections["serving"].health)
        lost.append(bench.collector._book.contact("serving").failed is not None)
    assert Health.OK in health
    return (
        sum(a is not b for a, b in pairwise(health)),
        sum(a is not b for a, b in pairwise(lost)),
    )


def test_a_line_that_loses_a_third_does_not_flap_and_twin_each_lost_answer_would() -> None:
    """Fault 6: at most one change of state a minute. Without the three polls in a row that make a state it would be many more."""
    changes, twin = watched()
    assert changes <= MINUTES
    assert twin > 2 * MINUTES

"""The scheduler: hung targets starve nobody, nothing dies silently."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import Busy, TimedOut, Unreachable
from mlcontrol.services.polling import Job, Poller, _Slot, held_s

MakePoller = Callable[..., Poller]


def until(look: Callable[[], object], within_s: float = 60.0) -> None:
    give_up = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < give_up, "not in time"
        time.sleep(0.005)


@pytest.fixture
def reports() -> list[tuple[BaseException, str]]:
    return []


@pytest.fixture
def make_poller(reports: list[tuple[BaseException, str]]) -> Iterator[MakePoller]:
    made: list[Poller] = []

    def make(jobs: list[Job], workers: int = 4) -> Poller:
        poller = Poller(lambda error, where: reports.append((error, where)), workers, random.Random(7))
        made.append(poller)
        poller.replace_jobs(jobs)
        poller.start()
        return poller

    yield make
    for poller in made:
        poller.close()


def test_hung_targets_never_starve_the_others(make_poller: MakePoller) -> None:
    release, counts = threading.Event(), [0] * 4

    def hang() -> None:
        release.wait(0.3)
        raise TimedOut(Problem("no answer", code="timeout"))

    def count(index: int) -> Callable[[], None]:
        def run() -> None:
            counts[index] += 1

        return run

    hung = [Job(f"hung {i}", 0.05, hang) for i in range(30)]
    healthy = [Job(f"healthy {i}", 0.05, count(i)) for i in range(4)]

    def ten_polls_s() -> float:
        until(lambda: min(counts) >= 3)
        before = list(counts)
        started = time.monotonic()
        until(lambda: min(now - then for now, then in zip(counts, before, strict=True)) >= 10)
        return time.monotonic() - started

    poller = make_poller(healthy)
    alone_s = ten_polls_s()
    poller.close()
    counts[:] = [0] * 4
    make_poller([*hung, *healthy])
    # 30 targets that take 0.3 s each on 4 threads are 2.25 s a round, so ten rounds 22 s; the healthy do not wait for them.
    assert ten_polls_s() < max(5.0, 8 * alone_s)
    release.set()


def test_the_threads_are_a_fixed_number(make_poller: MakePoller) -> None:
    before = threading.active_count()
    make_poller([Job(f"job {i}", 0.01, lambda: None) for i in range(50)], workers=3)
    assert threading.active_count() == before + 3


def test_a_job_is_never_run_beside_itself(make_poller: MakePoller) -> None:
    inside, most, runs = 0, 0, 0

    def run() -> None:
        nonlocal inside, most, runs
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)
        inside -= 1
        runs += 1

    poller = make_poller([Job("one", 0.001, run)])
    for _ in range(20):
        poller.hurry("one")
    until(lambda: runs >= 10)
    assert most == 1


def test_an_unforeseen_error_is_told_and_the_poller_lives_on(
    make_poller: MakePoller, reports: list[tuple[BaseException, str]]
) -> None:
    """Fault 66."""
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 1
        raise KeyError("surprise")

    make_poller([Job("odd", 0.01, run)])
    until(lambda: runs >= 3)
    assert [where for _, where in reports[:2]] == ["polling odd", "polling odd"]


def test_twin_without_the_boundary_a_surprise_ends_every_thread_unheard(
    make_poller: MakePoller, reports: list[tuple[BaseException, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def run(_poller: Poller, _slot: _Slot) -> float:
        runs.append(1)
        raise KeyError("surprise")

    monkeypatch.setattr(Poller, "_run", run)
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    poller = make_poller([Job(f"odd {n}", 0.01, lambda: None) for n in range(9)], workers=2)
    until(lambda: not any(thread.is_alive() for thread in poller._threads))
    assert (len(runs), reports) == (2, [])


def test_a_foreseen_failure_is_not_reported(make_poller: MakePoller, reports: list[object]) -> None:
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 1
        raise TimedOut(Problem("no answer"))

    make_poller([Job("slow", 0.01, run)])
    until(lambda: runs >= 3)
    assert reports == []


def test_the_unreachable_is_asked_ever_more_rarely(make_poller: MakePoller) -> None:
    """Fault 4: refused and reset connections are tried again ever more rarely."""
    poller = make_poller([])
    job = Job("away", 0.01, lambda: (_ for _ in ()).throw(Unreachable(Problem("refused"))))
    slot = _Slot(job, 0.0)
    pauses = [poller._run(slot) for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def busy(wait_s: float) -> Busy:
    error = Busy(Problem("asked too often", code="busy"))
    error.wait_s = wait_s
    return error


def test_a_server_that_asks_for_a_pause_gets_it_from_every_job_of_its_connection(make_poller: MakePoller) -> None:
    """Retry-After was dropped: a server at its limit was asked at every turn."""
    asked: dict[str, list[float]] = {"a1": [], "a2": [], "b": []}

    def ask(name: str) -> Callable[[], None]:
        def run() -> None:
            asked[name].append(time.monotonic())
            if name == "a1" and len(asked["a1"]) == 1:
                raise busy(1.0)

        return run

    poller = make_poller([Job(name, 0.05, ask(name), name[0]) for name in asked])
    until(lambda: len(asked["a1"]) >= 1)
    poller.hurry("a2")
    until(lambda: len(asked["a1"]) >= 3 and len(asked["a2"]) >= 3)
    first, again = asked["a1"][:2]
    assert again - first >= 1.0
    assert [at for at in asked["a2"] if first + 0.1 < at < first + 1.0] == [], (
        "the other job waits, too, hurried or not"
    )
    assert len([at for at in asked["b"] if first < at < first + 1.0]) > 5, "another connection does not"


@pytest.mark.parametrize(("wait_s", "least_s", "most_s"), [(30.0, 30.0, 33.0), (86_400.0, 300.0, 330.0)])
def test_a_pause_is_kept_in_full_spread_and_bounded(wait_s: float, least_s: float, most_s: float) -> None:
    pauses = [held_s(busy(wait_s), random.Random(seed)) for seed in range(50)]
    assert least_s <= min(pauses) < max(pauses) <= most_s
    assert held_s(TimedOut(Problem("no answer")), random.Random(1)) == 0.0


def test_replacing_jobs_keeps_what_is_unchanged(make_poller: MakePoller) -> None:
    runs = {"kept": 0, "gone": 0, "new": 0}

    def count(name: str) -> Callable[[], None]:
        def run() -> None:
            runs[name] += 1

        return run

    kept, gone = Job("kept", 0.01, count("kept")), Job("gone", 0.01, count("gone"))
    poller = make_poller([kept, gone])
    until(lambda: runs["kept"] and runs["gone"])
    poller.replace_jobs([kept, Job("new", 0.01, count("new"))])
    until(lambda: runs["new"])
    last = runs["gone"]
    kept_now = runs["kept"]
    until(lambda: runs["kept"] >= kept_now + 5)
    assert runs["gone"] <= last + 1


def test_a_foreseen_failure_is_tried_again_sooner_where_that_is_wanted(make_poller: MakePoller) -> None:
    asked: list[float] = []

    def fail_once() -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            raise TimedOut(Problem("it was loading", code="timeout"))

    make_poller([Job("golden", 3600.0, fail_once, retry_s=0.05)])
    until(lambda: len(asked) == 2)
    time.sleep(0.3)
    assert len(asked) == 2, "it answered: now its turn is in an hour"


def test_what_is_hurried_while_it_runs_runs_again_after_that(make_poller: MakePoller) -> None:
    begun, go_on, runs = threading.Event(), threading.Event(), [0]

    def run() -> None:
        runs[0] += 1
        begun.set()
        go_on.wait(60)

    poller = make_poller([Job("golden", 3600.0, run)])
    assert begun.wait(60)
    poller.hurry("golden")
    go_on.set()
    until(lambda: runs[0] == 2)

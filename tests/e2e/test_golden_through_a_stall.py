"""A real server that is silent for longer than a golden query waits: nothing of that is held against the version."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.services import golden_run
from mlcontrol.services.golden_run import run_golden
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.test_effects_read_back import SERVICE, context_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

AFTER_S = 0.3  # some of the queries are under way by then


@contextmanager
def silent(fleet: RunningFleet, for_s: float) -> Iterator[None]:
    """The model server's process stands still for a while, beginning soon."""
    pid = next(p.pid for p in sandbox.status(fleet.home).processes if p.name == "triton")
    ending = threading.Event()

    def stand_still() -> None:
        ending.wait(AFTER_S)
        os.kill(pid, signal.SIGSTOP)
        ending.wait(for_s)
        os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stand_still, name="stall")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def test_a_version_is_judged_by_what_it_answers_when_its_server_is_back(fleet: RunningFleet) -> None:
    with context_of(fleet.workspace) as ctx:
        quiet = run_golden(ctx, SERVICE, "2", None)
        with silent(fleet, golden_run.ITEM_DEADLINE_S + 2.0):
            found = run_golden(ctx, SERVICE, "2", None)
    assert found.score == quiet.score
    assert found.problem("2") is None


def test_twin_without_a_second_question_it_is_not_known_and_taken_for_an_answer_it_is_a_failure(
    fleet: RunningFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_run, "_one_by_one", lambda *_: {})
    with context_of(fleet.workspace) as ctx, silent(fleet, golden_run.ITEM_DEADLINE_S + 2.0):
        found = run_golden(ctx, SERVICE, "2", None)
        problem = found.problem("2")
    assert problem is not None
    assert problem.code == "unknown"
    assert len(found.score.unknown) >= 20, "what was under way at once"
    monkeypatch.setattr(golden_run, "_says_nothing", lambda _answer: False)
    with context_of(fleet.workspace) as ctx, silent(fleet, golden_run.ITEM_DEADLINE_S + 2.0):
        problem = run_golden(ctx, SERVICE, "2", None).problem("2")
    assert problem is not None
    assert problem.what.startswith("v2 fails critical golden items: ")

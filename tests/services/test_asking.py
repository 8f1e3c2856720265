"""Every question is counted with how it ended: for the engine's own metrics."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, TimedOut
from mlcontrol.services.asking import Asking
from mlcontrol.services.fact_book import FactBook
from mlcontrol.testing.clock import FakeClock


@pytest.fixture
def asking() -> Asking:
    return Asking(SimpleNamespace(clock=FakeClock()), FactBook(), lambda *_: None)  # type: ignore[arg-type]


def lose(asking: Asking, connection: str, error: AdapterError) -> None:
    with pytest.raises(type(error)), asking.of(connection):
        raise error


def test_answers_and_failures_are_counted_apart(asking: Asking) -> None:
    for _ in range(3):
        with asking.of("triton"):
            pass
    lose(asking, "triton", TimedOut(Problem("No answer within 4 s.")))
    lose(asking, "mlflow", TimedOut(Problem("No answer within 4 s.")))
    assert asking.polls.all() == ({"triton": 3}, {("triton", "timeout"): 1, ("mlflow", "timeout"): 1})


def test_a_no_is_an_answer(asking: Asking) -> None:
    lose(asking, "mlflow", NotFound(Problem("There is no such alias.")))
    assert asking.polls.all() == ({"mlflow": 1}, {})


def test_a_no_to_the_only_question_is_none(asking: Asking) -> None:
    with pytest.raises(Rejected), asking.of("prometheus", only_one=True):
        raise Rejected(Problem("It refused the query."))
    assert asking.polls.all() == ({}, {("prometheus", "rejected"): 1})
    failed = asking.book.contact("prometheus").failed
    assert failed is not None
    assert failed.what == "It refused the query."


def test_an_unforeseen_error_is_no_answer(asking: Asking) -> None:
    with pytest.raises(ZeroDivisionError), asking.of("mlflow"):
        raise ZeroDivisionError
    assert asking.polls.all()[0] == {}

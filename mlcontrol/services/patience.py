"""Asks what may hang or crash, for a bounded time: neither keeps anybody waiting, and neither passes for an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from mlcontrol.core.problem import Problem, ProblemError

T = TypeVar("T")
MOST_ABANDONED = 4
_abandoned: list[threading.Thread] = []
_lock = threading.Lock()


class NoAnswer(ProblemError):  # noqa: N818 - read as "except NoAnswer"
    """It did not answer in time, or broke while it was asked; code "unknown"."""


def within(seconds: float, ask: Callable[[], T], who: str) -> T:
    """What ``ask`` returns. Its own `ProblemError`s pass through; whatever else it raises, and no end within ``seconds``, is
    `NoAnswer` ("``who`` did not answer"). A thread cannot be ended from outside: at most `MOST_ABANDONED` are left behind, then
    nothing is asked until one of them has ended. *Thread:* any; ``ask`` runs on one of its own."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - the boundary: it is raised again by whoever waits
            errors.append(error)

    with _lock:
        _abandoned[:] = [thread for thread in _abandoned if thread.is_alive()]
        if len(_abandoned) >= MOST_ABANDONED:
            raise NoAnswer(_problem(who, f"{len(_abandoned)} earlier questions still hang."))
    thread = threading.Thread(target=run, name=f"asking {who}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        with _lock:
            _abandoned.append(thread)
        raise NoAnswer(_problem(who, f"Nothing came within {seconds:g} s."))
    if not errors:
        return answers[0]
    error = errors[0]
    if isinstance(error, ProblemError):
        raise error
    raise NoAnswer(_problem(who, f"It broke: {type(error).__name__} {error}".strip()[:300])) from error


def _problem(who: str, why: str) -> Problem:
    return Problem(f"{who} did not answer.", why, "What it would have found is not known.", code="unknown")

"""What the panel says when something is wrong: a fact, a reason and a way on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in words for the person who has to act on it.

    *what* happened (one sentence), *why* as far as it is known, what to do *next*. ``code`` is stable and short, for tests,
    logs and exit codes ("unreachable", "conflict", "blocked", "not-found", "unknown", "refused", ...).
    """

    what: str
    why: str = ""
    next: str = ""
    code: str = "failed"

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.next) if part)


class ProblemError(Exception):
    """Carries a `Problem` up to the place that shows it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem

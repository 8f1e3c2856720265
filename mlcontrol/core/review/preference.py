"""Is the second version preferred? A win rate that may be looked at after every judgement; its verdict may be "inconclusive"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log

from mlcontrol.core.review.judging import Judgement, counts
from mlcontrol.core.statistics.sequential_proportion import log_e_above, log_e_below, proportion_interval


class Verdict(StrEnum):
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WinRate:
    """Of the second version over the first. ``low``/``high``: confidence sequence, valid at every look. ``decided_at``: after how
    many decisive judgements the evidence was enough; `None` while it is not."""

    wins: int
    losses: int
    ties: int
    value: float | None
    low: float
    high: float
    verdict: Verdict
    decided_at: int | None


CENTRED = (2.0, 2.0)
"""Win rates are near 1/2 when they matter: a prior with its mass there decides 65 to 70 % a little sooner than a flat one."""


def decided(good: int, bad: int, p0: float, alpha: float, prior: tuple[float, float] = (1.0, 1.0)) -> Verdict:
    """Is the share above (BETTER) or below (WORSE) ``p0``? Two one-sided always-valid tests at alpha / 2 each, so that a share
    of exactly ``p0`` is called either at any look with probability ``alpha`` at most."""
    if good + bad == 0:
        return Verdict.NONE
    bound = log(2 / alpha)
    n = good + bad
    likelihood = sum(x * log(x / n) for x in (good, bad) if x) - good * log(p0) - bad * log(1 - p0)
    if likelihood < bound:  # no mixture can say more than the likeliest alternative
        return Verdict.INCONCLUSIVE
    if log_e_above(good, bad, p0, prior) >= bound:
        return Verdict.BETTER
    return Verdict.WORSE if log_e_below(good, bad, p0, prior) >= bound else Verdict.INCONCLUSIVE


class _Latch:
    """Outcomes one after the other; the first decision that was allowed stands."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.wins = self.losses = 0
        self.decided_at: int | None = None
        self.verdict = Verdict.INCONCLUSIVE

    def add(self, outcome: int) -> None:
        self.wins += outcome == 1
        self.losses += outcome != 1
        if self.decided_at is None:
            found = decided(self.wins, self.losses, 0.5, self.alpha, CENTRED)
            if found in (Verdict.BETTER, Verdict.WORSE):
                self.decided_at, self.verdict = self.wins + self.losses, found

    def result(self, ties: int, margin: float) -> WinRate:
        low, high = proportion_interval(self.wins, self.losses, self.alpha, CENTRED)
        n = self.wins + self.losses
        verdict, decided_at = self.verdict if n or ties else Verdict.NONE, self.decided_at
        if decided_at is None and margin > 0 and n and low >= 0.5 - margin and high <= 0.5 + margin:
            verdict, decided_at = Verdict.SAME, n
        return WinRate(self.wins, self.losses, ties, self.wins / n if n else None, low, high, verdict, decided_at)


def win_rate(outcomes: Sequence[int], ties: int = 0, alpha: float = 0.05, margin: float = 0.0) -> WinRate:
    """``outcomes``: 1 for a win of the second version, 0 for a loss, in the order they were judged. Ties say nothing of the win
    rate and are counted beside.

    BETTER or WORSE from the first look at which `decided` says so, latched: later judgements cannot undo
    a decision that was allowed. SAME only with ``margin`` > 0: the whole confidence sequence lies within 1/2 +- margin.
    """
    latch = _Latch(alpha)
    for outcome in outcomes:
        latch.add(outcome)
    return latch.result(ties, margin)


class WinTally:
    """Judgements of pairs as they come and are taken back; one outcome an item, in the order in which items were first judged:
    where raters differ it is the majority's, else a tie. Only what came after the last look is read again."""

    def __init__(self, judgements: Iterable[Judgement] = ()) -> None:
        self._votes: dict[str, dict[str, int]] = {}
        self._order: list[str] = []
        self._place: dict[str, int] = {}
        self._read = 0  # how many items of the order are in the latch
        self._ties = 0
        self._latch = _Latch(0.05)
        for one in judgements:
            self.put(one)

    def put(self, one: Judgement) -> None:
        if not one.version_b or one.label not in ("a", "b", "equal", "both-bad"):
            return
        votes = self._votes.setdefault(one.item, {})
        before = _sign(votes)
        if counts(one):
            votes[one.id] = {"a": -1, "b": 1}.get(one.label, 0)
        else:
            votes.pop(one.id, None)
        if one.item not in self._place:
            self._place[one.item] = len(self._order)
            self._order.append(one.item)
        elif self._place[one.item] < self._read and _sign(votes) != before:
            self._read = 0  # what was decided may have been decided otherwise

    def win_rate(self, alpha: float = 0.05, margin: float = 0.0) -> WinRate:
        if self._read == 0 or self._latch.alpha != alpha:
            self._latch, self._read, self._ties = _Latch(alpha), 0, 0
        for item in self._order[self._read :]:
            sign = _sign(self._votes[item])
            if sign:
                self._latch.add(1 if sign > 0 else 0)
            elif sign == 0:
                self._ties += 1
        self._read = len(self._order)
        return self._latch.result(self._ties, margin)


def _sign(votes: Mapping[str, int]) -> int | None:
    """-1, 0 or 1 of an item's votes; `None` when none stands."""
    total = sum(votes.values())
    return (total > 0) - (total < 0) if votes else None


def win_rate_of(judgements: Iterable[Judgement], alpha: float = 0.05, margin: float = 0.0) -> WinRate:
    """Judgements of pairs in their order."""
    return WinTally(judgements).win_rate(alpha, margin)

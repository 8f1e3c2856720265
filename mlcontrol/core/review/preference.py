"""Is the second version preferred? A win rate that may be looked at after every judgement; its verdict may be "inconclusive"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def win_rate(outcomes: Sequence[int], ties: int = 0, alpha: float = 0.05, margin: float = 0.0) -> WinRate:
    """``outcomes``: 1 for a win of the second version, 0 for a loss, in the order they were judged. Ties say nothing of the win
    rate and are counted beside.

    BETTER or WORSE from the first look at which `decided` says so, latched: later judgements cannot undo
    a decision that was allowed. SAME only with ``margin`` > 0: the whole confidence sequence lies within 1/2 +- margin.
    """
    wins = losses = 0
    decided_at: int | None = None
    verdict = Verdict.INCONCLUSIVE if outcomes or ties else Verdict.NONE
    for outcome in outcomes:
        wins += outcome == 1
        losses += outcome != 1
        if decided_at is None and (found := decided(wins, losses, 0.5, alpha, CENTRED)) in (
            Verdict.BETTER,
            Verdict.WORSE,
        ):
            decided_at, verdict = wins + losses, found
    low, high = proportion_interval(wins, losses, alpha, CENTRED)
    n = wins + losses
    if decided_at is None and margin > 0 and n and low >= 0.5 - margin and high <= 0.5 + margin:
        verdict, decided_at = Verdict.SAME, n
    return WinRate(wins, losses, ties, wins / n if n else None, low, high, verdict, decided_at)


def win_rate_of(judgements: Iterable[Judgement], alpha: float = 0.05, margin: float = 0.0) -> WinRate:
    """Judgements of pairs in their order; one outcome an item: where raters differ it is the majority's, else a tie."""
    votes: dict[str, list[int]] = {}
    for one in judgements:
        if counts(one) and one.version_b and one.label in ("a", "b", "equal", "both-bad"):
            votes.setdefault(one.item, []).append({"a": -1, "b": 1}.get(one.label, 0))
    outcomes, ties = [], 0
    for item in votes.values():
        total = sum(item)
        if total:
            outcomes.append(1 if total > 0 else 0)
        else:
            ties += 1
    return win_rate(outcomes, ties, alpha, margin)

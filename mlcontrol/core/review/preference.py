"""Is the second version preferred? A win rate that may be looked at after every judgement; its verdict may be "inconclusive"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import lgamma, log

from mlcontrol.core.review.judging import Judgement, counts


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


UNIFORM = 1.0
CENTRED = 2.0
"""Win rates are near 1/2 when they matter: a prior with its mass there decides 65 to 70 % a little sooner."""


def log_e_value(wins: int, losses: int, p0: float = 0.5, prior: float = UNIFORM) -> float:
    """Evidence against a win share of ``p0``: the Beta(prior, prior) mixture over all alternatives against it (Robbins 1970;
    Howard et al. 2021). Under p0 it exceeds 1/alpha at any look with probability alpha at most (Ville 1939)."""
    mixture = _log_beta(wins + prior, losses + prior) - _log_beta(prior, prior)
    return mixture - wins * log(p0) - losses * log(1 - p0)


def confidence_sequence(wins: int, losses: int, alpha: float, prior: float = UNIFORM) -> tuple[float, float]:
    """All shares the e-value does not reject, to 1e-6; (0, 1) without evidence."""
    n = wins + losses
    if n == 0:
        return 0.0, 1.0
    bound = log(1 / alpha)
    centre = wins / n

    def edge(inside: float, outside: float) -> float:
        for _ in range(40):
            middle = (inside + outside) / 2
            if 0 < middle < 1 and log_e_value(wins, losses, middle, prior) < bound:
                inside = middle
            else:
                outside = middle
        return outside

    inner = min(max(centre, 1e-9), 1 - 1e-9)
    low = 0.0 if wins == 0 else edge(inner, 0.0)
    high = 1.0 if losses == 0 else edge(inner, 1.0)
    return low, high


def win_rate(outcomes: Sequence[int], ties: int = 0, alpha: float = 0.05, margin: float = 0.0) -> WinRate:
    """``outcomes``: 1 for a win of the second version, 0 for a loss, in the order they were judged. Ties say nothing of the win
    rate and are counted beside.

    BETTER or WORSE from the first look at which the e-value against 1/2 reaches 1/alpha, latched: later judgements cannot undo
    a decision that was allowed. SAME only with ``margin`` > 0: the whole confidence sequence lies within 1/2 +- margin.
    """
    bound = log(1 / alpha)
    wins = losses = 0
    decided_at: int | None = None
    verdict = Verdict.INCONCLUSIVE if outcomes or ties else Verdict.NONE
    for outcome in outcomes:
        wins += outcome == 1
        losses += outcome != 1
        if decided_at is None and log_e_value(wins, losses, 0.5, CENTRED) >= bound:
            decided_at = wins + losses
            verdict = Verdict.BETTER if wins > losses else Verdict.WORSE
    low, high = confidence_sequence(wins, losses, alpha, CENTRED)
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


def against(right: int, n: int, p0: float, alpha: float = 0.05) -> Verdict:
    """Is a share of right answers above or below ``p0``? Valid at any look."""
    if n == 0:
        return Verdict.NONE
    if log_e_value(right, n - right, p0) < log(1 / alpha):
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if right / n > p0 else Verdict.WORSE


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)

"""When a column of logged rows began to be otherwise, read from the rows themselves, with its interval.

A watch looks now and again and knows a change to a minute or two. The rows know it better: before it they are of one law, after it
of another, and of every moment between two rows the rows say how well it parts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlcontrol.core.signals.noise import Floats

FEWEST = 10
"""Rows of the smaller side; a moment that leaves fewer is not thought of."""
CLEAR = 100.0
"""How many times as likely a change must be as none (Jeffreys calls that decisive)."""
PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Parted:
    """``at_s``: the median of where it lies, ``low_s``..``high_s``: with 95 % probability; in the times' own seconds. ``times``:
    how many times as likely a change is as none; infinity where that is too large for a number."""

    at_s: float
    low_s: float
    high_s: float
    times: float


def parted(at_s: Floats, codes: npt.NDArray[np.int64]) -> Parted | None:
    """``at_s``: of the rows, in any order; ``codes``: the category of each; `None` where nothing parts them clearly.

    Exact Bayes for one change: on either side the categories follow some law of which nothing is known (Dirichlet prior of 1/2
    each, Jeffreys'), and every moment between the first row and the last is as likely beforehand. So the interval grows with the
    gaps between rows and with how alike both laws are. Of a slow change it tells the moment that parts it best.
    """
    order = np.argsort(at_s, kind="stable")
    times_s, codes = at_s[order], np.unique(codes, return_inverse=True)[1][order]
    n = times_s.size
    if n < 2 * FEWEST or times_s[-1] <= times_s[0]:
        return None
    table = np.zeros((n + 1, int(codes.max()) + 1))
    table[np.arange(1, n + 1), codes] = 1.0
    before = np.cumsum(table, axis=0)
    cuts = np.arange(FEWEST, n - FEWEST + 1)
    gaps_s = times_s[cuts] - times_s[cuts - 1]
    if not gaps_s.sum() > 0:
        return None
    with np.errstate(divide="ignore"):
        log_mass = np.log(gaps_s / gaps_s.sum())
    log_mass += _log_likely(before[cuts]) + _log_likely(before[-1] - before[cuts])
    top = float(log_mass.max())
    mass = np.exp(log_mass - top)
    log_times = top + float(np.log(mass.sum())) - float(_log_likely(before[-1:])[0])
    if log_times < np.log(CLEAR):
        return None
    # Within a gap no moment is likelier than another, so the distribution rises evenly through it.
    edges_s = np.append(times_s[cuts - 1], times_s[cuts[-1]])
    risen = np.append(0.0, np.cumsum(mass / mass.sum()))
    low_s, middle_s, high_s = (float(np.interp(q, risen, edges_s)) for q in (0.025, 0.5, 0.975))
    return Parted(middle_s, low_s, high_s, float(np.exp(log_times)) if log_times < 700 else float("inf"))


def _log_likely(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of each line of counts: the Dirichlet-multinomial's logarithm, of rows in their order."""
    from scipy.special import gammaln

    kinds = counts.shape[1]
    found = gammaln(kinds * PRIOR) - gammaln(kinds * PRIOR + counts.sum(axis=1))
    return np.asarray(found + (gammaln(counts + PRIOR) - gammaln(PRIOR)).sum(axis=1))

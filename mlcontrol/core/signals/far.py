"""How far each column of two logs is apart, by slice, and nothing more: for looks that are taken often and mostly find nothing.

The same effects as `drift.compare` gives for distributions, at a small part of its cost; what is far enough is worth its tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlcontrol.core.signals.compared_as import Compared, compared_as, counted
from mlcontrol.core.signals.distance import chi_square, kolmogorov, total_variation
from mlcontrol.core.signals.drift import FEWEST, MOST_SLICES
from mlcontrol.core.signals.log_columns import Column, Log


@dataclass(frozen=True, slots=True)
class Apart:
    """``effect``: Kolmogorov's D of numbers, total variation of categories. ``slice``: "" for the whole, else "cut value"."""

    column: str
    slice: str
    effect: float
    before: Column
    after: Column
    kind: Compared

    def p_value(self) -> float:
        """That of the effect by itself, not corrected for how many there are."""
        if self.kind is Compared.NUMBERS:
            from scipy.stats import ks_2samp

            return float(ks_2samp(self.before.numbers(), self.after.numbers(), method="asymp").pvalue)
        return chi_square(*counted(self.before.words_known(), self.after.words_known())[1])


def far_apart(reference: Log, log: Log, cuts: Sequence[str] = (), fewest: int = FEWEST) -> Iterator[Apart]:
    """Every column that both have and in which enough is known to tell, as a whole and by slice of each of ``cuts``."""
    shared = [name for name in reference.columns if name in log.columns]
    inside = [name for name in shared if name not in cuts]
    yield from _columns(reference, log, inside, "", fewest)
    for cut in cuts:
        if cut not in shared:
            continue
        before, after = reference.columns[cut].words(), log.columns[cut].words()
        if min(before.size, after.size) < fewest:
            continue
        had, has = Counter(before.tolist()), Counter(after.tolist())
        common = sorted(had.keys() & has.keys(), key=lambda name: (-has[name], name))[:MOST_SLICES]
        for name in common:
            if min(had[name], has[name]) >= fewest:
                part, whole = reference.where(before == name), log.where(after == name)
                yield from _columns(part, whole, inside, f"{cut} {name}", fewest)


def _columns(reference: Log, log: Log, names: Sequence[str], part: str, fewest: int) -> Iterator[Apart]:
    for name in names:
        before, after = reference.columns[name], log.columns[name]
        if min(before.known, after.known) < fewest:
            continue
        if (kind := compared_as(before, after)) is Compared.NUMBERS:
            effect = kolmogorov(before.numbers(), after.numbers())
        elif kind is Compared.CATEGORIES:
            had, has = counted(before.words_known(), after.words_known())[1]
            effect = total_variation(had / had.sum(), has / has.sum())
        else:
            continue
        yield Apart(name, part, effect, before, after, kind)

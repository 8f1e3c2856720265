"""Two suspects that the data cannot tell apart: which of them a bisect would try, and what its verdict makes of the odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlcontrol.core.attribution import CLEAR
from mlcontrol.core.bisect import ODDS, Found
from mlcontrol.core.incidents.brief import SuspectLine


@dataclass(frozen=True, slots=True)
class Close:
    """``version``: the change of version that would be tried, with both versions known; ``other``: what else it may be."""

    version: SuspectLine
    other: SuspectLine


def close_suspects(suspects: Sequence[SuspectLine], separable: bool, current: str | None) -> Close | None:
    """The pair a bisect would separate: the leading two, or those about as likely, one of which brought the version that
    answers now. `None` where one is clearly ahead, or no version is suspected."""
    if separable or not suspects:
        return None
    ranked = sorted(suspects, key=lambda line: -line.probability)
    near = [line for line in ranked if line in ranked[:2] or line.probability * CLEAR >= ranked[0].probability]
    tried = next((line for line in near if _changed_version(line) and line.version_to == current), None)
    other = next((line for line in near if line is not tried), None)
    return None if tried is None or other is None else Close(tried, other)


def _changed_version(line: SuspectLine) -> bool:
    return bool(line.event and line.version_from and line.version_to) and line.version_from != line.version_to


def after_bisect(
    suspects: Sequence[SuspectLine], found: Found, version: str | None
) -> tuple[tuple[SuspectLine, ...], bool]:
    """The suspects with the odds that the verdict leaves them, likeliest first, and whether the first may be named alone.

    ``version``: the one that was suspected.
    """
    said = {Found.NAMED: "the bisect names it", Found.CLEARED: "the bisect clears it"}.get(found)
    if said is None:
        return tuple(suspects), False
    weighed = []
    for line in suspects:
        met = bool(line.event) and line.version_to == version and _changed_version(line)
        weight = line.probability * (ODDS[found] if met else 1.0)
        weighed.append((replace(line, why=f"{said}; {line.why}") if met else line, weight))
    total = sum(weight for _, weight in weighed)
    if total <= 0:
        return tuple(suspects), False
    ranked = sorted((replace(line, probability=w / total) for line, w in weighed), key=lambda one: -one.probability)
    alone = len(ranked) < 2 or ranked[0].probability >= CLEAR * ranked[1].probability
    return tuple(ranked), alone

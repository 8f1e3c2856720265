"""Which lines of a row share their times: they are reduced to pixel columns in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcontrol.gui.charts.reduce import Floats
from mlcontrol.gui.viewmodels.chart_rows import Line


@dataclass(frozen=True, slots=True)
class Together:
    """``groups``: indices of lines, none empty. ``marks``: what tells whether lines are those of before; `None`: nothing does.
    ``counts``: samples of the lines."""

    groups: tuple[tuple[int, ...], ...] = ()
    marks: tuple[object, ...] | None = None
    counts: tuple[int, ...] = ()


def together(lines: Sequence[Line], before: Together) -> Together:
    """``lines``: none without samples. ``before``: what was found of them last; where samples were only added, those alone are
    compared."""
    marks = None if any(line.stamp is None for line in lines) else tuple((line.stamp, line.gap_s) for line in lines)
    counts = tuple([len(line.at_s) for line in lines])
    if marks is not None and marks == before.marks and _still(lines, counts, before):
        return before if counts == before.counts else Together(before.groups, marks, counts)
    groups: list[list[int]] = []
    for i, line in enumerate(lines):
        for group in groups:
            lead = lines[group[0]]
            if lead.gap_s == line.gap_s and _same(lead.at_s, line.at_s):
                group.append(i)
                break
        else:
            groups.append([i])
    return Together(tuple(tuple(group) for group in groups), marks, counts)


def _still(lines: Sequence[Line], counts: tuple[int, ...], before: Together) -> bool:
    """Whether the samples that were added since are at the same times within each group."""
    for group in before.groups:
        first, had = lines[group[0]].at_s, before.counts[group[0]]
        count = counts[group[0]]
        for i in group[1:]:
            if counts[i] != count or before.counts[i] != had:
                return False
            other = lines[i].at_s
            if count == had + 1:
                if first.item(had) != other.item(had):
                    return False
            elif count > had and not bool((first[had:] == other[had:]).all()):
                return False
    return True


def _same(one: Floats, other: Floats) -> bool:
    """Whether two lines were sampled together."""
    if one is other:
        return True
    if len(one) != len(other) or one[0] != other[0]:
        return False
    # Views of one array of rising times that begin alike are alike.
    return (one.base is not None and one.base is other.base) or bool((one == other).all())

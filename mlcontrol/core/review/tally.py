"""Verdicts item by item, counted as judgements come and are taken back: what a look costs does not grow with the campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlcontrol.core.review.judging import Judgement, JudgementVerdict, counts

DECIDED = (JudgementVerdict.RIGHT, JudgementVerdict.WRONG)


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What the raters of one item came to. ``right`` `None`: they are split, or unsure."""

    item: str
    version: str
    right: bool | None
    stratum: str
    probability: float
    slices: Mapping[str, str]
    correct: str = ""
    confidence: float | None = None


Cell = tuple[bool, float, str]
"""(right, inclusion probability, stratum): items that are alike to every estimate."""


class Tally:
    """``put`` may be called with a judgement again and again, also to say that it was withdrawn. *Thread:* one at a time."""

    def __init__(self, judgements: Iterable[Judgement] = ()) -> None:
        self._by_item: dict[str, dict[str, Judgement]] = {}
        self._verdicts: dict[str, ItemVerdict] = {}
        self._cells: dict[tuple[str, str], Counter[Cell]] = {}  # by version and slice; slice empty: all
        for one in judgements:
            self.put(one)

    def put(self, one: Judgement) -> None:
        """Comparisons in pairs are counted by `preference.WinTally`."""
        if one.version_b:
            return
        said = self._by_item.setdefault(one.item, {})
        if counts(one):
            said[one.id] = one
        elif said.pop(one.id, None) is None:
            return
        self._settle(one.item, said)

    @property
    def verdicts(self) -> tuple[ItemVerdict, ...]:
        """In the order in which items were first judged."""
        return tuple(self._verdicts[item] for item in self._by_item if item in self._verdicts)

    def versions(self) -> list[str]:
        return sorted(version for (version, part), cells in self._cells.items() if not part and cells)

    def slices(self, version: str) -> list[str]:
        return sorted(part for (name, part), cells in self._cells.items() if name == version and part and cells)

    def cells(self, version: str, part: str = "") -> Counter[Cell]:
        """Clear verdicts of a version, or of one slice of it ("region=north")."""
        return self._cells.get((version, part), Counter())

    def _settle(self, item: str, said: dict[str, Judgement]) -> None:
        before, after = self._verdicts.pop(item, None), verdict_on(item, said.values())
        if after is not None:
            self._verdicts[item] = after
        for verdict, step in ((before, -1), (after, 1)):
            if verdict is None or verdict.right is None:
                continue
            cell = (verdict.right, verdict.probability, verdict.stratum)
            for part in ("", *(f"{name}={value}" for name, value in verdict.slices.items())):
                cells = self._cells.setdefault((verdict.version, part), Counter())
                cells[cell] += step
                if not cells[cell]:
                    del cells[cell]


def verdict_on(item: str, said: Iterable[Judgement]) -> ItemVerdict | None:
    """The adjudicated verdict, else the majority of right and wrong, else none; `None` when nothing stands."""
    # By id, not by arrival: one that was taken back and given again must not change which judgement speaks for the item.
    ones = sorted(said, key=lambda one: one.id)
    if not ones:
        return None
    final = [one for one in ones if one.adjudicated] or ones
    votes = [1 if one.verdict is JudgementVerdict.RIGHT else -1 for one in final if one.verdict in DECIDED]
    total = sum(votes)
    first = ones[0]
    return ItemVerdict(
        item,
        first.version,
        None if total == 0 else total > 0,
        first.stratum,
        first.probability,
        first.slices,
        next((one.correct for one in final if one.correct), ""),
        first.confidence,
    )


def hits(cells: Mapping[Cell, int]) -> tuple[int, int]:
    """(right, judged)."""
    return sum(n for (right, _, _), n in cells.items() if right), sum(cells.values())

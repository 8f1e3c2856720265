"""How far each rater can be trusted: against gold, against oneself, against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcontrol.core.review.dawid_skene import Consensus
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, wilson


@dataclass(frozen=True, slots=True)
class RaterQuality:
    """``gold_right`` of ``gold_n`` hidden gold items; ``same`` of ``repeats`` items judged twice the same way; ``consensus``: share
    expected right by Dawid and Skene, `None` where nobody judged the same items. ``pace_s``: median seconds an item."""

    rater: str
    judged: int
    skipped: int
    flagged: int
    gold_right: int
    gold_n: int
    gold_low: float
    gold_high: float
    same: int
    repeats: int
    consensus: float | None
    pace_s: float | None
    hours: float


def gold_is_right(judgement: Judgement) -> bool | None:
    """Did the rater say of a gold item what is known of it? `None` for a skip or for an item whose answer is not known.

    ``expected`` of a gold item is the label that a careful person gives, or what that label says of the answer.
    """
    if judgement.verdict is JudgementVerdict.SKIPPED or not judgement.expected:
        return None
    return judgement.expected.strip('"') in (judgement.label, judgement.verdict.value)


def rater_table(judgements: Sequence[Judgement], consensus: Consensus | None = None) -> tuple[RaterQuality, ...]:
    """One row a rater, by name. Withdrawn judgements do not count."""
    standing = [one for one in judgements if not one.withdrawn and not one.adjudicated]
    first = {
        (one.rater, one.item): one.label
        for one in standing
        if one.kind is ItemKind.WORK and one.verdict is not JudgementVerdict.SKIPPED
    }
    overlapping = len({one.rater for one in standing}) > 1
    rows = []
    for rater in sorted({one.rater for one in standing}):
        own = [one for one in standing if one.rater == rater]
        gold = [right for one in own if one.kind is ItemKind.GOLD and (right := gold_is_right(one)) is not None]
        repeats = [
            one.label == first[rater, one.origin]
            for one in own
            if one.kind is ItemKind.REPEAT
            and one.verdict is not JudgementVerdict.SKIPPED
            and (rater, one.origin) in first
        ]
        low, high = wilson(sum(gold), len(gold))
        spent = sorted(one.spent_s for one in own if one.spent_s > 0)
        rows.append(
            RaterQuality(
                rater,
                judged=sum(one.verdict is not JudgementVerdict.SKIPPED for one in own),
                skipped=sum(one.verdict is JudgementVerdict.SKIPPED for one in own),
                flagged=sum(one.flagged for one in own),
                gold_right=sum(gold),
                gold_n=len(gold),
                gold_low=low,
                gold_high=high,
                same=sum(repeats),
                repeats=len(repeats),
                consensus=consensus.accuracy.get(rater) if consensus is not None and overlapping else None,
                pace_s=spent[len(spent) // 2] if spent else None,
                hours=sum(spent) / 3600,
            )
        )
    return tuple(rows)

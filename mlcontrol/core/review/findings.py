"""What a campaign has found so far: quality by version and slice, agreement, disagreements, whether it is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlcontrol.core.review.agreement import Level, cohen_matrix, krippendorff
from mlcontrol.core.review.campaign import Campaign, Mode, Policy
from mlcontrol.core.review.dawid_skene import dawid_skene
from mlcontrol.core.review.estimates import NOTHING, Estimate, simple, stratified, weighted
from mlcontrol.core.review.judging import Judgement, JudgementVerdict, counts
from mlcontrol.core.review.powered import Powered, powered
from mlcontrol.core.review.prediction_powered import Moments
from mlcontrol.core.review.preference import Verdict, WinRate, WinTally, decided, win_rate_of
from mlcontrol.core.review.raters import RaterQuality, rater_table
from mlcontrol.core.review.scales import ScaleMean, scale_means
from mlcontrol.core.review.tally import Cell, ItemVerdict, Tally, hits
from mlcontrol.core.statistics.sequential_proportion import proportion_interval

MOST_SLICES = 200


@dataclass(frozen=True, slots=True)
class SliceQuality:
    """``slice`` empty: all of the version."""

    version: str
    slice: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Pair:
    """``kappa`` `None`: undefined (too few in common, or one label only)."""

    first: str
    second: str
    kappa: float | None
    common: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    item: str
    labels: tuple[tuple[str, str], ...]  # (rater, label)
    adjudicated: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """``why``: the verdict in one sentence. ``enough``: why the campaign may stop now; empty when it may not."""

    campaign: str
    judged_items: int
    judgements: int
    quality: tuple[SliceQuality, ...]
    wins: WinRate | None
    alpha: float | None  # Krippendorff's
    matrix: tuple[Pair, ...]
    raters: tuple[RaterQuality, ...]
    disagreements: tuple[Disagreement, ...]
    verdict: Verdict
    why: str
    enough: str
    hours: float
    cost: float | None
    tags: tuple[tuple[str, int], ...] = ()
    powered: tuple[Powered, ...] = ()
    scales: tuple[ScaleMean, ...] = ()


def item_verdicts(judgements: Iterable[Judgement]) -> tuple[ItemVerdict, ...]:
    """One verdict an item: the adjudicated one, else the majority of right and wrong, else none."""
    return Tally(judgements).verdicts


def quality(campaign: Campaign, tally: Tally, sizes: Mapping[str, int]) -> tuple[SliceQuality, ...]:
    """Per version, then per slice of each. The interval follows the design: simple, stratified over ``sizes``, or weighted."""
    policies = {part.policy for part in campaign.sampling.mixture}
    result = []
    for version in tally.versions():
        own = _sizes_of(version, sizes)
        result.append(SliceQuality(version, "", _estimate(tally.cells(version), policies, own)))
        for part in tally.slices(version)[:MOST_SLICES]:
            within = {s: n for s, n in own.items() if part in s.split(" ")}
            result.append(SliceQuality(version, part, _estimate(tally.cells(version, part), policies, within)))
    return tuple(result)


def _sizes_of(version: str, sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in sizes.items() if f"version={version}" in name.split(" ")}


def _estimate(cells: Mapping[Cell, int], policies: set[Policy], sizes: Mapping[str, int]) -> Estimate:
    if not cells:
        return NOTHING
    if len({probability for _, probability, _ in cells}) == 1:
        # Every item had the same chance, so this part is a simple sample, whatever the whole design was.
        right, n = hits(cells)
        return simple(right, n)
    if policies == {Policy.STRATIFIED} and sizes:
        strata: dict[str, tuple[int, int]] = {}
        for (was_right, _, stratum), count in cells.items():
            right, n = strata.get(stratum, (0, 0))
            strata[stratum] = right + count * was_right, n + count
        return stratified(strata, sizes)
    return weighted([(float(right), probability, count) for (right, probability, _), count in cells.items()])


def enough_now(campaign: Campaign, tally: Tally, wins: WinTally, sizes: Mapping[str, int]) -> str:
    """Why the campaign may stop now, from what has been counted; empty when it may not. Costs the slices, not the judgements."""
    if not campaign.stop.early:
        return ""
    found = wins.win_rate(campaign.stop.alpha) if campaign.mode is Mode.PAIRWISE else None
    of_versions = quality(campaign, tally, sizes) if campaign.stop.half_width is not None else ()
    return _enough(campaign, of_versions, found, found.verdict if found is not None else Verdict.NONE)


def findings(
    campaign: Campaign,
    judgements: Sequence[Judgement],
    sizes: Mapping[str, int],
    traffic: Mapping[str, Moments] | None = None,
) -> Findings:
    """``judgements`` in the order they were given. ``sizes``: candidates by stratum, as recorded when the sample was drawn;
    ``traffic``: the model's own probabilities on those of each version that were not drawn."""
    standing = [one for one in judgements if not one.withdrawn]
    seen = [one for one in standing if one.verdict is not JudgementVerdict.SKIPPED]
    raters_only = [one for one in seen if not one.adjudicated and counts_or_surplus(one)]
    units: dict[str, dict[str, str]] = {}
    for one in raters_only:
        units.setdefault(one.item, {})[one.rater] = one.label
    shared = [unit for unit in units.values() if len(unit) >= 2]
    consensus = (
        dawid_skene([(item, r, label) for item, u in units.items() for r, label in u.items()]) if shared else None
    )
    adjudicated = {one.item: one.label for one in seen if one.adjudicated}
    split = tuple(
        Disagreement(item, tuple(sorted(unit.items())), adjudicated.get(item, ""))
        for item, unit in units.items()
        if len(set(unit.values())) > 1
    )
    table = rater_table(standing, consensus)
    tally = Tally(standing)
    of_versions = quality(campaign, tally, sizes)
    wins = win_rate_of(standing, campaign.stop.alpha) if campaign.mode is Mode.PAIRWISE else None
    verdict, why = _verdict(campaign, tally, wins)
    hours = sum(row.hours for row in table)
    counted: dict[str, int] = {}
    for one in seen:
        for tag in one.tags:
            counted[tag] = counted.get(tag, 0) + 1
    return Findings(
        campaign.id,
        judged_items=len(units),
        judgements=len(seen),
        quality=of_versions,
        wins=wins,
        alpha=krippendorff(shared, Level.NOMINAL) if shared else None,
        matrix=tuple(Pair(a, b, kappa, n) for (a, b), (kappa, n) in cohen_matrix(list(units.values())).items() if n),
        raters=table,
        disagreements=split,
        verdict=verdict,
        why=why,
        enough=_enough(campaign, of_versions, wins, verdict),
        hours=hours,
        cost=hours * campaign.cost_per_hour if campaign.cost_per_hour else None,
        tags=tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))),
        powered=powered(campaign, tally, traffic or {}),
        scales=scale_means(campaign.rubric.scales, seen),
    )


def counts_or_surplus(judgement: Judgement) -> bool:
    """Agreement also looks at judgements given beside another's."""
    return counts(judgement) or (judgement.surplus and not judgement.withdrawn)


def _verdict(campaign: Campaign, tally: Tally, wins: WinRate | None) -> tuple[Verdict, str]:
    if wins is not None:
        n = wins.wins + wins.losses
        if wins.verdict is Verdict.NONE:
            return wins.verdict, "Nobody has compared the versions yet."
        if wins.value is None:
            return wins.verdict, f"All {wins.ties} comparisons were ties."
        first, second = campaign.versions
        words = (
            f"v{second} was preferred to v{first} in {wins.wins} of {n} "
            f"({100 * wins.value:.0f} %, {100 * wins.low:.0f} to {100 * wins.high:.0f} %, at any look)"
        )
        if wins.verdict is Verdict.INCONCLUSIVE:
            return wins.verdict, f"{words}: not enough to tell."
        return wins.verdict, f"{words}; decided after {wins.decided_at}."
    of_all = [hits(tally.cells(version)) for version in tally.versions()]
    right, n = sum(right for right, _ in of_all), sum(n for _, n in of_all)
    if n == 0:
        return Verdict.NONE, "Nobody has judged an answer right or wrong yet."
    low, high = proportion_interval(right, n - right, campaign.stop.alpha)
    found = decided(right, n - right, campaign.stop.p0, campaign.stop.alpha)
    words = f"{right} of {n} judged right, {100 * low:.0f} to {100 * high:.0f} % at any look"
    if found is Verdict.INCONCLUSIVE:
        return found, f"{words}: not enough to tell from {100 * campaign.stop.p0:.0f} %."
    return found, f"{words}: {'above' if found is Verdict.BETTER else 'below'} {100 * campaign.stop.p0:.0f} %."


def _enough(campaign: Campaign, of_versions: Sequence[SliceQuality], wins: WinRate | None, verdict: Verdict) -> str:
    stop = campaign.stop
    if not stop.early:
        return ""
    if stop.half_width is not None:
        parts = [one for one in of_versions if one.slice] or list(of_versions)
        if parts and all(p.estimate.value is not None and p.estimate.half_width <= stop.half_width for p in parts):
            return f"Every slice is known to within {100 * stop.half_width:g} %."
        return ""
    if wins is not None and wins.decided_at is not None:
        return f"The preference is decided: v{campaign.versions[1]} is {verdict.value}."
    return ""


def gate_verdict(
    campaigns: Iterable[tuple[Campaign, Sequence[Judgement]]], candidate: str, current: str, alpha: float = 0.05
) -> tuple[Verdict, str]:
    """What evaluators say of ``candidate`` against ``current``, newest evidence first: a comparison in pairs, else both versions'
    share of right answers, whose confidence sequences must not overlap. Never BETTER without judgements of both."""
    known = sorted(campaigns, key=lambda pair: -pair[0].created_s)
    for campaign, judgements in known:
        if campaign.mode is Mode.PAIRWISE and set(campaign.versions) == {candidate, current}:
            wins = win_rate_of(judgements, campaign.stop.alpha)
            if wins.verdict is Verdict.NONE:
                continue
            turned = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
            verdict: Verdict = wins.verdict
            if campaign.versions[0] == candidate:
                verdict = turned.get(verdict, verdict)
            return verdict, f"{campaign.title}: {_verdict(campaign, Tally(), wins)[1]}"
    tally = {candidate: [0, 0], current: [0, 0]}
    for _, judgements in known:
        counted = Tally(judgements)
        for version, pair in tally.items():
            right, n = hits(counted.cells(version))
            pair[0] += right
            pair[1] += n
    right, n = tally[candidate]
    if n == 0:
        return Verdict.NONE, f"No evaluator has judged an answer of v{candidate}."
    there, m = tally[current]
    low, high = proportion_interval(right, n - right, alpha / 2)
    below, above = proportion_interval(there, m - there, alpha / 2)
    words = f"v{candidate}: {right} of {n} judged right; v{current}: {there} of {m}"
    if low > above:
        return Verdict.BETTER, words
    if high < below:
        return Verdict.WORSE, words
    return Verdict.INCONCLUSIVE, f"{words}: not enough to tell them apart."

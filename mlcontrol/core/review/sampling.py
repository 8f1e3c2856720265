"""Whom to look at: samples that anybody can draw again, with the probability of having been drawn.

The order of candidates is that of a hash of seed and request id, so a choice depends neither on threads nor on the order of a file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlcontrol.core.review.campaign import Allocation, Policy, Sampling, Share

NEYMAN_FLOOR = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """``uncertainty``: 0 (sure) to 1. ``disagree``: whether the versions answer differently. ``drift``: how unusual its slices or
    inputs are against the reference, larger is stranger."""

    id: str
    at_s: float = 0.0
    slices: Mapping[str, str] = field(default_factory=dict)
    uncertainty: float | None = None
    disagree: bool | None = None
    drift: float | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """``probability``: that this design draws this candidate, over all seeds. ``policy``: which part of the mixture took it."""

    id: str
    stratum: str
    probability: float
    policy: Policy


@dataclass(frozen=True, slots=True)
class Draw:
    """``stratum_sizes``: how many candidates each stratum has. ``short``: parts of the mixture that found too few, in words."""

    items: tuple[Drawn, ...]
    stratum_sizes: Mapping[str, int]
    short: tuple[str, ...] = ()


def ticket(seed: int, request_id: str) -> float:
    """A uniform number in [0, 1) that belongs to this seed and request."""
    digest = hashlib.blake2b(f"{seed}\0{request_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / float(1 << 53)


def stratum_of(slices: Mapping[str, str], by: Sequence[str]) -> str:
    return " ".join(f"{name}={slices.get(name, '?')}" for name in by)


def allocate(
    n: int, sizes: Mapping[str, int], allocation: Allocation, spread: Mapping[str, float] | None = None
) -> dict[str, int]:
    """How many of each stratum; never more than it has, together ``min(n, all)``.

    ``spread``: standard deviation by stratum for Neyman (1934), n_h ~ N_h s_h; without one it is taken as equal. HALF is half
    proportional, half equal.
    """
    names = sorted(name for name, size in sizes.items() if size > 0)
    total = sum(sizes[name] for name in names)
    if not names or n <= 0:
        return dict.fromkeys(sizes, 0)
    n = min(n, total)
    spread = spread or {}

    def weight(name: str) -> float:
        match allocation:
            case Allocation.PROPORTIONAL:
                return sizes[name] / total
            case Allocation.EQUAL:
                return 1 / len(names)
            case Allocation.NEYMAN:
                return sizes[name] * max(spread.get(name, 0.5), NEYMAN_FLOOR)
            case Allocation.HALF:
                return 0.5 * sizes[name] / total + 0.5 / len(names)

    given = dict.fromkeys(sizes, 0)
    left, open_names = n, list(names)
    # Strata that are too small give everything they have; the others share what is left.
    while left and open_names:
        scale = left / sum(weight(name) for name in open_names)
        full = [name for name in open_names if weight(name) * scale >= sizes[name]]
        if full:
            for name in full:
                given[name] = sizes[name]
                left -= sizes[name]
            open_names = [name for name in open_names if name not in full]
            continue
        parts = {name: weight(name) * scale for name in open_names}
        for name, part in parts.items():
            given[name] = int(part)
        rest = left - sum(given[name] for name in open_names)
        for name in sorted(open_names, key=lambda one: (int(parts[one]) - parts[one], one))[:rest]:
            given[name] += 1
        break
    return given


def draw(candidates: Sequence[Candidate], sampling: Sampling, spread: Mapping[str, float] | None = None) -> Draw:
    """Draw ``sampling.n`` of the candidates by its mixture; each candidate is drawn once at most.

    Parts are drawn independently, each with its own tickets; a candidate's probability is that of being in any of them:
    1 - prod(1 - p_part). Ranked parts (uncertain, disagree, drifting, rare) draw with probability in proportion to their
    weight (Poisson sampling), so no candidate that could be asked for has
    probability 0 unless its weight is 0.
    """
    unique = {one.id: one for one in candidates}
    pool = [unique[name] for name in sorted(unique)]  # whatever order they came in
    sizes: dict[str, int] = {}
    for one in pool:
        name = stratum_of(one.slices, sampling.by)
        sizes[name] = sizes.get(name, 0) + 1
    total_share = sum(one.share for one in sampling.mixture)
    chosen: dict[str, Drawn] = {}
    missed: dict[str, float] = dict.fromkeys(unique, 1.0)
    short: list[str] = []
    counts = _counts(sampling, total_share)
    for number, (part, n) in enumerate(zip(sampling.mixture, counts, strict=True)):
        taken, probabilities = _part(pool, part, n, sampling, sampling.seed * 1009 + number, spread)
        for name, probability in probabilities.items():
            missed[name] *= 1 - probability
        if len(taken) < n:
            short.append(f"{part.policy.value}: {len(taken)} of {n} found")
        for name in taken:
            if name not in chosen:
                chosen[name] = Drawn(name, stratum_of(unique[name].slices, sampling.by), 1.0, part.policy)
    items = [replace(one, probability=min(1.0, 1 - missed[one.id])) for one in chosen.values()]
    items.sort(key=lambda one: ticket(sampling.seed, one.id))
    return Draw(tuple(items), sizes, tuple(short))


def _counts(sampling: Sampling, total_share: float) -> list[int]:
    exact = [sampling.n * part.share / total_share for part in sampling.mixture]
    whole = [int(x) for x in exact]
    order = sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))
    for i in order[: sampling.n - sum(whole)]:
        whole[i] += 1
    return whole


def _part(
    pool: Sequence[Candidate],
    part: Share,
    n: int,
    sampling: Sampling,
    seed: int,
    spread: Mapping[str, float] | None,
) -> tuple[list[str], dict[str, float]]:
    """Ids drawn by one part, and each candidate's probability of it."""
    if part.policy is Policy.STRATIFIED:
        strata: dict[str, list[Candidate]] = {}
        for one in pool:
            strata.setdefault(stratum_of(one.slices, sampling.by), []).append(one)
        plan = allocate(n, {name: len(ones) for name, ones in strata.items()}, sampling.allocation, spread)
        taken: list[str] = []
        probabilities: dict[str, float] = {}
        for name in sorted(strata):
            ids, chance = _simple(strata[name], plan[name], seed)
            taken += ids
            probabilities |= chance
        return taken, probabilities
    if part.policy is Policy.RANDOM:
        return _simple(pool, n, seed)
    if part.policy is Policy.INCIDENT:
        centre = part.around_s if part.around_s is not None else math.inf
        return _simple([one for one in pool if abs(one.at_s - centre) <= part.within_s], n, seed)
    return _weighted(pool, _weight_by(part.policy, pool, sampling.by), n, seed)


def _simple(pool: Sequence[Candidate], n: int, seed: int) -> tuple[list[str], dict[str, float]]:
    n = min(n, len(pool))
    first = sorted(pool, key=lambda one: (ticket(seed, one.id), one.id))[:n]
    chance = n / len(pool) if pool else 0.0
    return [one.id for one in first], {one.id: chance for one in pool}


def _weight_by(policy: Policy, pool: Sequence[Candidate], by: Sequence[str]) -> Callable[[Candidate], float]:
    if policy is Policy.UNCERTAIN:
        return lambda one: max(0.0, one.uncertainty) if one.uncertainty is not None else 0.0
    if policy is Policy.DISAGREE:
        return lambda one: 1.0 if one.disagree else 0.0
    if policy is Policy.DRIFTING:
        return lambda one: max(0.0, one.drift) if one.drift is not None else 0.0
    # Rare slices: each value of each slice gets the same total weight, so rare values come often.
    seen: dict[tuple[str, str], int] = {}
    for one in pool:
        for name, value in one.slices.items():
            if not by or name in by:
                seen[name, value] = seen.get((name, value), 0) + 1

    def rarity(one: Candidate) -> float:
        counts = [seen[pair] for pair in one.slices.items() if pair in seen]
        return 1.0 / min(counts) if counts else 0.0

    return rarity


def _weighted(
    pool: Sequence[Candidate], weight: Callable[[Candidate], float], n: int, seed: int
) -> tuple[list[str], dict[str, float]]:
    """Poisson sampling with fixed expected size: inclusion probability min(1, c w) with c such that they sum to n; a candidate
    is in when its ticket is below its probability. The size varies a little around n, the probabilities are exact
    (Särndal, Swensson & Wretman 1992, 3.5)."""
    weights = {one.id: weight(one) for one in pool}
    positive = {name: w for name, w in weights.items() if w > 0}
    if not positive or n <= 0:
        return [], {}
    if n >= len(positive):
        return sorted(positive), dict.fromkeys(positive, 1.0)
    probabilities = inclusion_probabilities(positive, n)
    taken = [name for name, p in probabilities.items() if ticket(seed, name) < p]
    return taken, probabilities


def inclusion_probabilities(weights: Mapping[str, float], n: int) -> dict[str, float]:
    """In proportion to the weights, none above 1, with sum ``n`` (``n`` at most the number of weights)."""
    order = sorted(weights, key=lambda name: -weights[name])
    rest, full = sum(weights.values()), 0
    while full < n and order and weights[order[full]] * (n - full) >= rest > 0:
        rest -= weights[order[full]]
        full += 1
    scale = (n - full) / rest if rest > 0 else 0.0
    return {name: 1.0 if i < full else min(1.0, weights[name] * scale) for i, name in enumerate(order)}


def side_is_swapped(seed: int, request_id: str) -> bool:
    """Whether side A shows the second version; a fair coin of its own for every item."""
    return ticket(seed ^ 0x5EED, f"side\0{request_id}") < 0.5

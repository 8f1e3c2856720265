"""Samples that can be drawn again, with probabilities that are true."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.review.campaign import Allocation, Policy, Sampling, Share
from mlcontrol.core.review.sampling import Candidate, allocate, draw, inclusion_probabilities, side_is_swapped

REGIONS = ("north",) * 80 + ("south",) * 15 + ("east",) * 5
POOL = tuple(
    Candidate(
        f"r{i}",
        at_s=float(i),
        slices={"region": REGIONS[i % 100]},
        uncertainty=(i % 10) / 10,
        disagree=i % 7 == 0,
        drift=float(i % 3),
    )
    for i in range(1000)
)


def sampling(
    *parts: Policy, n: int = 100, seed: int = 1, by: tuple[str, ...] = ("region",), **more: object
) -> Sampling:
    return Sampling(n, seed, tuple(Share(p, 1.0, around_s=500.0, within_s=200.0) for p in parts), by, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", Policy)
def test_the_same_seed_draws_the_same_whatever_the_order(policy: Policy) -> None:
    one = draw(POOL, sampling(policy))
    assert one == draw(tuple(reversed(POOL)), sampling(policy))
    assert one.items != draw(POOL, sampling(policy, seed=2)).items
    assert len({item.id for item in one.items}) == len(one.items) > 50


@pytest.mark.parametrize("policy", Policy)
def test_recorded_probabilities_are_those_of_repeated_draws(policy: Policy) -> None:
    times, seen = 40, Counter[str]()
    known: dict[str, float] = {}
    for seed in range(times):
        for item in draw(POOL, sampling(policy, Policy.RANDOM, seed=seed)).items:
            seen[item.id] += 1
            known[item.id] = item.probability
    # A candidate that must be in, is in every draw; one with p near 0 hardly ever.
    for name, probability in known.items():
        assert seen[name] <= times * (probability + 5 * (probability / times) ** 0.5) + 3
    # Weights 1/p estimate the size of the population without bias.
    sizes = [
        sum(1 / i.probability for i in draw(POOL, sampling(policy, Policy.RANDOM, seed=s)).items) for s in range(30)
    ]
    assert sum(sizes) / 30 == pytest.approx(1000, rel=0.08)


def test_policies_draw_what_they_promise() -> None:
    by_id = {one.id: one for one in POOL}

    def drawn(policy: Policy) -> list[Candidate]:
        return [by_id[i.id] for i in draw(POOL, sampling(policy)).items]

    assert all(one.disagree for one in drawn(Policy.DISAGREE))
    assert all(300 <= one.at_s <= 700 for one in drawn(Policy.INCIDENT))
    assert all(one.uncertainty for one in drawn(Policy.UNCERTAIN))
    rare = Counter(one.slices["region"] for one in drawn(Policy.RARE))
    assert rare["east"] > 20 > 5
    stratified = Counter(one.slices["region"] for one in drawn(Policy.STRATIFIED))
    assert stratified["east"] == pytest.approx(0.5 * 5 + 0.5 * 100 / 3, abs=1.5)


def test_a_mixture_keeps_its_shares_and_says_what_it_did_not_find() -> None:
    mixture = Sampling(100, 3, (Share(Policy.RANDOM, 3), Share(Policy.INCIDENT, 1, around_s=99_999.0)), ("region",))
    found = draw(POOL, mixture)
    assert len(found.items) == 75
    assert found.short == ("incident: 0 of 25 found",)
    assert sum(found.stratum_sizes.values()) == 1000


SIZES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 500), min_size=1, max_size=8)


@given(st.integers(0, 400), SIZES, st.sampled_from(Allocation))
def test_an_allocation_gives_all_and_never_more_than_there_is(
    n: int, sizes: dict[str, int], allocation: Allocation
) -> None:
    given_ = allocate(n, sizes, allocation, {name: 0.1 * len(name) for name in sizes})
    assert sum(given_.values()) == min(n, sum(sizes.values()))
    assert all(0 <= given_[name] <= size for name, size in sizes.items())
    assert set(given_) == set(sizes)


def test_neyman_looks_where_the_spread_is() -> None:
    assert allocate(100, {"a": 500, "b": 500}, Allocation.NEYMAN, {"a": 0.1, "b": 0.4}) == {"a": 20, "b": 80}
    assert allocate(100, {"a": 900, "b": 100}, Allocation.HALF) == {"a": 70, "b": 30}


@given(st.dictionaries(st.integers(), st.floats(0.001, 1000), min_size=1, max_size=50), st.data())
def test_inclusion_probabilities_sum_to_the_size(weights: dict[int, float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(weights)))
    found = inclusion_probabilities({str(k): w for k, w in weights.items()}, n)
    assert sum(found.values()) == pytest.approx(n)
    assert all(0 < p <= 1 + 1e-9 for p in found.values())


def test_sides_are_shuffled_per_item_and_evenly() -> None:
    swapped = [side_is_swapped(4, f"r{i}") for i in range(2000)]
    assert 0.46 < sum(swapped) / 2000 < 0.54
    assert swapped == [side_is_swapped(4, f"r{i}") for i in range(2000)]
    assert swapped != [side_is_swapped(5, f"r{i}") for i in range(2000)]

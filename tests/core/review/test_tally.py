"""What is counted as judgements come and go is what counting all of them at once gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from mlcontrol.core.review.campaign import Campaign, Mode, Policy, Sampling, Share, Stop
from mlcontrol.core.review.findings import enough_now, findings, quality
from mlcontrol.core.review.judging import Judgement, JudgementVerdict
from mlcontrol.core.review.powered import SOUND, powered
from mlcontrol.core.review.prediction_powered import Moments, moments_of, ppi_mean
from mlcontrol.core.review.preference import WinTally, win_rate_of
from mlcontrol.core.review.rubric import Scale
from mlcontrol.core.review.scales import scale_means
from mlcontrol.core.review.tally import Tally
from mlcontrol.core.review.version_scores import counted_scores, scores

R, W, U = JudgementVerdict.RIGHT, JudgementVerdict.WRONG, JudgementVerdict.UNSURE
RATING = Campaign("c", "digits", "C")
PAIRS = replace(RATING, mode=Mode.PAIRWISE, versions=("2", "3"))


def said(name: str, item: str, rater: str, verdict: JudgementVerdict = R, **more: object) -> Judgement:
    made = Judgement(name, item, "digits", "3", rater, verdict, 1.0, campaign="c", slices={"region": "north"})
    return replace(made, **more)  # type: ignore[arg-type]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 11), st.sampled_from("abc"), st.sampled_from([R, W, U]), st.booleans(), st.sampled_from([0.5, 0.25]),
    ),
    max_size=60,
)  # fmt: skip


@example(
    [(0, "a", R, False, 0.5), (1, "b", R, True, 0.5), (1, "a", R, False, 0.25), (1, "b", R, False, 0.5)],
)
@given(EVENTS)
def test_counting_as_they_come_is_counting_at_the_end(
    events: list[tuple[int, str, JudgementVerdict, bool, float]],
) -> None:
    rated = Tally()
    now: dict[str, Judgement] = {}
    for item, rater, verdict, taken_back, p in events:
        name = f"{item}{rater}"
        one = said(
            name, f"i{item}", rater, verdict, probability=p if item % 2 else 0.5,
            slices={"region": "north" if item % 3 else "south"}, adjudicated=rater == "c",
        )  # fmt: skip
        one = replace(now.get(name, one), withdrawn=taken_back)  # what was said can only be taken back
        now[name] = one
        rated.put(one)
    at_once = Tally(now.values())
    assert {v.item: v.right for v in rated.verdicts} == {v.item: v.right for v in at_once.verdicts}
    for version in ("3",):
        for part in ("", "region=north", "region=south"):
            assert rated.cells(version, part) == at_once.cells(version, part)
    assert [q.slice for q in quality(RATING, rated, {})] == [q.slice for q in quality(RATING, at_once, {})]
    assert {v: (s.right, s.n) for v, s in counted_scores(rated).items()} == {
        v: (s.right, s.n) for v, s in scores(now.values()).items()
    }


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "equal"]), st.booleans()), max_size=80))
def test_a_win_rate_that_is_looked_at_in_between_is_the_same_at_the_end(events: list[tuple[int, str, bool]]) -> None:
    tally = WinTally()
    order: dict[str, Judgement] = {}
    for number, (item, label, look) in enumerate(events):
        name = f"j{item}"
        before = order.get(name)
        if before is not None:
            tally.put(replace(before, withdrawn=True))
        one = said(f"{name}-{number}", name, "ann", U, version_b="4", label=label)
        order[name] = one
        tally.put(one)
        if look:
            tally.win_rate()
    assert tally.win_rate() == win_rate_of(order.values())


def test_a_vote_that_changes_after_the_decision_is_decided_anew() -> None:
    tally = WinTally(said(f"j{i}", f"i{i}", "ann", U, version_b="4", label="b") for i in range(12))
    assert tally.win_rate().decided_at is not None
    for i in range(11):
        tally.put(said(f"j{i}", f"i{i}", "ann", U, version_b="4", label="b", withdrawn=True))
    assert (tally.win_rate().decided_at, tally.win_rate().wins) == (None, 1)


def test_early_stop_says_the_same_whether_counted_or_found() -> None:
    stop = replace(RATING, stop=Stop(half_width=0.2))
    ones = [said(f"j{i}", f"i{i}", "ann", R if i % 9 else W) for i in range(60)]
    assert enough_now(stop, Tally(ones), WinTally(ones), {}) == findings(stop, ones, {}).enough != ""
    pairs = [said(f"j{i}", f"i{i}", "ann", U, version_b="3", label="b", version="2") for i in range(20)]
    assert enough_now(PAIRS, Tally(pairs), WinTally(pairs), {}) == findings(PAIRS, pairs, {}).enough != ""
    quiet = replace(PAIRS, stop=Stop(early=False))
    assert enough_now(quiet, Tally(pairs), WinTally(pairs), {}) == ""


# --- with the model's own scores ---


def drawn(n: int, *, p: float = 0.5, seed: int = 1) -> tuple[list[Judgement], list[float]]:
    """Judgements of ``n`` items of a calibrated model, and its probabilities on 4,000 others."""
    rng = np.random.default_rng(seed)
    own, rest = rng.beta(5, 1, n), rng.beta(5, 1, 4000)
    right = rng.random(n) < own
    ones = [
        said(f"j{i}", f"i{i}", "ann", R if right[i] else W, confidence=float(own[i]), probability=p) for i in range(n)
    ]
    return ones, [float(v) for v in rest]


def test_model_scores_narrow_the_interval_where_that_is_sound() -> None:
    ones, rest = drawn(200)
    (found,) = powered(RATING, Tally(ones), {"3": moments_of(rest)})
    assert found.found is not None
    assert found.why == SOUND
    assert found.found.width_ratio < 1
    human, own = [float(one.verdict is R) for one in ones], [one.confidence for one in ones]
    whole = ppi_mean(human, own, rest)
    assert whole is not None
    assert (found.found.value, found.found.low) == (pytest.approx(whole.value), pytest.approx(whole.low))


def test_where_it_is_not_sound_it_is_not_done_and_said() -> None:
    ones, rest = drawn(60)
    some = {"3": moments_of(rest)}
    mixed = [replace(one, probability=0.1) if i % 2 else one for i, one in enumerate(ones)]
    assert "looked for" in powered(RATING, Tally(mixed), some)[0].why
    assert "needed" in powered(RATING, Tally(ones[:29]), some)[0].why
    spotless = [replace(one, verdict=R) for one in ones]
    assert "0 of 60 were judged wrong" in powered(RATING, Tally(spotless), some)[0].why
    bare = [replace(ones[0], confidence=None), *ones[1:]]
    assert "without the model's probability" in powered(RATING, Tally(bare), some)[0].why
    assert all(one.found is None for one in powered(RATING, Tally(mixed), some))
    assert powered(RATING, Tally(ones), {}) == ()
    assert powered(PAIRS, Tally(ones), some) == ()
    assert powered(RATING, Tally(ones), {"2": Moments(9, 0.5, 0.1)})[0].found is None


def test_scales_are_means_of_items_with_students_interval_and_agreement() -> None:
    ones = [
        said(f"{i}{rater}", f"i{i}", rater, scales={"clarity": float(v)})
        for i, pair in enumerate([(1, 1), (2, 4), (5, 5), (4, 4)])
        for rater, v in zip("ab", pair, strict=True)
    ]
    (found,) = scale_means((Scale("clarity"), Scale("tone")), [*ones, replace(ones[0], id="w", withdrawn=True)])
    means = [1.0, 3.0, 5.0, 4.0]
    from scipy import stats

    low, high = stats.t.interval(0.95, 3, np.mean(means), np.std(means, ddof=1) / 2)
    assert (found.n, found.mean) == (4, pytest.approx(3.25))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.alpha is not None
    assert scale_means((Scale("clarity"),), ones[:1])[0].low is None


def test_a_stratified_look_is_not_taken_for_a_random_one() -> None:
    campaign = replace(RATING, sampling=Sampling(mixture=(Share(Policy.STRATIFIED),), by=("region",)))
    ones, rest = drawn(80)
    odd = [replace(one, probability=0.9 if i < 40 else 0.1, stratum="region=x") for i, one in enumerate(ones)]
    assert powered(campaign, Tally(odd), {"3": moments_of(rest)})[0].found is None

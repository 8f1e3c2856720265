"""The review store, the same on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.review.campaign import Campaign, Standing
from mlcontrol.core.review.feedback import Feedback, FeedbackCount
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, ReviewItem
from mlcontrol.core.review.prediction_powered import Moments
from mlcontrol.core.review.version_scores import counted_scores, scores
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.review_store import START
from mlcontrol.services.reviews.counting import Counting
from mlcontrol.store.reviews.reviews import Reviews
from mlcontrol.store.store import Store

NOW, LEASE = 1000.0, 600.0
CAMPAIGN = Campaign("c", "digits", "Digits", created_s=1.0)


def item(number: int, **more: object) -> ReviewItem:
    made = ReviewItem(f"i{number}", "digits", f"r{number}", float(number), "[1]", "[2]", {"region": "south"}, "3")
    return replace(made, campaign="c", **more)  # type: ignore[arg-type]


def said(number: int, of: int, rater: str = "ann", **more: object) -> Judgement:
    made = Judgement(f"j{number}", f"i{of}", "digits", "3", rater, JudgementVerdict.RIGHT, float(number), campaign="c")
    return replace(made, label="right", **more)  # type: ignore[arg-type]


@pytest.fixture
def reviews(store: Store) -> Reviews:
    store.reviews.campaigns.put(CAMPAIGN)
    store.reviews.campaigns.add_items(CAMPAIGN, [item(n) for n in range(1, 4)])
    return store.reviews


def claim(reviews: Reviews, rater: str, *not_items: str, now_s: float = NOW) -> str | None:
    found = reviews.claims.claim("c", rater, now_s, LEASE, not_items)
    return None if found is None else found.id


def test_items_keep_their_order_and_are_queued_once(reviews: Reviews) -> None:
    assert reviews.campaigns.add_items(CAMPAIGN, [item(2), item(4), item(4)]) == 1
    assert [i.id for i in reviews.campaigns.every_item("c")] == ["i1", "i2", "i3", "i4"]
    assert reviews.campaigns.items("c", after=1, limit=2)[0] == (2, item(2))
    assert reviews.campaigns.progress("c") == (4, 0, 0)
    assert reviews.campaigns.item("nothing") is None


def test_two_raters_never_hold_one_item(reviews: Reviews) -> None:
    assert [claim(reviews, "ann"), claim(reviews, "bob"), claim(reviews, "eva"), claim(reviews, "zoe")] == [
        "i1",
        "i2",
        "i3",
        None,
    ]
    assert claim(reviews, "ann") == "i1"  # still hers


def test_a_lease_that_lapses_returns_to_the_queue(reviews: Reviews) -> None:
    assert claim(reviews, "ann") == "i1"
    assert claim(reviews, "bob", now_s=NOW + LEASE - 1) == "i2"
    assert claim(reviews, "eva", now_s=NOW + LEASE + 1) == "i1"
    assert reviews.claims.keep("ann", ["i1"], NOW, LEASE) == (("i1", "taken"),)


def test_a_lease_that_is_kept_does_not_lapse(reviews: Reviews) -> None:
    claim(reviews, "ann")
    assert reviews.claims.keep("ann", ["i1"], NOW + LEASE - 1, LEASE) == ()
    assert claim(reviews, "eva", now_s=NOW + LEASE + 1) == "i2"


def test_what_is_released_is_free_at_once(reviews: Reviews) -> None:
    claim(reviews, "ann")
    reviews.claims.release("ann", ["i1"])
    assert claim(reviews, "bob") == "i1"


def test_overlap_gives_an_item_to_that_many_raters_and_to_none_twice(store: Store) -> None:
    twice = replace(CAMPAIGN, overlap=2)
    store.reviews.campaigns.put(twice)
    store.reviews.campaigns.add_items(twice, [item(1)])
    assert [claim(store.reviews, who) for who in ("ann", "bob", "eva")] == ["i1", "i1", None]
    store.reviews.said.judge(said(1, 1, "ann"))
    assert claim(store.reviews, "ann") is None


def test_a_judgement_sent_twice_is_one(reviews: Reviews) -> None:
    claim(reviews, "ann")
    first = reviews.said.judge(said(1, 1))
    assert reviews.said.judge(said(1, 1)) == first
    assert reviews.judgements("digits") == (first,)
    assert reviews.campaigns.progress("c")[1] == 1


def test_a_second_judgement_of_an_item_replaces_the_first(reviews: Reviews) -> None:
    claim(reviews, "ann")
    reviews.said.judge(said(1, 1))
    reviews.said.judge(said(2, 1))
    assert [(j.id, j.withdrawn) for j in reviews.judgements("digits")] == [("j1", True), ("j2", False)]


def test_whoever_comes_late_is_kept_beside_and_does_not_count(reviews: Reviews) -> None:
    claim(reviews, "ann")
    claim(reviews, "bob", now_s=NOW + LEASE + 1)  # ann's lease has lapsed
    assert not reviews.said.judge(said(1, 1, "bob")).surplus
    assert reviews.said.judge(said(2, 1, "ann")).surplus


def test_a_withdrawn_item_is_told_and_cannot_be_judged(reviews: Reviews) -> None:
    claim(reviews, "ann")
    assert reviews.campaigns.withdraw_item("i1", "private")
    assert not reviews.campaigns.withdraw_item("nothing", "")
    assert reviews.claims.keep("ann", ["i1"], NOW, LEASE) == (("i1", "withdrawn: private"),)
    with pytest.raises(ProblemError) as refused:
        reviews.said.judge(said(1, 1))
    assert refused.value.problem.code == "withdrawn"
    assert claim(reviews, "bob") == "i2"


def test_undo_goes_back_step_by_step_and_holds_the_item_again(reviews: Reviews) -> None:
    for n in (1, 2):
        claim(reviews, "ann")
        reviews.said.judge(said(n, n, comment=f"because {n}"))
    for n in (2, 1):
        undone = reviews.said.withdraw_last("c", "ann", NOW, LEASE)
        assert undone is not None
        assert (undone[0].id, undone[1].id, undone[1].draft) == (f"j{n}", f"i{n}", f"because {n}")
    assert reviews.said.withdraw_last("c", "ann", NOW, LEASE) is None
    assert claim(reviews, "bob") == "i3"
    assert reviews.said.count("c", "ann") == 0


def test_a_skipped_item_comes_back_to_somebody_else(reviews: Reviews) -> None:
    claim(reviews, "ann")
    reviews.said.judge(said(1, 1, verdict=JudgementVerdict.SKIPPED))
    assert claim(reviews, "ann") == "i2"
    assert claim(reviews, "bob") == "i1"
    assert reviews.said.withdraw_last("c", "ann", NOW, LEASE) is not None


def test_gold_is_given_to_each_rater_once(reviews: Reviews) -> None:
    reviews.campaigns.add_items(CAMPAIGN, [item(9, kind=ItemKind.GOLD)])
    for rater in ("ann", "bob"):
        gold = reviews.claims.pooled("c", rater, ItemKind.GOLD)
        assert gold is not None
        assert reviews.claims.hold(gold, rater, NOW, LEASE) == gold
        assert reviews.claims.pooled("c", rater, ItemKind.GOLD) is None
        assert not reviews.said.judge(said(hash(rater), 9, rater, kind=ItemKind.GOLD)).surplus


def test_a_draft_is_found_again(open_store: Callable[[], Store]) -> None:
    first = open_store().reviews
    first.campaigns.put(CAMPAIGN)
    first.campaigns.add_items(CAMPAIGN, [item(1)])
    claim(first, "ann")
    first.claims.save_draft("i1", "ann", "I was just", NOW)
    first.claims.save_draft("i1", "ann", "I was just saying", NOW)
    again = open_store().reviews.claims.claim("c", "ann", NOW, LEASE)
    assert again is not None
    assert again.draft == "I was just saying"
    first.said.judge(said(1, 1))
    first.said.withdraw_last("c", "ann", NOW, LEASE)
    assert first.claims.claim("c", "ann", NOW, LEASE).draft == ""  # type: ignore[union-attr]


def test_campaigns_strata_and_feedback_are_kept(reviews: Reviews) -> None:
    newer = replace(CAMPAIGN, id="d", created_s=2.0)
    reviews.campaigns.put(newer)
    assert reviews.campaigns.stand("d", Standing.CLOSED) == replace(newer, standing=Standing.CLOSED)
    assert [c.id for c in reviews.campaigns.all("digits")] == ["d", "c"]
    assert reviews.campaigns.all("other") == ()
    reviews.campaigns.put_strata("c", {"a": 2})
    reviews.campaigns.put_strata("c", {"a": 3, "b": 1})
    assert reviews.campaigns.strata("c") == {"a": 5, "b": 1}
    ones = [Feedback(f"f{n}", "digits", f"r{n}", "3", "thumbs", n % 3 > 0, 1.0) for n in range(6)]
    assert (reviews.feedback.add(ones), reviews.feedback.add(ones)) == (6, 0)
    assert reviews.feedback.counts("digits") == (FeedbackCount("3", "thumbs", 4, 6),)


def test_what_was_not_sent_is_remembered_until_it_is(reviews: Reviews) -> None:
    claim(reviews, "ann")
    reviews.said.judge(said(1, 1), sent=False)
    unsent = reviews.said.unsent()
    assert [j.id for j in unsent] == ["j1"]
    reviews.said.withdraw_last("c", "ann", NOW, LEASE, sent=False)
    reviews.said.mark_sent(unsent)  # it was withdrawn meanwhile: that is still to be told
    assert [j.withdrawn for j in reviews.said.unsent()] == [True]
    reviews.said.mark_sent(reviews.said.unsent())
    assert reviews.said.unsent() == ()


def test_a_look_reads_what_changed_since_the_last_one(reviews: Reviews) -> None:
    changes = reviews.said.changes
    assert changes("digits") == ((), START)
    reviews.said.judge(said(1, 1))
    reviews.said.judge(said(2, 2))
    first, mark = changes("digits")
    assert [j.id for j in first] == ["j1", "j2"]
    reviews.said.judge(said(3, 1))  # in place of the first
    reviews.said.withdraw_last("c", "ann", NOW, LEASE)
    seen = {j.id: j.withdrawn for j in first} | {j.id: j.withdrawn for j in changes("digits", mark)[0]}
    assert seen == {"j1": True, "j2": False, "j3": True}
    again, after = changes("digits", changes("digits", mark)[1])
    if reviews._db.is_sqlite:
        assert again == ()  # PostgreSQL tells the last ones again, see `OVERLAP`
    reviews.said.withdraw("j2")
    assert {j.id for j in changes("digits", after)[0] if j.withdrawn} >= {"j2"}
    assert changes("other") == ((), START)
    assert [j.id for j in changes("digits", START, "elsewhere")[0]] == []


def test_counting_follows_the_store(reviews: Reviews) -> None:
    counting = Counting(SystemClock())
    rng = random.Random(5)
    for number in range(1, 41):
        of, rater = rng.randint(1, 3), rng.choice(["ann", "bob"])
        verdict = rng.choice([JudgementVerdict.RIGHT, JudgementVerdict.WRONG])
        reviews.said.judge(said(number, of, rater, verdict=verdict, surplus=False))
        if rng.random() < 0.3:
            reviews.said.withdraw_last("c", rater, NOW, LEASE)
        counted = counting.of(reviews, "digits", "c").tally
        assert counted_scores(counted) == scores(reviews.said.of_campaign("c"))


def test_the_models_own_probabilities_are_kept_as_moments(reviews: Reviews) -> None:
    reviews.campaigns.put_traffic("c", {"3": Moments(5, 0.5, 0.1)})
    reviews.campaigns.put_traffic("c", {"3": Moments(7, 0.75, 0.2), "4": Moments(1, 0.9, 0.0)})
    assert reviews.campaigns.traffic("c") == {"3": Moments(7, 0.75, 0.2), "4": Moments(1, 0.9, 0.0)}
    reviews.campaigns.put_traffic("c", {})
    assert reviews.campaigns.traffic("c") == {}


def test_the_claim_reads_the_queue_by_its_index(store: Store) -> None:
    """The twin of the bench: without the index the plan would say SCAN."""
    if not store.reviews._db.is_sqlite:
        return
    with store.reviews._db.read() as connection:
        plan = connection.execute(
            sa.text(
                "explain query plan select item from review_slots where campaign = 'c' and state = 0 "
                "order by place, slot limit 1"
            )
        ).all()
    assert any("review_slots_by_state" in row[3] for row in plan)
    assert not any(row[3].startswith("SCAN") for row in plan)

"""Which item a rater gets next: calibration first, hidden gold and repeats now and then, else the first free one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import ItemKind, JudgementVerdict, ReviewItem
from mlcontrol.core.review.sampling import ticket
from mlcontrol.ports.review_store import Reviews

LEASE_S = 600.0
REPEAT_AFTER = 8


def pick(
    reviews: Reviews,
    campaign: Campaign,
    rater: str,
    now_s: float,
    not_items: Collection[str] = (),
    lease_s: float = LEASE_S,
) -> ReviewItem | None:
    """Held for the rater when it returns. The choice between work, gold and repeat is a hash of rater and position: nobody can
    guess it, and asking again changes nothing."""
    position = reviews.said.count(campaign.id, rater) + len(not_items)
    if campaign.calibration and position < campaign.calibration:
        item = reviews.claims.pooled(campaign.id, rater, ItemKind.CALIBRATION)
        if item is not None:
            return reviews.claims.hold(item, rater, now_s, lease_s)
    chance = ticket(campaign.sampling.seed, f"hidden\0{rater}\0{position}")
    if chance < campaign.gold_share:
        item = reviews.claims.pooled(campaign.id, rater, ItemKind.GOLD)
        if item is not None:
            return reviews.claims.hold(item, rater, now_s, lease_s)
    elif chance < campaign.gold_share + campaign.repeat_share:
        item = _repeat(reviews, campaign, rater, position)
        if item is not None:
            return reviews.claims.hold(item, rater, now_s, lease_s)
    return reviews.claims.claim(campaign.id, rater, now_s, lease_s, not_items)


def _repeat(reviews: Reviews, campaign: Campaign, rater: str, position: int) -> ReviewItem | None:
    """An item this rater judged some time ago, under another name, sides turned around where there are two."""
    said = reviews.said.of_rater(campaign.id, rater, 200)
    repeated = {one.origin for one in said}
    old = [
        one
        for one in said[REPEAT_AFTER:]
        if one.kind is ItemKind.WORK and one.item not in repeated and one.verdict is not JudgementVerdict.SKIPPED
    ]
    if not old:
        return None
    chosen = old[int(ticket(campaign.sampling.seed, f"repeat\0{rater}\0{position}") * len(old))]
    item = reviews.campaigns.item(chosen.item)
    if item is None:
        return None
    name = f"{item.id}~{ticket(0, rater):.12f}"
    return replace(item, id=name, kind=ItemKind.REPEAT, origin=item.id, swapped=item.swapped != bool(item.outputs_b))

"""Campaigns and what is queued in them. A million items are read a page at a time, by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

import msgspec
import sqlalchemy as sa

from mlcontrol.core.review.campaign import Campaign, Standing
from mlcontrol.core.review.judging import ItemKind, ReviewItem
from mlcontrol.core.review.prediction_powered import Moments
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews_queue import (
    DONE,
    LEASED,
    OPEN,
    TAKEN_OUT,
    review_campaigns,
    review_entries,
    review_slots,
    review_strata,
    review_traffic,
)

BATCH = 2000
_campaigns = msgspec.msgpack.Decoder(Campaign)
_items = msgspec.msgpack.Decoder(ReviewItem)
POOLED = (ItemKind.GOLD, ItemKind.CALIBRATION)
"""Kinds without slots of their own: every rater gets them, each in a slot made for that rater."""


class Campaigns:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, campaign: Campaign) -> None:
        """Add or replace a campaign's description; its items stay."""
        values = {
            "service": campaign.service,
            "standing": campaign.standing.value,
            "created_s": campaign.created_s,
            "body": msgspec.msgpack.encode(campaign),
        }
        with self._db.write() as connection:
            same = review_campaigns.c.id == campaign.id
            if not connection.execute(review_campaigns.update().where(same).values(**values)).rowcount:
                connection.execute(review_campaigns.insert().values(id=campaign.id, total=0, **values))

    def get(self, campaign_id: str) -> Campaign | None:
        with self._db.read() as connection:
            body = connection.execute(
                sa.select(review_campaigns.c.body).where(review_campaigns.c.id == campaign_id)
            ).scalar()
        return None if body is None else _campaigns.decode(body)

    def all(self, service: str = "") -> tuple[Campaign, ...]:
        """Newest first."""
        query = sa.select(review_campaigns.c.body).order_by(review_campaigns.c.created_s.desc(), review_campaigns.c.id)
        if service:
            query = query.where(review_campaigns.c.service == service)
        with self._db.read() as connection:
            return tuple(_campaigns.decode(body) for body in connection.execute(query).scalars())

    def stand(self, campaign_id: str, standing: Standing) -> Campaign | None:
        found = self.get(campaign_id)
        if found is None:
            return None
        changed = replace(found, standing=standing)
        self.put(changed)
        return changed

    def add_items(self, campaign: Campaign, items: Iterable[ReviewItem]) -> int:
        """Queue items at the end in this order, ``campaign.overlap`` judgements each; one that is queued already stays where it
        is. How many were added. Written a batch at a time: a cut in between leaves whole batches."""
        source = iter(items)
        added = 0
        while batch := list(islice(source, BATCH)):
            added += self._add_batch(campaign, batch)
        return added

    def _add_batch(self, campaign: Campaign, batch: list[ReviewItem]) -> int:
        with self._db.write() as connection:
            ids = [item.id for item in batch]
            known = set(
                connection.execute(sa.select(review_entries.c.id).where(review_entries.c.id.in_(ids))).scalars()
            )
            place = connection.execute(
                sa.select(review_campaigns.c.total).where(review_campaigns.c.id == campaign.id).with_for_update()
                if not self._db.is_sqlite
                else sa.select(review_campaigns.c.total).where(review_campaigns.c.id == campaign.id)
            ).scalar_one()
            fresh = list({item.id: item for item in batch if item.id not in known}.values())
            if not fresh:
                return 0
            entries, slots = [], []
            for number, item in enumerate(fresh, start=place + 1):
                entries.append(
                    {
                        "id": item.id,
                        "campaign": campaign.id,
                        "place": number,
                        "kind": item.kind.value,
                        "withdrawn": "",
                        "body": msgspec.msgpack.encode(replace(item, campaign=campaign.id)),
                    }
                )
                if item.kind not in POOLED:
                    slots += [
                        {
                            "item": item.id, "slot": slot, "campaign": campaign.id, "place": number, "state": OPEN,
                            "rater": "", "until_s": 0.0,
                        }
                        for slot in range(campaign.overlap)
                    ]  # fmt: skip
            connection.execute(review_entries.insert(), entries)
            if slots:
                connection.execute(review_slots.insert(), slots)
            connection.execute(
                review_campaigns.update().where(review_campaigns.c.id == campaign.id).values(total=place + len(fresh))
            )
            return len(fresh)

    def put_strata(self, campaign_id: str, sizes: Mapping[str, int]) -> None:
        """Record how many candidates each stratum had; sizes of an earlier draw are added to."""
        with self._db.write() as connection:
            known = dict(
                connection.execute(
                    sa.select(review_strata.c.stratum, review_strata.c.size).where(
                        review_strata.c.campaign == campaign_id
                    )
                ).all()
            )
            for stratum, size in sizes.items():
                if stratum in known:
                    connection.execute(
                        review_strata.update()
                        .where(review_strata.c.campaign == campaign_id, review_strata.c.stratum == stratum)
                        .values(size=known[stratum] + size)
                    )
                else:
                    connection.execute(review_strata.insert().values(campaign=campaign_id, stratum=stratum, size=size))

    def strata(self, campaign_id: str) -> dict[str, int]:
        query = sa.select(review_strata.c.stratum, review_strata.c.size).where(review_strata.c.campaign == campaign_id)
        with self._db.read() as connection:
            return dict(connection.execute(query).all())

    def put_traffic(self, campaign_id: str, moments: Mapping[str, Moments]) -> None:
        """The model's own probabilities on what was not drawn, by version; those of an earlier draw are replaced."""
        with self._db.write() as connection:
            connection.execute(review_traffic.delete().where(review_traffic.c.campaign == campaign_id))
            rows = [
                {"campaign": campaign_id, "version": version, "n": one.n, "mean": one.mean, "variance": one.variance}
                for version, one in moments.items()
            ]
            if rows:
                connection.execute(review_traffic.insert(), rows)

    def traffic(self, campaign_id: str) -> dict[str, Moments]:
        t = review_traffic.c
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(t.version, t.n, t.mean, t.variance).where(t.campaign == campaign_id)
            ).all()
        return {row.version: Moments(row.n, row.mean, row.variance) for row in rows}

    def item(self, item_id: str) -> ReviewItem | None:
        """Not blind."""
        with self._db.read() as connection:
            body = connection.execute(sa.select(review_entries.c.body).where(review_entries.c.id == item_id)).scalar()
        return None if body is None else _items.decode(body)

    def items(self, campaign_id: str, after: int = 0, limit: int = 200) -> tuple[tuple[int, ReviewItem], ...]:
        """A page of work items with their places, by place."""
        query = (
            sa.select(review_entries.c.place, review_entries.c.body)
            .where(
                review_entries.c.campaign == campaign_id,
                review_entries.c.kind == ItemKind.WORK.value,
                review_entries.c.place > after,
            )
            .order_by(review_entries.c.place)
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple((place, _items.decode(body)) for place, body in connection.execute(query))

    def every_item(self, campaign_id: str) -> Iterator[ReviewItem]:
        """All work items, never more than a page at a time in memory."""
        after = 0
        while page := self.items(campaign_id, after, BATCH):
            yield from (item for _, item in page)
            after = page[-1][0]

    def withdraw_item(self, item_id: str, reason: str) -> bool:
        """Take an item out of its queue; who has it open is told at the next look. `False`: there is no such item."""
        with self._db.write() as connection:
            same = review_entries.c.id == item_id
            found = connection.execute(review_entries.update().where(same).values(withdrawn=reason)).rowcount
            connection.execute(
                review_slots.update()
                .where(review_slots.c.item == item_id, review_slots.c.state.in_((OPEN, LEASED)))
                .values(state=TAKEN_OUT, rater="")
            )
        return bool(found)

    def progress(self, campaign_id: str) -> tuple[int, int, int]:
        """(items queued, judgements given, items held now)."""
        with self._db.read() as connection:
            items = connection.execute(
                sa.select(review_campaigns.c.total).where(review_campaigns.c.id == campaign_id)
            ).scalar()

            def count(state: int) -> int:
                return int(
                    connection.execute(
                        sa.select(sa.func.count()).where(
                            review_slots.c.campaign == campaign_id, review_slots.c.state == state
                        )
                    ).scalar_one()
                )

            return int(items or 0), count(DONE), count(LEASED)

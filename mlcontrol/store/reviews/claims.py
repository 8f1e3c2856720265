"""Who holds which item: leases that lapse, no item for two people unless overlap asks for it.

On PostgreSQL a claim locks one free slot and skips those that others have locked; SQLite has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec
import sqlalchemy as sa

from mlcontrol.core.review.judging import ItemKind, ReviewItem
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews_queue import (
    LEASED,
    OPEN,
    review_drafts,
    review_entries,
    review_judgements,
    review_slots,
)

RENEW_BELOW = 0.9
"""A lease is renewed when less of it is left: a bench looks every second, and a look need not be a write to the disk."""
FREE_EVERY_S = 1.0
"""Lapsed leases are looked for this often, not at every claim."""
_items = msgspec.msgpack.Decoder(ReviewItem)


def _take() -> sa.UpdateBase:
    other = review_slots.alias("other")
    own_slot = sa.select(other.c.item).where(other.c.item == review_slots.c.item, other.c.rater == sa.bindparam("by"))
    own_word = sa.select(review_judgements.c.item).where(
        review_judgements.c.item == review_slots.c.item,
        review_judgements.c.rater == sa.bindparam("by"),
        review_judgements.c.withdrawn.is_(False),
    )
    free = (
        sa.select(review_slots.c.item, review_slots.c.slot)
        .where(
            review_slots.c.campaign == sa.bindparam("in_campaign"),
            review_slots.c.state == OPEN,
            ~own_slot.exists(),
            ~own_word.exists(),
            review_slots.c.item.not_in(sa.bindparam("but", expanding=True)),
        )
        .order_by(review_slots.c.place, review_slots.c.slot)
        .limit(1)
        .with_for_update(skip_locked=True, of=review_slots)
        .cte("free")
    )
    return (
        review_slots.update()
        .where(review_slots.c.item == free.c.item, review_slots.c.slot == free.c.slot)
        .values(state=LEASED, rater=sa.bindparam("by"), until_s=sa.bindparam("to_s"))
        .returning(review_slots.c.item)
    )


# Built once: putting a statement together takes longer than the database takes to answer it.
_TAKE = _take()
_HELD = (
    sa.select(review_slots.c.item, review_slots.c.slot)
    .where(
        review_slots.c.campaign == sa.bindparam("in_campaign"),
        review_slots.c.state == LEASED,
        review_slots.c.rater == sa.bindparam("by"),
        review_slots.c.until_s >= sa.bindparam("now_s"),
    )
    .order_by(review_slots.c.place)
)
_RENEW = (
    review_slots.update()
    .where(review_slots.c.item == sa.bindparam("this"), review_slots.c.slot == sa.bindparam("number"))
    .values(until_s=sa.bindparam("to_s"))
)
_READ = (
    sa.select(review_entries.c.body, review_drafts.c.text)
    .select_from(
        review_entries.outerjoin(
            review_drafts,
            sa.and_(review_drafts.c.item == review_entries.c.id, review_drafts.c.rater == sa.bindparam("by")),
        )
    )
    .where(review_entries.c.id == sa.bindparam("this"))
)


class Claims:
    """Times are UTC seconds. *Thread:* any, also of other processes."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._freed_s: dict[str, float] = {}

    def claim(
        self, campaign: str, rater: str, now_s: float, lease_s: float, not_items: Collection[str] = ()
    ) -> ReviewItem | None:
        """The item this rater holds and that is not among ``not_items``, else the first free one, held for ``lease_s``."""
        with self._db.write() as connection:
            held = self._held(connection, campaign, rater, now_s, not_items)
            if held is not None:
                item, slot = held
                connection.execute(_RENEW, {"this": item, "number": slot, "to_s": now_s + lease_s})
                return self._read(connection, item, rater)
            if not 0 <= now_s - self._freed_s.get(campaign, -FREE_EVERY_S) < FREE_EVERY_S:
                self._free_lapsed(connection, campaign, now_s)
                self._freed_s[campaign] = now_s
            taken = self._take_free(connection, campaign, rater, not_items, now_s + lease_s)
            return None if taken is None else self._read(connection, taken, rater)

    def hold(self, item: ReviewItem, rater: str, now_s: float, lease_s: float, place: int = 0) -> ReviewItem | None:
        """Give a rater a pooled item (gold, calibration), or a repeat made for that rater, in a slot of its own."""
        with self._db.write() as connection:
            if not connection.execute(sa.select(review_entries.c.id).where(review_entries.c.id == item.id)).first():
                connection.execute(
                    review_entries.insert().values(
                        id=item.id, campaign=item.campaign, place=place, kind=item.kind.value, withdrawn="",
                        body=msgspec.msgpack.encode(item),
                    )
                )  # fmt: skip
            mine = (review_slots.c.item == item.id, review_slots.c.rater == rater)
            if connection.execute(sa.select(review_slots.c.slot).where(*mine)).first():
                connection.execute(review_slots.update().where(*mine).values(state=LEASED, until_s=now_s + lease_s))
            else:
                newest = connection.execute(
                    sa.select(sa.func.max(review_slots.c.slot)).where(review_slots.c.item == item.id)
                ).scalar()
                connection.execute(
                    review_slots.insert().values(
                        item=item.id, slot=0 if newest is None else newest + 1, campaign=item.campaign, place=place,
                        state=LEASED, rater=rater, until_s=now_s + lease_s,
                    )
                )  # fmt: skip
            return self._read(connection, item.id, rater)

    def pooled(self, campaign: str, rater: str, kind: ItemKind) -> ReviewItem | None:
        """The first gold or calibration item this rater was not given yet."""
        given = sa.select(review_slots.c.item).where(
            review_slots.c.item == review_entries.c.id, review_slots.c.rater == rater
        )
        query = (
            sa.select(review_entries.c.body)
            .where(
                review_entries.c.campaign == campaign,
                review_entries.c.kind == kind.value,
                review_entries.c.withdrawn == "",
                ~given.exists(),
            )
            .order_by(review_entries.c.place)
            .limit(1)
        )
        with self._db.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else _items.decode(body)

    def keep(self, rater: str, items: Sequence[str], now_s: float, lease_s: float) -> tuple[tuple[str, str], ...]:
        """Renew this rater's leases; which of the items are not the rater's any more, and why ("withdrawn: ..." or "taken")."""
        if not items:
            return ()
        own = (review_slots.c.item.in_(items), review_slots.c.rater == rater)
        with self._db.read() as connection:
            mine = {
                row.item: row
                for row in connection.execute(
                    sa.select(review_slots.c.item, review_slots.c.state, review_slots.c.until_s).where(*own)
                )
            }
            reasons = dict(
                connection.execute(
                    sa.select(review_entries.c.id, review_entries.c.withdrawn).where(
                        review_entries.c.id.in_(items), review_entries.c.withdrawn != ""
                    )
                ).all()
            )
        if any(row.state == LEASED and row.until_s < now_s + RENEW_BELOW * lease_s for row in mine.values()):
            with self._db.write() as connection:
                connection.execute(
                    review_slots.update().where(*own, review_slots.c.state == LEASED).values(until_s=now_s + lease_s)
                )
        gone = [(item, f"withdrawn: {reasons[item]}") for item in items if item in reasons]
        gone += [(item, "taken") for item in items if item not in mine and item not in reasons]
        return tuple(gone)

    def release(self, rater: str, items: Sequence[str]) -> None:
        """Give back what the rater holds and did not judge."""
        if items:
            with self._db.write() as connection:
                connection.execute(
                    review_slots.update()
                    .where(
                        review_slots.c.item.in_(items), review_slots.c.rater == rater, review_slots.c.state == LEASED
                    )
                    .values(state=OPEN, rater="", until_s=0.0)
                )

    def holder(self, item: str) -> tuple[str, ...]:
        """Who holds or judged it."""
        query = sa.select(review_slots.c.rater).where(review_slots.c.item == item, review_slots.c.rater != "")
        with self._db.read() as connection:
            return tuple(connection.execute(query).scalars())

    def save_draft(self, item: str, rater: str, text: str, now_s: float) -> None:
        """Durable when it returns; an empty text removes the draft."""
        with self._db.write() as connection:
            connection.execute(
                review_drafts.delete().where(review_drafts.c.item == item, review_drafts.c.rater == rater)
            )
            if text:
                connection.execute(review_drafts.insert().values(item=item, rater=rater, text=text[:4000], at_s=now_s))

    def _held(
        self, connection: sa.Connection, campaign: str, rater: str, now_s: float, not_items: Collection[str]
    ) -> tuple[str, int] | None:
        known = {"in_campaign": campaign, "by": rater, "now_s": now_s}
        rows = connection.execute(_HELD, known).all()
        return next(((item, slot) for item, slot in rows if item not in not_items), None)

    def _free_lapsed(self, connection: sa.Connection, campaign: str, now_s: float) -> None:
        lapsed = (
            sa.select(review_slots.c.item, review_slots.c.slot)
            .where(review_slots.c.campaign == campaign, review_slots.c.state == LEASED, review_slots.c.until_s < now_s)
            .with_for_update(skip_locked=True)
        )
        for item, slot in connection.execute(lapsed).all():
            connection.execute(
                review_slots.update()
                .where(review_slots.c.item == item, review_slots.c.slot == slot)
                .values(state=OPEN, rater="", until_s=0.0)
            )

    def _take_free(
        self, connection: sa.Connection, campaign: str, rater: str, not_items: Collection[str], until_s: float
    ) -> str | None:
        """Find the first free slot and lease it, in one statement: a claim is as many round trips as it needs and no more."""
        known = {"in_campaign": campaign, "by": rater, "but": list(not_items), "to_s": until_s}
        return connection.execute(_TAKE, known).scalar()

    def _read(self, connection: sa.Connection, item: str, rater: str) -> ReviewItem:
        row = connection.execute(_READ, {"this": item, "by": rater}).one()
        return replace(_items.decode(row.body), draft=row.text or "")

"""Review items and judgements. A judgement is durable when `judge` returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import sqlalchemy as sa

from mlcontrol.core.review import Judgement, ReviewItem
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews import judgements, review_items

_items = msgspec.msgpack.Decoder(ReviewItem)
_judgements = msgspec.msgpack.Decoder(Judgement)


class Reviews:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put_items(self, items: Iterable[ReviewItem]) -> None:
        """Queue items in this order; one that is queued already stays where it is."""
        fresh = list(items)
        if not fresh:
            return
        with self._db.write() as connection:
            ids = [item.id for item in fresh]
            known = set(connection.execute(sa.select(review_items.c.id).where(review_items.c.id.in_(ids))).scalars())
            newest = connection.execute(sa.select(sa.func.max(review_items.c.placed))).scalar() or 0
            rows = [
                {
                    "id": item.id,
                    "service": item.service,
                    "at_s": item.at_s,
                    "version": item.version,
                    "body": msgspec.msgpack.encode(item),
                    "placed": newest + number,
                }
                for number, item in enumerate(fresh, start=1)
                if item.id not in known
            ]
            if rows:
                connection.execute(review_items.insert(), rows)

    def item(self, item_id: str) -> ReviewItem | None:
        query = sa.select(review_items.c.body).where(review_items.c.id == item_id)
        with self._db.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else _items.decode(body)

    def queue(self, service: str, rater: str, n: int) -> tuple[ReviewItem, ...]:
        """The next items that this rater has not judged."""
        judged = sa.select(judgements.c.item).where(
            judgements.c.service == service, judgements.c.rater == rater, judgements.c.withdrawn.is_(False)
        )
        query = (
            sa.select(review_items.c.body)
            .where(review_items.c.service == service, review_items.c.id.not_in(judged))
            .order_by(review_items.c.placed)
            .limit(n)
        )
        with self._db.read() as connection:
            return tuple(_items.decode(body) for body in connection.execute(query).scalars())

    def judge(self, judgement: Judgement) -> None:
        """Store a judgement; the rater's earlier one of the same item is withdrawn by it. The same id twice is one."""
        with self._db.write() as connection:
            if connection.execute(sa.select(judgements.c.id).where(judgements.c.id == judgement.id)).first():
                return
            same = (
                judgements.c.item == judgement.item,
                judgements.c.rater == judgement.rater,
                judgements.c.withdrawn.is_(False),
            )
            connection.execute(judgements.update().where(*same).values(withdrawn=True))
            connection.execute(
                judgements.insert().values(
                    id=judgement.id,
                    item=judgement.item,
                    service=judgement.service,
                    rater=judgement.rater,
                    withdrawn=False,
                    body=msgspec.msgpack.encode(judgement),
                )
            )

    def withdraw_last(self, service: str, rater: str) -> Judgement | None:
        """Take back the rater's newest judgement that stands; `None` when there is none."""
        with self._db.write() as connection:
            row = connection.execute(
                sa.select(judgements.c.number, judgements.c.body)
                .where(judgements.c.service == service, judgements.c.rater == rater, judgements.c.withdrawn.is_(False))
                .order_by(judgements.c.number.desc())
                .limit(1)
            ).first()
            if row is None:
                return None
            connection.execute(judgements.update().where(judgements.c.number == row.number).values(withdrawn=True))
        return replace(_judgements.decode(row.body), withdrawn=True)

    def judged_items(self, service: str, rater: str) -> set[str]:
        query = sa.select(judgements.c.item).where(
            judgements.c.service == service, judgements.c.rater == rater, judgements.c.withdrawn.is_(False)
        )
        with self._db.read() as connection:
            return set(connection.execute(query).scalars())

    def judgements(self, service: str) -> tuple[Judgement, ...]:
        """All of a service, oldest first, withdrawn ones marked."""
        query = (
            sa.select(judgements.c.body, judgements.c.withdrawn)
            .where(judgements.c.service == service)
            .order_by(judgements.c.number)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return tuple(replace(_judgements.decode(body), withdrawn=withdrawn) for body, withdrawn in rows)

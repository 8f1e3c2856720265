"""What raters said. A judgement is durable when `judge` returns; the same one sent twice is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, ReviewItem
from mlcontrol.ports.review_store import START, Mark
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews_queue import (
    DONE,
    LEASED,
    OPEN,
    review_drafts,
    review_entries,
    review_judgements,
    review_slots,
    review_withdrawals,
)

OVERLAP = 500
_judgements = msgspec.msgpack.Decoder(Judgement)
_items = msgspec.msgpack.Decoder(ReviewItem)


# Built once: putting a statement together takes longer than the database takes to answer it.
_SAME = review_judgements.c.id == sa.bindparam("this")
_KNOWN = sa.select(
    sa.select(review_judgements.c.body).where(_SAME).scalar_subquery(),
    sa.select(review_judgements.c.withdrawn).where(_SAME).scalar_subquery(),
    sa.select(review_entries.c.withdrawn).where(review_entries.c.id == sa.bindparam("of")).scalar_subquery(),
)
_REPLACE = (
    review_judgements.update()
    .where(
        review_judgements.c.item == sa.bindparam("of"),
        review_judgements.c.rater == sa.bindparam("by"),
        review_judgements.c.withdrawn.is_(False),
    )
    .values(withdrawn=True, sent=sa.bindparam("told"))
    .returning(review_judgements.c.id, review_judgements.c.service)
)
_STORE = review_judgements.insert()
_DROP_DRAFT = review_drafts.delete().where(
    review_drafts.c.item == sa.bindparam("of"), review_drafts.c.rater == sa.bindparam("by")
)
_OWN_SLOT = (
    review_slots.update()
    .where(review_slots.c.item == sa.bindparam("of"), review_slots.c.rater == sa.bindparam("by"))
    .where(review_slots.c.state.in_((LEASED, DONE)))
)
_SETTLE, _GIVE_BACK = _OWN_SLOT.values(state=DONE), _OWN_SLOT.values(state=OPEN, rater="", until_s=0.0)


class Judgements:
    """*Thread:* any, also of other processes."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def judge(self, judgement: Judgement, *, sent: bool = True) -> Judgement:
        """Store it; the rater's earlier one of the same item is withdrawn by it. Returns what is stored: ``surplus`` is set where
        the item was others' already. ``sent``: whether the team's store has it too.

        Raises `ProblemError` (code "withdrawn") for an item that was taken out of its queue.
        """
        with self._db.write() as connection:
            body, withdrawn, reason = connection.execute(_KNOWN, {"this": judgement.id, "of": judgement.item}).one()
            if body is not None:
                return replace(_judgements.decode(body), withdrawn=withdrawn)
            if reason:
                raise ProblemError(_withdrawn(reason))
            earlier = {"of": judgement.item, "by": judgement.rater, "told": sent}
            self._note_taken(connection, connection.execute(_REPLACE, earlier).all())
            has_slot = self._settle_slot(connection, judgement)
            stored = replace(judgement, surplus=not has_slot and not judgement.adjudicated)
            connection.execute(
                _STORE,
                {
                    "id": stored.id, "campaign": stored.campaign, "item": stored.item, "service": stored.service,
                    "rater": stored.rater, "withdrawn": stored.withdrawn, "sent": sent, "body": msgspec.msgpack.encode(stored),
                },
            )  # fmt: skip
            connection.execute(_DROP_DRAFT, {"of": stored.item, "by": stored.rater})
        return stored

    def _settle_slot(self, connection: sa.Connection, judgement: Judgement) -> bool:
        """Whether the rater may speak for this item: holds it, or takes a slot that is free."""
        if judgement.adjudicated:
            return False
        skipped = judgement.verdict is JudgementVerdict.SKIPPED and judgement.kind is ItemKind.WORK
        settle = _GIVE_BACK if skipped else _SETTLE
        mine = connection.execute(settle, {"of": judgement.item, "by": judgement.rater}).rowcount
        if mine or skipped:
            return True
        free = (
            connection.execute(
                sa.select(review_slots.c.slot)
                .where(review_slots.c.item == judgement.item, review_slots.c.state == OPEN)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
        ).scalar()
        if free is None:
            return False
        connection.execute(
            review_slots.update()
            .where(review_slots.c.item == judgement.item, review_slots.c.slot == free)
            .values(state=DONE, rater=judgement.rater)
        )
        return True

    def withdraw_last(
        self, campaign: str, rater: str, now_s: float, lease_s: float, *, sent: bool = True
    ) -> tuple[Judgement, ReviewItem] | None:
        """Take back the rater's newest judgement that stands, and hold its item again; `None` when there is none."""
        with self._db.write() as connection:
            row = connection.execute(
                sa.select(review_judgements.c.number, review_judgements.c.body, review_judgements.c.item)
                .where(
                    review_judgements.c.campaign == campaign,
                    review_judgements.c.rater == rater,
                    review_judgements.c.withdrawn.is_(False),
                )
                .order_by(review_judgements.c.number.desc())
                .limit(1)
            ).first()
            if row is None:
                return None
            self._take_back(connection, review_judgements.c.number == row.number, sent=sent)
            again = {"state": LEASED, "rater": rater, "until_s": now_s + lease_s}
            mine = connection.execute(
                review_slots.update()
                .where(review_slots.c.item == row.item, review_slots.c.rater == rater)
                .values(**again)
            ).rowcount
            if not mine:  # it was skipped, so its slot is free for anybody
                free = connection.execute(
                    sa.select(review_slots.c.slot)
                    .where(review_slots.c.item == row.item, review_slots.c.state == OPEN)
                    .limit(1)
                    .with_for_update(skip_locked=True)
                ).scalar()
                if free is not None:
                    connection.execute(
                        review_slots.update()
                        .where(review_slots.c.item == row.item, review_slots.c.slot == free)
                        .values(**again)
                    )
            body = connection.execute(
                sa.select(review_entries.c.body).where(review_entries.c.id == row.item)
            ).scalar_one()
        judgement = _judgements.decode(row.body)
        return replace(judgement, withdrawn=True), replace(_items.decode(body), draft=judgement.comment)

    def of_campaign(self, campaign: str) -> tuple[Judgement, ...]:
        """Oldest first, withdrawn ones marked."""
        return self._read(review_judgements.c.campaign == campaign)

    def of_service(self, service: str) -> tuple[Judgement, ...]:
        return self._read(review_judgements.c.service == service)

    def of_item(self, item: str) -> tuple[Judgement, ...]:
        return self._read(review_judgements.c.item == item)

    def of_rater(self, campaign: str, rater: str, limit: int) -> tuple[Judgement, ...]:
        """The rater's newest that stand, newest first."""
        query = (
            sa.select(review_judgements.c.body)
            .where(
                review_judgements.c.campaign == campaign,
                review_judgements.c.rater == rater,
                review_judgements.c.withdrawn.is_(False),
            )
            .order_by(review_judgements.c.number.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(_judgements.decode(body) for body in connection.execute(query).scalars())

    def count(self, campaign: str, rater: str) -> int:
        query = sa.select(sa.func.count()).where(
            review_judgements.c.campaign == campaign,
            review_judgements.c.rater == rater,
            review_judgements.c.withdrawn.is_(False),
        )
        with self._db.read() as connection:
            return int(connection.execute(query).scalar_one())

    def unsent(self, limit: int = 200) -> tuple[Judgement, ...]:
        """Not yet told the team's store, in the order they changed."""
        query = (
            sa.select(review_judgements.c.body, review_judgements.c.withdrawn)
            .where(review_judgements.c.sent.is_(False))
            .order_by(review_judgements.c.number)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return tuple(replace(_judgements.decode(row.body), withdrawn=row.withdrawn) for row in rows)

    def mark_sent(self, judgements: Iterable[Judgement]) -> None:
        """Unless it changed (was withdrawn) since it was read."""
        with self._db.write() as connection:
            for one in judgements:
                connection.execute(
                    review_judgements.update()
                    .where(review_judgements.c.id == one.id, review_judgements.c.withdrawn.is_(one.withdrawn))
                    .values(sent=True)
                )

    def withdraw(self, judgement_id: str) -> None:
        with self._db.write() as connection:
            self._take_back(connection, review_judgements.c.id == judgement_id)

    @staticmethod
    def _take_back(connection: sa.Connection, *where: sa.ColumnElement[bool], sent: bool | None = None) -> None:
        """Mark those that stand as withdrawn, and note it for whoever reads only what changed."""
        values = {"withdrawn": True} if sent is None else {"withdrawn": True, "sent": sent}
        taken = connection.execute(
            review_judgements.update()
            .where(*where, review_judgements.c.withdrawn.is_(False))
            .values(**values)
            .returning(review_judgements.c.id, review_judgements.c.service)
        ).all()
        Judgements._note_taken(connection, taken)

    @staticmethod
    def _note_taken(connection: sa.Connection, taken: Sequence[sa.Row[Any]]) -> None:
        if taken:
            connection.execute(
                review_withdrawals.insert(), [{"judgement": row.id, "service": row.service} for row in taken]
            )

    def changes(self, service: str, since: Mark = START, campaign: str = "") -> tuple[tuple[Judgement, ...], Mark]:
        """What was said or taken back since ``since``, and where the next look begins. With `START`: everything. ``campaign``: of
        this one alone. One that was told already may be told again: on PostgreSQL numbers are given before a transaction is
        seen, so the last `OVERLAP` of them are read again."""
        own = [review_judgements.c.service == service]
        if campaign:
            own.append(review_judgements.c.campaign == campaign)
        back = 0 if self._db.is_sqlite else OVERLAP
        body = sa.select(review_judgements.c.number, review_judgements.c.body, review_judgements.c.withdrawn)
        fresh = body.where(*own, review_judgements.c.number > since.said - back).order_by(review_judgements.c.number)
        taken = (
            sa.select(review_withdrawals.c.number, review_judgements.c.body)
            .join(review_judgements, review_judgements.c.id == review_withdrawals.c.judgement)
            .where(*own, review_withdrawals.c.service == service, review_withdrawals.c.number > since.taken - back)
            .order_by(review_withdrawals.c.number)
        )
        with self._db.read() as connection:
            # Withdrawals first: one that comes in between is then in the second answer, or in the next look.
            withdrawn = connection.execute(taken).all() if since != START else []
            last = sa.select(sa.func.max(review_withdrawals.c.number)).where(review_withdrawals.c.service == service)
            taken_to = withdrawn[-1].number if withdrawn else since.taken
            if since == START:
                taken_to = connection.execute(last).scalar() or 0
            said = connection.execute(fresh).all()
        found = [replace(_judgements.decode(row.body), withdrawn=row.withdrawn) for row in said]
        found += [replace(_judgements.decode(row.body), withdrawn=True) for row in withdrawn]
        return tuple(found), Mark(max(since.said, said[-1].number if said else 0), max(since.taken, taken_to))

    def _read(self, *where: sa.ColumnElement[bool]) -> tuple[Judgement, ...]:
        query = (
            sa.select(review_judgements.c.body, review_judgements.c.withdrawn)
            .where(*where)
            .order_by(review_judgements.c.number)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return tuple(
            one if one.withdrawn == row.withdrawn else replace(one, withdrawn=row.withdrawn)
            for row in rows
            for one in (_judgements.decode(row.body),)
        )


def _withdrawn(reason: str) -> Problem:
    return Problem(
        "This item was taken out of the queue.", reason, "Nothing was stored; take the next one.", code="withdrawn"
    )

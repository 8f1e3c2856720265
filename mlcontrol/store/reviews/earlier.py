"""Judgements of the first version, which knew no campaigns: they are read, never written again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import sqlalchemy as sa

from mlcontrol.core.review.judging import Judgement
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews import judgements

_judgements = msgspec.msgpack.Decoder(Judgement)


def earlier_judgements(database: Database, service: str) -> tuple[Judgement, ...]:
    query = (
        sa.select(judgements.c.body, judgements.c.withdrawn)
        .where(judgements.c.service == service)
        .order_by(judgements.c.number)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return tuple(replace(_judgements.decode(body), withdrawn=withdrawn) for body, withdrawn in rows)

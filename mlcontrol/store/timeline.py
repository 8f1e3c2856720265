"""Timeline events, by time, service, kind and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.store.database import Database
from mlcontrol.store.tables.records import timeline

_decoder = msgspec.msgpack.Decoder(TimelineEvent)


class Timeline:
    """*Thread:* any. An event with an id that is there already replaces it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, events: Iterable[TimelineEvent]) -> None:
        rows = [
            {
                "id": event.id,
                "at_s": event.at_s,
                "service": event.service,
                "kind": event.kind.value,
                "title": event.title,
                "detail": event.detail,
                "body": msgspec.msgpack.encode(event),
            }
            for event in events
        ]
        if not rows:
            return
        with self._db.write() as connection:
            connection.execute(timeline.delete().where(timeline.c.id.in_([row["id"] for row in rows])))
            connection.execute(timeline.insert(), rows)

    def query(
        self,
        service: str | None,
        since_s: float,
        until_s: float | None,
        kinds: Sequence[EventKind],
        text: str,
        limit: int,
    ) -> tuple[TimelineEvent, ...]:
        """Newest first. ``text``: words that must all be in title or detail, in any case."""
        query = sa.select(timeline.c.body).where(timeline.c.at_s >= since_s)
        if until_s is not None:
            query = query.where(timeline.c.at_s < until_s)
        if service is not None:
            query = query.where(timeline.c.service == service)
        if kinds:
            query = query.where(timeline.c.kind.in_([kind.value for kind in kinds]))
        for word in text.split():
            both = timeline.c.title + " " + timeline.c.detail
            query = query.where(both.icontains(word, autoescape=True))
        query = query.order_by(timeline.c.at_s.desc(), timeline.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return tuple(_decoder.decode(body) for body in connection.execute(query).scalars())

    def newest(self, kinds: Sequence[EventKind], since_s: float) -> Mapping[str, float]:
        """When each service had its newest event of these kinds; those that had none since are left out."""
        query = (
            sa.select(timeline.c.service, sa.func.max(timeline.c.at_s))
            .where(timeline.c.at_s >= since_s, timeline.c.kind.in_([kind.value for kind in kinds]))
            .group_by(timeline.c.service)
        )
        with self._db.read() as connection:
            return {service: float(at_s) for service, at_s in connection.execute(query) if service is not None}

    def recent(self, limit: int) -> tuple[TimelineEvent, ...]:
        return self.query(None, 0.0, None, (), "", limit)

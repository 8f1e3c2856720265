"""Timeline events, by time, service, kind and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import msgspec
import sqlalchemy as sa

from mlcontrol.core.timeline_search import says
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.store.database import Database
from mlcontrol.store.tables.records import timeline

PAGE = 1000
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
        """Newest first. ``text``: words as `core.timeline_search.says` finds them."""
        query = sa.select(timeline.c.body).where(timeline.c.at_s >= since_s)
        if until_s is not None:
            query = query.where(timeline.c.at_s < until_s)
        if service is not None:
            query = query.where(timeline.c.service == service)
        if kinds:
            query = query.where(timeline.c.kind.in_([kind.value for kind in kinds]))
        query = query.order_by(timeline.c.at_s.desc(), timeline.c.id.desc())
        with self._db.read() as connection:
            if not text.strip():
                return tuple(_decoder.decode(body) for body in connection.execute(query.limit(limit)).scalars())
            # Words may stand in what has no column of its own (who, which version): each event is read until there are enough.
            rows = connection.execute(query.execution_options(yield_per=PAGE)).scalars()
            return tuple(islice((event for event in map(_decoder.decode, rows) if says(event, text)), limit))

    def find(self, event_id: str) -> TimelineEvent | None:
        with self._db.read() as connection:
            body = connection.execute(sa.select(timeline.c.body).where(timeline.c.id == event_id)).scalar()
        return None if body is None else _decoder.decode(body)

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

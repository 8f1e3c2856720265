"""Alerts as they were: what a new engine takes up again. And the silences, which every engine of the store heeds."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.store.database import Database
from mlcontrol.store.tables.alerts import alerts, silences

RECENT = 500


class AlertStore:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def keep(self, changed: Iterable[Alert]) -> None:
        """Store alerts as they are now."""
        with self._db.write() as connection:
            for alert in changed:
                values = {
                    "since_s": alert.since_s,
                    "service": alert.service,
                    "state": alert.state.value,
                    "body": msgspec.msgpack.encode(alert),
                }
                if connection.execute(alerts.update().where(alerts.c.id == alert.id).values(**values)).rowcount == 0:
                    connection.execute(alerts.insert().values(id=alert.id, **values))

    def load(self) -> tuple[Alert, ...]:
        """Every open alert and the newest resolved ones, one for each rule and service."""
        newest = sa.select(alerts.c.body).order_by(alerts.c.since_s.desc())
        with self._db.read() as connection:
            rows = connection.execute(newest.where(alerts.c.state != AlertState.RESOLVED.value)).scalars().all()
            rows = [*rows, *connection.execute(newest.limit(RECENT)).scalars()]
        by_key: dict[str, Alert] = {}
        for alert in (msgspec.msgpack.decode(row, type=Alert) for row in rows):
            by_key.setdefault(alert.key, alert)
        return tuple(by_key.values())

    def silences(self) -> tuple[Silence, ...]:
        """Of every engine of this store, the first to end first; also those that have ended and are not dropped."""
        query = sa.select(silences.c.body).order_by(silences.c.until_s, silences.c.id)
        with self._db.read() as connection:
            rows = connection.execute(query).scalars().all()
        return tuple(msgspec.msgpack.decode(row, type=Silence) for row in rows)

    def add_silence(self, silence: Silence) -> None:
        with self._db.write() as connection:
            connection.execute(silences.insert().values(id=silence.id, **_row(silence)))

    def drop_silence(self, silence_id: str) -> None:
        with self._db.write() as connection:
            connection.execute(silences.delete().where(silences.c.id == silence_id))

    def replace_silence(self, was: Silence, now: Silence | None) -> None:
        """``now`` `None`: it is over. Nothing happens when it is not stored as it was: another engine was quicker."""
        same = (silences.c.id == was.id) & (silences.c.body == msgspec.msgpack.encode(was))
        with self._db.write() as connection:
            if now is None:
                connection.execute(silences.delete().where(same))
            else:
                connection.execute(silences.update().where(same).values(**_row(now)))


def _row(silence: Silence) -> dict[str, object]:
    return {"until_s": silence.until_s, "body": msgspec.msgpack.encode(silence)}

"""Alerts as they were, and the silences that hold: what a new engine takes up again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

    def keep(self, changed: Iterable[Alert], held: Sequence[Silence]) -> None:
        """Store alerts as they are now, and exactly these silences."""
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
            connection.execute(silences.delete())
            for silence in held:
                body = msgspec.msgpack.encode(silence)
                connection.execute(silences.insert().values(id=silence.id, until_s=silence.until_s, body=body))

    def load(self) -> tuple[tuple[Alert, ...], tuple[Silence, ...]]:
        """Every open alert and the newest resolved ones, one for each rule and service; the silences."""
        newest = sa.select(alerts.c.body).order_by(alerts.c.since_s.desc())
        with self._db.read() as connection:
            rows = connection.execute(newest.where(alerts.c.state != AlertState.RESOLVED.value)).scalars().all()
            rows = [*rows, *connection.execute(newest.limit(RECENT)).scalars()]
            held = connection.execute(sa.select(silences.c.body)).scalars().all()
        by_key: dict[str, Alert] = {}
        for alert in (msgspec.msgpack.decode(row, type=Alert) for row in rows):
            by_key.setdefault(alert.key, alert)
        return tuple(by_key.values()), tuple(msgspec.msgpack.decode(row, type=Silence) for row in held)

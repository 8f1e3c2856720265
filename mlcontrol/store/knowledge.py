"""Small durable facts about services: what served well, what was rolled back and why, how long things took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from mlcontrol.ports.clock import Clock
from mlcontrol.store.database import Database
from mlcontrol.store.tables.knowledge import known_good, measured, quarantine


class Knowledge:
    """*Thread:* any."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def quarantine(self, service: str, version: str, reason: str, actor: str) -> None:
        values = {"reason": reason, "actor": actor, "at_s": self._clock.utc_s()}
        self._put(quarantine, {"service": service, "version": version}, values)

    def lift(self, service: str, version: str) -> None:
        with self._db.write() as connection:
            connection.execute(
                quarantine.delete().where(quarantine.c.service == service, quarantine.c.version == version)
            )

    def quarantined(self, service: str) -> Mapping[str, str]:
        """Version -> reason."""
        query = sa.select(quarantine.c.version, quarantine.c.reason).where(quarantine.c.service == service)
        with self._db.read() as connection:
            return {row.version: row.reason for row in connection.execute(query)}

    def mark_known_good(self, service: str, version: str) -> None:
        self._put(known_good, {"service": service, "version": version}, {"since_s": self._clock.utc_s()})

    def known_good(self, service: str) -> tuple[tuple[str, float], ...]:
        """(version, since UTC seconds), newest first."""
        query = (
            sa.select(known_good.c.version, known_good.c.since_s)
            .where(known_good.c.service == service)
            .order_by(known_good.c.since_s.desc())
        )
        with self._db.read() as connection:
            return tuple((version, since) for version, since in connection.execute(query))

    def measured_seconds(self, service: str, what: str) -> float | None:
        """How long it took last time; `None` when it was never done."""
        query = sa.select(measured.c.seconds).where(measured.c.service == service, measured.c.what == what)
        with self._db.read() as connection:
            return connection.execute(query).scalar()

    def record_seconds(self, service: str, what: str, seconds: float) -> None:
        values = {"seconds": seconds, "at_s": self._clock.utc_s()}
        self._put(measured, {"service": service, "what": what}, values)

    def stamps(self) -> Mapping[str, tuple[float, ...]]:
        """Of each service that something is known of: what is otherwise after every change. Three short looks for all."""
        tables = (known_good, known_good.c.since_s), (quarantine, quarantine.c.at_s), (measured, measured.c.at_s)
        found: dict[str, tuple[float, ...]] = {}
        with self._db.read() as connection:
            for place, (table, at_s) in enumerate(tables):
                query = sa.select(table.c.service, sa.func.count(), sa.func.max(at_s)).group_by(table.c.service)
                for service, count, newest in connection.execute(query):
                    found[service] = (*found.get(service, ()), float(place), float(count), float(newest))
        return found

    def _put(self, table: sa.Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        where = [table.c[name] == value for name, value in key.items()]
        with self._db.write() as connection:
            if connection.execute(table.update().where(*where).values(**values)).rowcount == 0:
                connection.execute(table.insert().values(**key, **values))

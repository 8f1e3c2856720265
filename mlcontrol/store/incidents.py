"""Incidents as their entries, each with its row of the audit log.

Two writers at once never both succeed with the same place: the later one is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from mlcontrol.core.incidents.incident import Entry, EntryKind, Incident, fold
from mlcontrol.store.audit_log import AuditLog
from mlcontrol.store.database import Database, StoreError
from mlcontrol.store.tables.incidents import entries


class Incidents:
    """*Thread:* any, also several processes."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._db = database
        self._audit = audit

    def append(
        self,
        incident: str,
        seq: int,
        at_s: float,
        actor: str,
        kind: EntryKind,
        text: str,
        data: Mapping[str, str],
        service: str = "",
    ) -> bool:
        """Add an entry at ``seq`` and its row of the audit log, both or neither; False when somebody else wrote there meanwhile.

        Raises `StoreError` when it could not be made durable: what is written again then is not there twice.
        """
        row = {
            "incident": incident,
            "seq": seq,
            "at_s": at_s,
            "actor": actor,
            "kind": kind.value,
            "text": text,
            "data": json.dumps(dict(data), sort_keys=True),
        }
        try:
            with self._db.write() as connection:
                if seq > 1:
                    before = sa.select(sa.func.max(entries.c.seq)).where(entries.c.incident == incident)
                    if connection.execute(before).scalar() != seq - 1:
                        return False
                connection.execute(entries.insert().values(**row))
                body = {"text": text, **data}
                audited = self._audit.append_in(connection, actor, f"incident.{kind.value}", body, service, incident)
        except StoreError as error:
            if isinstance(error.__cause__, sa.exc.IntegrityError):
                return False
            raise
        self._audit.keep(audited)
        return True

    def get(self, incident: str) -> Incident | None:
        query = sa.select(entries).where(entries.c.incident == incident).order_by(entries.c.seq)
        with self._db.read() as connection:
            return fold(_entry(row) for row in connection.execute(query))

    def all(self) -> tuple[Incident, ...]:
        """Oldest first."""
        query = sa.select(entries).order_by(entries.c.incident, entries.c.seq)
        found: dict[str, list[Entry]] = {}
        with self._db.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.incident, []).append(_entry(row))
        folded = [one for one in (fold(rows) for rows in found.values()) if one is not None]
        return tuple(sorted(folded, key=lambda one: (one.detected_s, one.id)))


def _entry(row: Any) -> Entry:
    return Entry(row[0], row[1], row[2], row[3], EntryKind(row[4]), row[5], json.loads(row[6]))

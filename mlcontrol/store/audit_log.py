"""The audit log: hash-chained rows, durable when `append` returns, with the newest head kept outside the database too."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from mlcontrol.core import audit as chain
from mlcontrol.core.audit import AuditRow, ChainVerdict
from mlcontrol.core.audit_export import Checkpoint
from mlcontrol.ports.clock import Clock
from mlcontrol.store.audit_head import AuditHead, HeadUnreadableError
from mlcontrol.store.database import Database, StoreError
from mlcontrol.store.tables.records import audit, checkpoints, evidence

log = structlog.get_logger("audit")

PAGE = 2000
_LOCK_KEY = 0x6D6C63  # the advisory lock of the chain on PostgreSQL


class AuditLog:
    """*Thread:* any, also several processes: the chain has one writer at a time."""

    def __init__(self, database: Database, clock: Clock, heads: Path) -> None:
        self._db = database
        self._clock = clock
        name = hashlib.sha256(database.where.encode()).hexdigest()[:16]
        self._head = AuditHead(heads / f"audit-{name}.head")
        self._head_lock = threading.Lock()
        self._known = self._kept_or_none()  # the head as this process knows it; nobody takes that away from outside
        self._newest = database.prepared(sa.select(audit).order_by(audit.c.seq.desc()).limit(1))
        self._add = database.prepared(audit.insert())
        self._only_writer = (
            None if database.is_sqlite else database.prepared(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
        )

    def append(self, actor: str, action: str, body: dict[str, Any], service: str = "", operation: str = "") -> AuditRow:
        """Add a row; raises `StoreError` when it could not be made durable (then it is not there)."""
        with self._db.write_prepared() as cursor:
            if self._only_writer is not None:
                self._only_writer.run(cursor)
            self._newest.run(cursor)
            newest = cursor.fetchone()
            previous = None if newest is None else AuditRow(*newest)
            row = chain.append(
                previous, self._clock.utc_s(), actor, action, service, operation, body, secrets.token_hex(16)
            )
            self._add.run(cursor, {name: getattr(row, name) for name in AuditRow.__slots__})
        self.keep(row)
        return row

    def append_in(
        self, connection: sa.Connection, actor: str, action: str, body: dict[str, Any], service: str, operation: str
    ) -> AuditRow:
        """Add a row within somebody else's transaction (`Database.write`), so that both are there or neither.

        `keep` it when that is durable.
        """
        if not self._db.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
        newest = connection.execute(sa.select(audit).order_by(audit.c.seq.desc()).limit(1)).first()
        previous = None if newest is None else AuditRow(*newest)
        row = chain.append(
            previous, self._clock.utc_s(), actor, action, service, operation, body, secrets.token_hex(16)
        )
        connection.execute(audit.insert().values({name: getattr(row, name) for name in AuditRow.__slots__}))
        return row

    def keep(self, row: AuditRow) -> None:
        """The head outside the store goes on to this row.

        One that cannot be kept does not undo the row, which is durable: an older head still fits the chain.
        """
        try:
            with self._head_lock:
                if not self._goes_on(self._known, row):
                    return
                self._known = (row.seq, row.hash)
                with self._head.changing() as file:
                    if self._goes_on(file.read(), row):
                        file.write(row.seq, row.hash)
        except (OSError, StoreError) as error:
            log.warning("the audit head outside the store stays behind", row=row.seq, why=str(error))

    def rows(self, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        """Newest first; ``before`` is exclusive."""
        query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.seq < before)
        with self._db.read() as connection:
            return tuple(AuditRow(*row) for row in connection.execute(query))

    def of_operation(self, operation: str) -> tuple[AuditRow, ...]:
        """Oldest first."""
        query = sa.select(audit).where(audit.c.operation == operation).order_by(audit.c.seq)
        with self._db.read() as connection:
            return tuple(AuditRow(*row) for row in connection.execute(query))

    def open_operations(self) -> tuple[str, ...]:
        """Operations that were begun and have no outcome, oldest first."""
        ended = sa.select(audit.c.operation).where(audit.c.action.like("%.outcome"))
        query = (
            sa.select(audit.c.operation)
            .where(audit.c.action.like("%.intent"), audit.c.operation.not_in(ended))
            .order_by(audit.c.seq)
        )
        with self._db.read() as connection:
            return tuple(connection.execute(query).scalars())

    def recent_operations(self, limit: int) -> tuple[str, ...]:
        """The operations begun last, open or ended, oldest first."""
        query = (
            sa.select(audit.c.operation)
            .where(audit.c.action.like("%.intent"))
            .order_by(audit.c.seq.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(reversed(connection.execute(query).scalars().all()))

    def operations_of(self, service: str) -> tuple[str, ...]:
        """Every operation begun on a service, oldest first."""
        query = (
            sa.select(audit.c.operation)
            .where(audit.c.action.like("%.intent"), audit.c.service == service)
            .order_by(audit.c.seq)
        )
        with self._db.read() as connection:
            return tuple(connection.execute(query).scalars())

    def count(self) -> int:
        with self._db.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one())

    def verify(self) -> ChainVerdict:
        """Walk the whole chain, also against the head and the checkpoint kept outside, and every checkpoint kept here."""
        kept, unreadable = None, ""
        try:
            kept = self._head.kept()  # read first: rows that come meanwhile only make the log longer
        except HeadUnreadableError as error:
            unreadable = str(error)
        known = [found for found in (kept, self._known) if found is not None]
        points = [(found.seq, found.hash) for found in self.checkpoints()]
        verdict = chain.verify(self.all(), [*known, *points])
        if not verdict.ok and kept is not None and verdict.first_bad == verdict.rows + 1:
            way_on = f" If this store was made anew on purpose, remove {self._head.path}."
            return replace(verdict, why=verdict.why + way_on)
        if not unreadable and not known and verdict.rows:
            unreadable = "it is not there"
        if verdict.ok and unreadable:
            # Not taken for "nothing is missing": whether the tail was cut is what it would have told.
            why = f"the rows fit, but not whether any are missing can be known: {self._head.path}: {unreadable}"
            return replace(verdict, ok=False, why=why)
        return verdict

    def head_missing(self) -> bool:
        """Whether there are rows, and nothing outside the store says how far they had come: it was removed, or the store was never
        used from here."""
        try:
            return self._known is None and self._head.kept() is None and self.newest() is not None
        except HeadUnreadableError:
            return False

    def newest(self) -> AuditRow | None:
        found = self.rows(None, 1)
        return found[0] if found else None

    def put_checkpoint(self, point: Checkpoint) -> None:
        """Keep a signed checkpoint in the store and beside the head, outside of it."""
        with self._db.write() as connection:
            connection.execute(checkpoints.insert().values(**asdict(point)))
        self._write_outside(self._head.path.with_suffix(".checkpoint"), asdict(point))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Oldest first; the one kept outside the store is among them even when the store has lost it."""
        query = sa.select(checkpoints).order_by(checkpoints.c.seq, checkpoints.c.at_s)
        with self._db.read() as connection:
            found = {Checkpoint(*row): None for row in connection.execute(query)}
        try:
            outside = Checkpoint(**json.loads(self._head.path.with_suffix(".checkpoint").read_text()))
            found.setdefault(outside)
        except (OSError, ValueError, TypeError):
            return tuple(found)
        return tuple(found)

    def put_evidence(self, body: Any) -> str:
        """Keep what a decision was based on; returns its digest, which the row of the decision names."""
        name, text = chain.digest(body), chain.canonical(body)
        with self._db.write() as connection:
            known = connection.execute(sa.select(evidence.c.digest).where(evidence.c.digest == name)).first()
            if known is None:
                connection.execute(evidence.insert().values(digest=name, at_s=self._clock.utc_s(), body=text))
        return name

    def evidence(self, name: str) -> Any | None:
        """What a digest names; `None` when it is not here, or is not what it was."""
        with self._db.read() as connection:
            text = connection.execute(sa.select(evidence.c.body).where(evidence.c.digest == name)).scalar()
        body = None if text is None else json.loads(text)
        return body if body is not None and chain.digest(body) == name else None

    def all(self) -> Iterator[AuditRow]:
        """Every row, oldest first."""
        # By position, not by number: a row whose number was changed must be met where it stands.
        last = -1
        while True:
            query = sa.select(audit).where(audit.c.seq > last).order_by(audit.c.seq).limit(PAGE)
            with self._db.read() as connection:
                page = [AuditRow(*row) for row in connection.execute(query)]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].seq

    def _write_outside(self, path: Path, body: dict[str, Any]) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".audit-head.")
        with os.fdopen(descriptor, "w") as file:
            json.dump(body, file)
        Path(temporary).replace(path)

    def _kept_or_none(self) -> tuple[int, str] | None:
        try:
            return self._head.kept()
        except HeadUnreadableError:
            return None

    def _goes_on(self, kept: tuple[int, str] | None, row: AuditRow) -> bool:
        """Whether the row is newer than the kept head, and the log still holds that. A restored backup that is written on must not
        outgrow the evidence."""
        if kept is None:
            return True
        if kept[0] >= row.seq:
            return False
        if kept == (row.seq - 1, row.previous):
            return True
        with self._db.read() as connection:
            return connection.execute(sa.select(audit.c.hash).where(audit.c.seq == kept[0])).scalar() == kept[1]

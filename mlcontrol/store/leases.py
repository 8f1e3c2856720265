"""Leases in the shared store: given whole or not at all, by compare-and-set on a fencing counter that never falls.

On PostgreSQL ages are the server's; on SQLite, which lives on one machine, its monotonic clock's: a set wall clock moves no lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from mlcontrol.core.lease import LEASE_S, Holder, Lease, LeaseLostError, LeaseTakenError
from mlcontrol.ports.clock import Clock
from mlcontrol.store.database import Database, StoreError
from mlcontrol.store.holders import boot, end_holder, host_of, is_dead, new_holder
from mlcontrol.store.tables.leases import leases


class Leases:
    """*Thread:* any, and any number of processes and machines on one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._holder = new_holder()
        self._ended: set[str] = set()  # operations of ours whose release may not have reached the store
        self._ticks = f"boot {boot()}" if database.is_sqlite else "database"

    def acquire(self, targets: Sequence[str], service: str, operation: str, actor: str, what: str) -> Lease:
        """All of ``targets`` or none. Raises `LeaseTakenError` saying who has one and since when, `StoreError` when the store is
        not there."""
        try:
            lease = self._acquire(targets, service, operation, actor, what)
        except StoreError:
            self._ended.add(operation)  # it may have been given although nobody could be told
            raise
        self._ended.discard(operation)
        return lease

    def _acquire(self, targets: Sequence[str], service: str, operation: str, actor: str, what: str) -> Lease:
        fences, abandoned = [], []
        with self._db.write() as connection:
            now = self._now(connection)
            for target in sorted(set(targets)):
                self._ensure(connection, target)
                row = connection.execute(sa.select(leases).where(leases.c.target == target).with_for_update()).one()
                mine = row.holder == self._holder and row.operation == operation
                if not (mine or self._is_free(row, now)):
                    raise LeaseTakenError(service, self._who(row, now))
                if row.holder and row.operation != operation:
                    abandoned.append(row.operation)
                fence = connection.execute(
                    leases.update()
                    .where(leases.c.target == target, leases.c.fence == row.fence)
                    .values(
                        fence=row.fence + 1,
                        holder=self._holder,
                        actor=actor,
                        what=what,
                        operation=operation,
                        since_s=self._clock.utc_s(),
                        given=now,
                        expires=now + LEASE_S,
                        ticks=self._ticks,
                        asked="",
                    )
                    .returning(leases.c.fence)
                ).scalar_one()
                fences.append((target, int(fence)))
        return Lease(self._holder, operation, service, tuple(fences), tuple(dict.fromkeys(abandoned)))

    def check(self, lease: Lease) -> str:
        """Raises `LeaseLostError` unless every target is still held; extends a lease that has used up half its time. Returns who
        asks the holder to make room, empty when nobody does."""
        with self._db.read() as connection:
            rows = self._rows(connection, lease)
            now = self._now(connection)
        self._require(lease, rows, now)
        if any(row.expires - now < LEASE_S / 2 for row in rows):
            self.renew(lease)
        return next((row.asked for row in rows if row.asked), "")

    def renew(self, lease: Lease) -> None:
        """Extend it by `LEASE_S`. A lease that lapsed unnoticed by anybody is still good: nobody has written meanwhile."""
        with self._db.write() as connection:
            now = self._now(connection)
            for target, fence in lease.fences:
                kept = connection.execute(
                    leases.update()
                    .where(leases.c.target == target, leases.c.fence == fence, leases.c.holder == lease.holder)
                    .values(expires=now + LEASE_S)
                    .returning(leases.c.fence)
                ).scalar()
                if kept is None:
                    self._require(lease, self._rows(connection, lease), now)

    def release(self, lease: Lease) -> None:
        """Give it back; what is held by somebody else by now is left alone. Where the store is away, this holder at least knows
        that it is free."""
        self._ended.add(lease.operation)
        with self._db.write() as connection:
            for target, fence in lease.fences:
                connection.execute(
                    leases.update()
                    .where(leases.c.target == target, leases.c.fence == fence, leases.c.holder == lease.holder)
                    .values(holder="", asked="")
                )
        self._ended.discard(lease.operation)

    def ask_for(self, targets: Sequence[str], actor: str) -> None:
        """Tell whoever holds one of the targets that ``actor`` wants to take over; the holder hears of it at its next look."""
        with self._db.write() as connection:
            connection.execute(
                leases.update().where(leases.c.target.in_(tuple(targets)), leases.c.holder != "").values(asked=actor)
            )

    def holder(self, targets: Sequence[str]) -> Holder | None:
        """Who holds one of the targets now; `None` when all are free."""
        with self._db.read() as connection:
            now = self._now(connection)
            rows = connection.execute(sa.select(leases).where(leases.c.target.in_(tuple(targets)))).all()
        return next((self._who(row, now) for row in rows if not self._is_free(row, now)), None)

    def close(self) -> None:
        """This holder is gone: what it still held may be taken at once."""
        end_holder(self._holder)

    def _ensure(self, connection: sa.Connection, target: str) -> None:
        columns = "target, fence, holder, actor, what, operation, since_s, given, expires, ticks, asked"
        connection.execute(
            sa.text(
                f"INSERT INTO leases ({columns}) VALUES (:target, 0, '', '', '', '', 0, 0, 0, '', '') "  # noqa: S608 - constants
                "ON CONFLICT (target) DO NOTHING"
            ),
            {"target": target},
        )

    def _rows(self, connection: sa.Connection, lease: Lease) -> Sequence[Any]:
        names = [target for target, _ in lease.fences]
        return connection.execute(sa.select(leases).where(leases.c.target.in_(names))).all()

    def _require(self, lease: Lease, rows: Sequence[Any], now: float) -> None:
        fences = dict(lease.fences)
        for row in rows:
            if row.fence != fences.pop(row.target) or row.holder != lease.holder:
                raise LeaseLostError(lease.service, self._who(row, now))
        if fences:
            raise LeaseLostError(lease.service, None)

    def _is_free(self, row: Any, now: float) -> bool:
        if not row.holder or row.ticks != self._ticks or row.expires <= now:
            return True
        if row.holder == self._holder:
            return row.operation in self._ended
        return is_dead(row.holder)

    def _who(self, row: Any, now: float) -> Holder:
        return Holder(row.actor, row.what, row.operation, host_of(row.holder), row.since_s, max(0.0, now - row.given))

    def _now(self, connection: sa.Connection) -> float:
        if self._db.is_sqlite:
            return self._clock.mono_s()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

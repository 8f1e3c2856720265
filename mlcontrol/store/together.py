"""What a team shares of its guards: approvals of plans, drills, and the last look at each way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from mlcontrol.core.drill import Drill, DrillMode
from mlcontrol.core.permission import Approval
from mlcontrol.core.wayback import ReturnCheck
from mlcontrol.store.database import Database
from mlcontrol.store.tables.together import approvals, drills, return_checks


class Approvals:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, approval: Approval) -> None:
        """One a person and plan; the newer takes the place of the older."""
        key = {"plan_hash": approval.plan_hash, "actor": approval.actor}
        _put(self._db, approvals, key, {k: v for k, v in asdict(approval).items() if k not in key})

    def of(self, plan_hash: str) -> tuple[Approval, ...]:
        """Also those that have expired."""
        query = sa.select(approvals).where(approvals.c.plan_hash == plan_hash).order_by(approvals.c.at_s)
        with self._db.read() as connection:
            return tuple(Approval(**row) for row in connection.execute(query).mappings())


class Drills:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, drill: Drill) -> None:
        _put(
            self._db,
            drills,
            {"operation": drill.operation},
            {k: v for k, v in asdict(drill).items() if k != "operation"},
        )

    def of(self, service: str, limit: int = 100) -> tuple[Drill, ...]:
        """Newest first."""
        query = sa.select(drills).where(drills.c.service == service).order_by(drills.c.at_s.desc()).limit(limit)
        with self._db.read() as connection:
            return tuple(_drill(row) for row in connection.execute(query).mappings())

    def last_passed_s(self, service: str) -> float | None:
        """When a drill last succeeded, UTC seconds."""
        query = sa.select(sa.func.max(drills.c.at_s)).where(drills.c.service == service, drills.c.ok.is_(True))
        with self._db.read() as connection:
            return connection.execute(query).scalar()

    def stamps(self) -> Mapping[str, tuple[float, ...]]:
        """As `Knowledge.stamps`, of drills and of the last look at each way back."""
        passed = sa.select(drills.c.service, sa.func.count(), sa.func.max(drills.c.at_s)).where(drills.c.ok.is_(True))
        found: dict[str, tuple[float, ...]] = {}
        with self._db.read() as connection:
            for service, at_s in connection.execute(sa.select(return_checks.c.service, return_checks.c.at_s)):
                found[service] = (float(at_s),)
            for service, count, newest in connection.execute(passed.group_by(drills.c.service)):
                found[service] = (*found.get(service, ()), float(count), float(newest))
        return found

    def put_return(self, service: str, check: ReturnCheck) -> None:
        _put(self._db, return_checks, {"service": service}, asdict(check))

    def last_return(self, service: str) -> ReturnCheck | None:
        query = sa.select(*[return_checks.c[field.name] for field in fields(ReturnCheck)]).where(
            return_checks.c.service == service
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else ReturnCheck(**row)


def _drill(row: Any) -> Drill:
    return Drill(**{**row, "mode": DrillMode(row["mode"])})


def _put(database: Database, table: sa.Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    where = [table.c[name] == value for name, value in key.items()]
    with database.write() as connection:
        if connection.execute(table.update().where(*where).values(**values)).rowcount == 0:
            connection.execute(table.insert().values(**key, **values))

"""Scores of golden sets, one a generation and set: the newest of each."""

from __future__ import annotations

import json

import sqlalchemy as sa

from mlcontrol.core.golden_history import GenerationScore
from mlcontrol.store.database import Database
from mlcontrol.store.tables.golden import golden_generations as table, golden_scores as older


class GoldenScores:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, service: str, score: GenerationScore) -> None:
        """Replaces what was known of that version on these items."""
        details = {"critical_failed": score.critical_failed, "by_slice": score.by_slice}
        values = {
            "at_s": score.at_s,
            "right_answers": score.right,
            "n": score.n,
            "share": score.share,
            "low": score.low,
            "high": score.high,
            "details": json.dumps(details, sort_keys=True),
        }
        mine = (table.c.service == service, table.c.version == score.version, table.c.set_of == score.set_of)
        keys = {"service": service, "version": score.version, "set_of": score.set_of}
        with self._db.write() as connection:
            if connection.execute(table.update().where(*mine).values(**values)).rowcount == 0:
                connection.execute(table.insert().values(**keys, **values))

    def generations(self, service: str, limit: int = 50) -> tuple[GenerationScore, ...]:
        """Newest first."""
        query = sa.select(table).where(table.c.service == service).order_by(table.c.at_s.desc()).limit(limit)
        before = sa.select(older).where(older.c.service == service).order_by(older.c.at_s.desc()).limit(limit)
        with self._db.read() as connection:
            found = [_score(row) for row in connection.execute(query)]
            known = {(one.version, one.set_of) for one in found}
            found += [
                GenerationScore(row.version, row.at_s, row.right_answers, row.n, row.set_of)
                for row in connection.execute(before)
                if (row.version, row.set_of) not in known
            ]
        return tuple(sorted(found, key=lambda one: -one.at_s)[:limit])


def _score(row: sa.Row[tuple[object, ...]]) -> GenerationScore:
    details = json.loads(row.details)
    return GenerationScore(
        row.version,
        row.at_s,
        row.right_answers,
        row.n,
        row.set_of,
        row.share,
        row.low,
        row.high,
        tuple(details["critical_failed"]),
        {name: (right, n) for name, (right, n) in details["by_slice"].items()},
    )

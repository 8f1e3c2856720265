"""Scores of golden sets, one a generation: the newest of each version."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.core.golden import GenerationScore
from mlcontrol.store.database import Database
from mlcontrol.store.tables.golden import golden_scores as table


class GoldenScores:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, service: str, score: GenerationScore) -> None:
        """Replaces what was known of that version."""
        values = {"at_s": score.at_s, "right_answers": score.right, "n": score.n, "set_of": score.set_of}
        mine = (table.c.service == service, table.c.version == score.version)
        with self._db.write() as connection:
            if connection.execute(table.update().where(*mine).values(**values)).rowcount == 0:
                connection.execute(table.insert().values(service=service, version=score.version, **values))

    def generations(self, service: str, limit: int = 50) -> tuple[GenerationScore, ...]:
        """Newest first."""
        query = sa.select(table).where(table.c.service == service).order_by(table.c.at_s.desc()).limit(limit)
        with self._db.read() as connection:
            return tuple(
                GenerationScore(row.version, row.at_s, row.right_answers, row.n, row.set_of)
                for row in connection.execute(query)
            )

"""What users did with an answer: accepted, clicked, thumbs. Kept beside the judgements, never mixed with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import sqlalchemy as sa

from mlcontrol.core.review.feedback import Feedback, FeedbackCount
from mlcontrol.store.database import Database
from mlcontrol.store.tables.reviews_queue import review_feedback

BATCH = 2000


class FeedbackStore:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, items: Iterable[Feedback]) -> int:
        """How many were new; one with a known id is the same one."""
        source, added = iter(items), 0
        while batch := list(islice(source, BATCH)):
            rows = {one.id: one for one in batch}
            with self._db.write() as connection:
                known = set(
                    connection.execute(sa.select(review_feedback.c.id).where(review_feedback.c.id.in_(rows))).scalars()
                )
                fresh = [one for name, one in rows.items() if name not in known]
                if fresh:
                    connection.execute(
                        review_feedback.insert(),
                        [
                            {
                                "id": one.id, "service": one.service, "request_id": one.request_id,
                                "version": one.version, "kind": one.kind, "positive": one.positive, "at_s": one.at_s,
                            }
                            for one in fresh
                        ],
                    )  # fmt: skip
                added += len(fresh)
        return added

    def counts(self, service: str) -> tuple[FeedbackCount, ...]:
        query = (
            sa.select(
                review_feedback.c.version,
                review_feedback.c.kind,
                sa.func.sum(sa.case((review_feedback.c.positive.is_(True), 1), else_=0)),
                sa.func.count(),
            )
            .where(review_feedback.c.service == service)
            .group_by(review_feedback.c.version, review_feedback.c.kind)
            .order_by(review_feedback.c.version, review_feedback.c.kind)
        )
        with self._db.read() as connection:
            return tuple(FeedbackCount(v, k, int(p), int(n)) for v, k, p, n in connection.execute(query))

"""Everything that human review keeps, in one database: campaigns, claims, judgements, feedback."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.core.review.judging import Judgement
from mlcontrol.store.database import Database
from mlcontrol.store.reviews.campaigns import Campaigns
from mlcontrol.store.reviews.claims import Claims
from mlcontrol.store.reviews.earlier import earlier_judgements
from mlcontrol.store.reviews.feedback import FeedbackStore
from mlcontrol.store.reviews.judgements import Judgements
from mlcontrol.store.tables.reviews import judgements
from mlcontrol.store.tables.reviews_queue import review_judgements


class Reviews:
    """*Thread:* any."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.campaigns = Campaigns(database)
        self.claims = Claims(database)
        self.said = Judgements(database)
        self.feedback = FeedbackStore(database)

    def judgements(self, service: str) -> tuple[Judgement, ...]:
        """All of a service, oldest first, withdrawn ones marked; those of the first version's queue included."""
        return self.earlier(service) + self.said.of_service(service)

    def reviewed(self) -> frozenset[str]:
        """Services of which anything was ever judged."""
        both = sa.union(sa.select(review_judgements.c.service), sa.select(judgements.c.service))
        with self._db.read() as connection:
            return frozenset(connection.execute(both).scalars())

    def earlier(self, service: str) -> tuple[Judgement, ...]:
        """Those of the first version's queue, which do not change any more."""
        return earlier_judgements(self._db, service)

"""Campaigns, what is queued in them, who holds which item, what was said of it, and feedback from the product itself."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

review_campaigns = sa.Table(
    "review_campaigns",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("standing", sa.Text, nullable=False),
    sa.Column("created_s", sa.Double, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("review_campaigns_by_service", "service", "created_s"),
)

review_strata = sa.Table(
    "review_strata",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("stratum", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
)

review_entries = sa.Table(
    "review_entries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("withdrawn", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("review_entries_by_place", "campaign", "kind", "place"),
)

OPEN, LEASED, DONE, TAKEN_OUT = range(4)

review_slots = sa.Table(
    "review_slots",
    metadata,
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("until_s", sa.Double, nullable=False),
    sa.Index("review_slots_by_state", "campaign", "state", "place"),
)
"""One slot a judgement that is asked for: whoever holds it may give that judgement, so overlap is honoured by construction."""

sa.Index(
    "review_slots_once_a_rater",
    review_slots.c.item,
    review_slots.c.rater,
    unique=True,
    sqlite_where=review_slots.c.rater != "",
    postgresql_where=review_slots.c.rater != "",
)

review_judgements = sa.Table(
    "review_judgements",
    metadata,
    sa.Column("number", _number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("sent", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("review_judgements_by_rater", "campaign", "rater", "withdrawn", "number"),
    sa.Index("review_judgements_by_item", "item", "rater"),
    sa.Index("review_judgements_by_service", "service", "number"),
)

review_withdrawals = sa.Table(
    "review_withdrawals",
    metadata,
    sa.Column("number", _number, primary_key=True, autoincrement=True),
    sa.Column("judgement", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Index("review_withdrawals_by_service", "service", "number"),
)
"""Which judgements were taken back since somebody last looked: with it a look reads what changed, not everything."""

review_traffic = sa.Table(
    "review_traffic",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("mean", sa.Double, nullable=False),
    sa.Column("variance", sa.Double, nullable=False),
)
"""The model's own probabilities on the candidates that were not drawn, as moments."""

review_drafts = sa.Table(
    "review_drafts",
    metadata,
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("rater", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
)

review_feedback = sa.Table(
    "review_feedback",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("positive", sa.Boolean, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Index("review_feedback_by_service", "service", "kind", "version"),
)

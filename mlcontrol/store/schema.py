"""The tables of the panel's store, one schema for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = 1

metadata = sa.MetaData()

schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, primary_key=True))

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("audit_by_operation", "operation"),
    sa.Index("audit_by_action", "action"),
)

timeline = sa.Table(
    "timeline",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("service", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("timeline_by_time", "at_s"),
    sa.Index("timeline_by_service", "service", "at_s"),
)

review_items = sa.Table(
    "review_items",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("placed", sa.BigInteger, nullable=False),
    sa.Index("review_items_by_service", "service", "placed"),
)

judgements = sa.Table(
    "judgements",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("judgements_by_service", "service", "rater"),
)

known_good = sa.Table(
    "known_good",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("since_s", sa.Double, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
)

measured = sa.Table(
    "measured",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
)

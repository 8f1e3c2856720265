"""What people wrote down during incidents. Rows are only added."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

entries = sa.Table(
    "incident_entries",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)

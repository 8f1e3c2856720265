"""Alerts and silences."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("since_s", sa.Double, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("alerts_by_time", "since_s"),
)

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("until_s", sa.Double, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

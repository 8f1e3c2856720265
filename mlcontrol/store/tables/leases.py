"""Who may write to which target right now."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),  # empty: free
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("since_s", sa.Double, nullable=False),  # UTC, to show
    sa.Column("given", sa.Double, nullable=False),  # these two by the clock that ``ticks`` names
    sa.Column("expires", sa.Double, nullable=False),
    sa.Column("ticks", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),  # who asks the holder to make room
)

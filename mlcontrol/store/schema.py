"""The whole schema and its version. A version adds tables; it never changes or drops one that holds data."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables import (
    alerts,
    golden,
    incidents,
    knowledge,
    leases,
    records,
    reviews,
    reviews_queue,
    together,
)
from mlcontrol.store.tables.metadata import metadata

SCHEMA_VERSION = 2

schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, primary_key=True))

AREAS = (alerts, golden, incidents, knowledge, leases, records, reviews, reviews_queue, together)
"""Every area with tables; importing them is what puts them into `metadata`."""


def make(connection: sa.Connection) -> None:
    """Add what is missing and say which version this is now."""
    metadata.create_all(connection)
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))

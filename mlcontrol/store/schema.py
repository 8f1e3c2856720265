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


MAKING = 0x6D6C_636F_6E74_726F  # the number of the lock, this program's own among all users of one server


def make(connection: sa.Connection) -> None:
    """Add what is missing and say which version this is now."""
    alone(connection)
    metadata.create_all(connection)
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))


def alone(connection: sa.Connection) -> None:
    """Of engines that start at once on a new store one makes it and the others wait, until the transaction's end. SQLite has one
    writer anyway; PostgreSQL lets two find a table absent and fails the second that creates it."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MAKING)))

"""Which database an address of ML Metadata is of. Only the driver that is asked for is loaded."""

from __future__ import annotations

from mlcontrol.adapters.lineage.metadata_database import WRITE, MetadataDatabase
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import Rejected


def database_of(settings: ConnectionSettings, secret: SecretReader) -> MetadataDatabase:
    """Asks nothing yet. Raises `Rejected` or `NotSupported` for an address that is none."""
    scheme = settings.url.partition(":")[0]
    if scheme == "sqlite":
        from mlcontrol.adapters.lineage.metadata_sqlite import SqliteMetadata

        return SqliteMetadata(settings)
    if scheme == "mysql":
        from mlcontrol.adapters.lineage.metadata_mysql import MysqlMetadata

        return MysqlMetadata(settings, secret)
    if scheme == "postgresql":
        from mlcontrol.adapters.lineage.metadata_postgres import PostgresMetadata

        return PostgresMetadata(settings, secret)
    what = f"{settings.url[:80]!r} is no address of an ML Metadata store that is read here."
    raise Rejected(Problem(what, "", WRITE, "rejected"))

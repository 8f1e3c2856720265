"""Where a prediction log's tables are: a SQLite file or a PostgreSQL, read only, and reached only where its address says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from mlcontrol.adapters.database_address import NO_PASSFILE, database_address, libpq_options, no_address
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import NotFound, Rejected

CONNECT_S = 2
_SAYS_HOW = ("ssl", "channel_binding", "gssencmode", "application_name")
"""Parameters of an address that do not say where to go or who asks."""
_PORTS = dict.fromkeys(("postgresql", "postgresql+psycopg"), 5432)
_WRITE = "Write postgresql+psycopg://host/database or sqlite:////file."


def engine_of(settings: ConnectionSettings, secret: SecretReader) -> sa.Engine:
    """Connects when it is first asked. Raises `Rejected` or `NotFound` for an address that is none of these."""
    try:
        url = sa.make_url(settings.url)
    except sa.exc.ArgumentError as error:
        raise Rejected(no_address(settings.url, _WRITE)) from error
    if url.drivername == "sqlite" and url.database:
        path = Path(url.database)
        if not path.is_file():
            raise NotFound(Problem(f"There is no file {path}.", "", "Check the address.", "not-found"))
        # By address, not by path: a mode can be given, and a path cannot bring one of its own.
        address = f"file:{quote(str(path.resolve()))}?mode=ro&uri=true"
        return sa.create_engine(f"sqlite:///{address}", connect_args={"timeout": 2.0, "check_same_thread": False})
    where = database_address(settings.url, _PORTS, _SAYS_HOW, _WRITE)
    user = settings.username or where.username
    password = secret() if settings.auth != "none" else None
    how = libpq_options(where, settings.ca_file)
    engine = sa.create_engine(
        sa.URL.create(
            "postgresql+psycopg", user or None, password or None, where.host, where.port, where.database, how
        ),
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_S,
            "passfile": NO_PASSFILE,
            "options": "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=60000",
        },
    )

    def lead(_dialect: Any, _record: Any, _words: Any, told: dict[str, Any]) -> None:
        # The name stays, for the certificate.
        found = where.numbers()
        told["host"], told["hostaddr"] = ",".join([where.host] * len(found)), ",".join(found)

    sa.event.listen(engine, "do_connect", lead)
    return engine

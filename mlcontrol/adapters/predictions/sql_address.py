"""Where a prediction log's tables are: a SQLite file or a PostgreSQL, read only, and reached only where its address says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from mlcontrol.adapters.target import LOOK_UP_S, RESOLVER, check_host
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import NotFound, Rejected

CONNECT_S = 2
_SAYS_HOW = ("ssl", "channel_binding", "gssencmode", "application_name")
"""Parameters of an address that do not say where to go or who asks."""


def engine_of(settings: ConnectionSettings, secret: SecretReader) -> sa.Engine:
    """Connects when it is first asked. Raises `Rejected` or `NotFound` for an address that is none of these."""
    try:
        url = sa.make_url(settings.url)
    except sa.exc.ArgumentError as error:
        raise Rejected(_no_address(settings.url)) from error
    if url.password:
        what = "The address holds a password."
        raise Rejected(
            Problem(what, "", "Leave it out; give the secret separately, it goes to the keyring.", "rejected")
        )
    if url.drivername == "sqlite" and url.database:
        path = Path(url.database)
        if not path.is_file():
            raise NotFound(Problem(f"There is no file {path}.", "", "Check the address.", "not-found"))
        # By address, not by path: a mode can be given, and a path cannot bring one of its own.
        address = f"file:{quote(str(path.resolve()))}?mode=ro&uri=true"
        return sa.create_engine(f"sqlite:///{address}", connect_args={"timeout": 2.0, "check_same_thread": False})
    if url.drivername not in ("postgresql", "postgresql+psycopg") or not url.host or not url.database:
        raise Rejected(_no_address(settings.url))
    leading = sorted(name for name in url.query if not name.startswith(_SAYS_HOW))
    if leading or "," in url.host:
        why = f"It says {leading[0]}." if leading else "It names several hosts."
        raise Rejected(
            Problem("The address may lead elsewhere than to its host.", why, "Leave that part out.", "rejected")
        )
    check_host(url.host)
    user = settings.username or url.username
    told = secret() if settings.auth != "none" else None
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg", username=user, password=told or None),
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_S,
            "passfile": os.devnull,  # a password of the user's own for that host is not for the panel
            "options": "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=60000",
        },
    )
    host, port = url.host, url.port or 5432

    def lead(_dialect: Any, _record: Any, _words: Any, told: dict[str, Any]) -> None:
        # Looked up here and not by the driver: what the name leads to must be checked, and then be what is gone to. The name stays,
        # for the certificate.
        found = RESOLVER.addresses(host, port, LOOK_UP_S)
        told["host"], told["hostaddr"] = ",".join([host] * len(found)), ",".join(found)

    sa.event.listen(engine, "do_connect", lead)
    return engine


def _no_address(url: str) -> Problem:
    what = f"{url[:80]!r} is no address of a database that is read here."
    return Problem(what, "", "Write postgresql+psycopg://host/database or sqlite:////file.", "rejected")

"""Addresses of databases on a server: what they may hold, and that they lead to their host and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from mlcontrol.adapters.target import LOOK_UP_S, RESOLVER, check_host
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import Rejected

NO_PASSFILE = f"{os.devnull}/none"
"""For PostgreSQL's library: a password of the user's own for a host is not for the panel. No file can be there, and of a device
it would warn."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A checked address. ``options``: what its query says of how to talk, by name."""

    scheme: str
    host: str
    port: int
    database: str
    username: str
    options: Mapping[str, str]

    def numbers(self, deadline_s: float = LOOK_UP_S) -> tuple[str, ...]:
        """Where the name leads, to be gone to instead of the name: a driver that looked it up again could be led elsewhere. Raises
        `Unreachable`, `MovedInside` or `TimedOut`."""
        return RESOLVER.addresses(self.host, self.port, deadline_s)


def database_address(url: str, ports: Mapping[str, int], says_how: tuple[str, ...], write: str) -> DatabaseAddress:
    """``ports``: scheme -> its usual port. ``says_how``: beginnings of parameters that do not say where to go or who asks.
    ``write``: how to write an address. Raises `Rejected`, and what `check_host` raises."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Rejected(no_address(url, write)) from error
    if parts.password:
        what, then = (
            "The address holds a password.",
            "Leave it out; give the secret separately, it goes to the keyring.",
        )
        raise Rejected(Problem(what, "", then, "rejected"))
    host, database = parts.hostname or "", unquote(parts.path[1:])
    if parts.scheme not in ports or not host or not database or parts.fragment:
        raise Rejected(no_address(url, write))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    leading = sorted(name for name in options if not name.startswith(says_how))
    if leading or "," in host:
        why = f"It says {leading[0]}." if leading else "It names several hosts."
        raise Rejected(
            Problem("The address may lead elsewhere than to its host.", why, "Leave that part out.", "rejected")
        )
    check_host(host)
    return DatabaseAddress(
        parts.scheme, host, port or ports[parts.scheme], database, unquote(parts.username or ""), options
    )


def libpq_options(where: DatabaseAddress, ca_file: str) -> dict[str, str]:
    """How PostgreSQL's library is to talk. With a CA file the certificate is checked and must be this host's, unless the address
    says otherwise."""
    checked = {"sslmode": "verify-full", "sslrootcert": ca_file} if ca_file else {}
    return checked | dict(where.options)


def no_address(url: str, write: str) -> Problem:
    return Problem(f"{url[:80]!r} is no address of a database that is read here.", "", write, "rejected")

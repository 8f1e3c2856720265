"""Where the desktop's session bus listens, or why there is none: a server has none, and a desktop may have turned it off."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any, cast

VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
SPOKEN = ("path", "abstract")
"""Kinds of a Unix socket's address that jeepney can connect to."""


def session_bus() -> str | None:
    """The first address of the session bus that can be connected to; `None` where there is none. *Thread:* any."""
    for address in os.environ.get(VARIABLE, "").split(";"):
        transport, _, rest = address.partition(":")
        pairs = [pair.partition("=") for pair in rest.split(",")]
        if (
            transport == "unix"
            and all(equals for _, equals, _ in pairs)
            and any(name in SPOKEN for name, _, _ in pairs)
        ):
            return address
    return None


def why_none() -> str:
    """Why `session_bus` is `None`, for people; empty where it is not."""
    said = os.environ.get(VARIABLE, "").strip()
    if session_bus() is not None:
        return ""
    if not said:
        return f"there is no session bus: {VARIABLE} is not set (a server has none)"
    if said.startswith("disabled:"):
        return f"there is no session bus: {VARIABLE} turns it off"
    return f"there is no session bus that can be spoken to: {VARIABLE} names no socket of this machine"


def open_session_bus() -> AbstractContextManager[Any]:
    """A connection of the caller's own. Raises `OSError` where nothing listens, or where there is no session bus."""
    from jeepney.io.blocking import open_dbus_connection

    address = session_bus()
    if address is None:
        raise ConnectionError(why_none())
    return cast(AbstractContextManager[Any], open_dbus_connection(bus=address))

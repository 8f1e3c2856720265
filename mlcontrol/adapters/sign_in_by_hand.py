"""How a command that a person types signs in: without the secret in it."""

from __future__ import annotations

import shlex

from mlcontrol.core.settings import ConnectionSettings


def sign_in_by_hand(settings: ConnectionSettings) -> str:
    """Options of curl, a space before them; empty where nobody signs in. curl asks for a password; a token is read from $TOKEN."""
    return {
        "basic": f" -u {shlex.quote(settings.username)}",
        "token": ' -H "Authorization: Bearer $TOKEN"',
    }.get(settings.auth, "")

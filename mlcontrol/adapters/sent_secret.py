"""The credential that a client has sent, cut out of whatever the server says back: debugging servers and gateways repeat it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

REMEMBERED = 2
"""The one that is sent now and the one before it: an answer to the old one may come after the new one was read."""
LEAST_CHARS = 8
"""Shorter ones are words that data holds by chance: out of data they are not cut, out of what a server complains of they are."""
SHOWN = "[secret]"


def basic(username: str, secret: str) -> str:
    return base64.b64encode(f"{username}:{secret}".encode()).decode()


class SentSecret:
    """*Thread:* any: what it knows is replaced as a whole."""

    def __init__(self, username: str) -> None:
        self._username = username
        self._known: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        if secret and secret not in self._known[:1]:
            self._known = (secret, *self._known)[:REMEMBERED]

    def out_of(self, text: str) -> str:
        """The text without it, in any form that the client sends."""
        for secret in self._known:
            for form in self._forms(secret):
                text = text.replace(form, SHOWN)
        return text

    def out_of_data(self, body: bytes) -> bytes:
        """An answer without it, also as JSON writes it."""
        for secret in self._known:
            if len(secret) >= LEAST_CHARS:
                for form in (*self._forms(secret), json.dumps(secret)[1:-1]):
                    body = body.replace(form.encode(), SHOWN.encode())
        return body

    def _forms(self, secret: str) -> tuple[str, ...]:
        return basic(self._username, secret), secret, quote(secret, safe="")

"""One HTTP exchange on loopback, with a deadline. The sandbox's own errands only; the panel's client lives in the adapters."""

from __future__ import annotations

import http.client
import json
from typing import Any


def exchange(port: int, method: str, path: str, body: Any = None, timeout_s: float = 5.0) -> tuple[int, str]:
    """Status and text. Raises `OSError` or `http.client.HTTPException` when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(
            method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    """True if a GET is answered 200 within a second."""
    try:
        return exchange(port, "GET", path, timeout_s=1.0)[0] == 200
    except (OSError, http.client.HTTPException):
        return False

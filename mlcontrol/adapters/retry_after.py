"""How long a server asks us to wait (RFC 9110, section 10.2.3): seconds, or a date by its own clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MOST_S = 86_400.0


def wait_s(headers: Mapping[str, str]) -> float | None:
    """``headers``: of the answer, names in lower case. `None` where it does not say, or nothing that can be understood."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told[:12]), MOST_S)
    until_s = _utc_s(told)
    if until_s is None:
        return None
    # Its own date where it has one: that its clock is wrong then does not matter.
    now_s = _utc_s(headers.get("date", ""))
    return min(max(0.0, until_s - (time.time() if now_s is None else now_s)), MOST_S)


def _utc_s(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

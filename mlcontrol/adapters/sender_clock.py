"""The clock of a server, by the dates of its answers (RFC 9110, Date)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from mlcontrol.core.clock_off import ClockOff

STEP_S = 1.0  # a date is cut to whole seconds
KEPT_S = 1.0  # busy servers write the date once a second and put it into every answer of that second


class SenderClock:
    """*Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._off: ClockOff | None = None

    @property
    def off(self) -> ClockOff | None:
        """`None` while no answer was dated."""
        with self._lock:
            return self._off

    def heard(self, answered: Mapping[str, str], sent_s: float, received_s: float) -> None:
        """``answered``: headers, lower case. ``sent_s``, ``received_s``: UTC seconds by our clock; it was dated between."""
        dated_s = _moment_s(answered.get("date", ""))
        if dated_s is None or "age" in answered:  # a cache's answer carries the date of another moment
            return
        low_s, high_s, known = dated_s - received_s, dated_s + STEP_S + KEPT_S - sent_s, self._off
        if known is not None and low_s <= known.low_s <= known.high_s <= high_s:
            return  # nothing new, as of most of the thousands of answers of a second
        newer = ClockOff(low_s, high_s)
        with self._lock:
            self._off = newer if self._off is None else self._off.narrowed(newer)


@lru_cache(maxsize=64)
def _moment_s(date: str) -> float | None:
    """UTC seconds. A server's answers of one second have one date between them."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None

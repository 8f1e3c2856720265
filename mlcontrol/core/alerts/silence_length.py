"""How long a silence lasts, as a person says it: a span, an hour of the day, a date. It always ends. UTC."""

from __future__ import annotations

import re
from datetime import datetime

from mlcontrol.core.freeze import end_of

LONGEST_S = 30 * 86_400.0
PRESETS = ("30 min", "1 h", "4 h", "8 h", "1 d", "3 d")
HOURS = (8, 12, 18)
"""Of the day, UTC: when people come, eat and go."""
_UNITS = {"m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = r"(\d{1,5})\s*(min|m|h|d)"
_SPAN = re.compile(rf"{_PART}(?:\s*{_PART})?(?:\s*{_PART})?", re.IGNORECASE)


def choices(now_s: float) -> tuple[str, ...]:
    """What is offered: spans, and the next times the clock shows an hour of `HOURS`."""
    hour = now_s % 86_400 / 3600
    following = sorted(HOURS, key=lambda one: (one - hour) % 24 or 24)
    return (*PRESETS, *(f"until {one:02d}:00" for one in following))


def length_s(text: str, now_s: float) -> float:
    """Seconds from now. Raises `ValueError` in words."""
    words = text.strip().removeprefix("until ").strip()
    if not words:
        raise ValueError("say for how long: a silence always ends")
    if span := _SPAN.fullmatch(words):
        parts = span.groups()
        found = sum(float(n) * _UNITS[unit.lower()] for n, unit in zip(parts[::2], parts[1::2], strict=True) if n)
    else:
        try:
            found = datetime.fromisoformat(end_of(words, now_s)).timestamp() - now_s
        except (ValueError, OverflowError) as error:
            said = str(error) if "is past" in str(error) else f"{words[:40]!r} is no time"
            raise ValueError(f"{said}: write 90m, 2 h, 18:00 or a date, UTC") from error
    if not 0 < found <= LONGEST_S:
        raise ValueError("a silence lasts from a minute to 30 days")
    return found


def leading(text: str, otherwise_s: float, now_s: float) -> tuple[float, str]:
    """How long, and the reason, of "2h load test" or "until 18:00 load test"; without a time before it the reason is all of it."""
    words = text.split()
    for n in (3, 2, 1):
        if len(words) > n:
            try:
                return length_s(" ".join(words[:n]), now_s), " ".join(words[n:])
            except ValueError:
                continue
    return otherwise_s, text.strip()

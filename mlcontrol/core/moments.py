"""Moments and spans as people write them, on the command line and in forms. UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mlcontrol.core.problem import Problem, ProblemError

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_moment(text: str, now_s: float) -> float:
    """As `parse_since`, and HH:MM or HH:MM:SS UTC for the last time the clock showed that."""
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", text.strip())
    if not clock or int(clock[1]) > 23 or int(clock[2]) > 59 or int(clock[3] or 0) > 59:
        return parse_since(text, now_s)
    of_day = int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3] or 0)
    today = now_s - now_s % 86400 + of_day
    return today if today <= now_s else today - 86400


def parse_since(text: str, now_s: float) -> float:
    """A span back from now, or a UTC ISO time, as UTC seconds."""
    span = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)", text.strip())
    try:
        if span:
            moment_s = now_s - float(span[1]) * _UNITS[span[2]]
        else:
            moment = datetime.fromisoformat(text.strip())
            moment_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if moment_s < 0:
            raise ValueError("before 1970")
    except (ValueError, OverflowError):
        raise ProblemError(
            Problem(f"{text[:40]!r} is no time.", "", "Write 30m, 24h, 7d, or 2026-01-31T02:14:00Z.", code="usage")
        ) from None
    return moment_s

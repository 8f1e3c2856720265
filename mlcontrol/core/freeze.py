"""Freeze windows: spans in which nothing is deployed. They bind deploys, never rollbacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)
_NEVER = datetime.max.replace(tzinfo=UTC)
MOST = 10_000  # of a unit: longer is no freeze any more


@dataclass(frozen=True, slots=True)
class Freeze:
    """``starts``/``ends``: ISO 8601, UTC unless they say otherwise. ``weekly``: "Fri 16:00 - Mon 08:00", UTC. Empty
    ``environments`` and ``services`` bind all of them."""

    id: str
    reason: str = ""
    starts: str = ""
    ends: str = ""
    weekly: str = ""
    environments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def binds(freeze: Freeze, service: str, environment: str, now_s: float) -> str:
    """Why this service may not be deployed to now, in words; empty when the freeze does not bind it.

    A freeze that cannot be read binds: nobody knows what it was meant to keep from happening.
    """
    if freeze.services and service not in freeze.services:
        return ""
    if freeze.environments and environment not in freeze.environments:
        return ""
    name = f"Freeze “{freeze.id}”" + (f" ({freeze.reason})" if freeze.reason else "")
    try:
        until = _until(freeze, datetime.fromtimestamp(now_s, UTC))
    except ValueError as error:
        return f"{name} cannot be read ({error}), so it is taken to hold."
    if until is None:
        return ""
    return f"{name} holds until {'it is lifted' if until == _NEVER else _words(until)}."


def state_of(freeze: Freeze, now_s: float) -> tuple[str, str]:
    """("holds", "waits", "over" or "unreadable"; until or from when, in words). Weekly ones wait between their windows."""
    now = datetime.fromtimestamp(now_s, UTC)
    try:
        until = _until(freeze, now)
        if until is not None:
            return "holds", "until it is lifted" if until == _NEVER else f"until {_words(until)}"
        if freeze.weekly:
            return "waits", f"weekly, {freeze.weekly} UTC"
        if freeze.starts and _instant(freeze.starts) > now:
            return "waits", f"from {_words(_instant(freeze.starts))}"
        return "over", f"since {_words(_instant(freeze.ends))}"
    except ValueError as error:
        return "unreadable", f"{error}: taken to hold"


def end_of(text: str, now_s: float) -> str:
    """When a freeze ends, as a person writes it: "90m", "2h", "3d", "18:00" (the next), or a date with or without a time, UTC.
    ISO 8601; empty stays empty (until it is lifted). Raises `ValueError` for anything else, and for what is past."""
    text, now = text.strip(), datetime.fromtimestamp(now_s, UTC)
    if not text:
        return ""
    unit = {"m": "minutes", "h": "hours", "d": "days"}.get(text[-1].lower())
    clock, colon, minute = text.partition(":")
    if unit is not None and text[:-1].strip().isdecimal() and int(text[:-1]) <= MOST:
        end = now + timedelta(**{unit: int(text[:-1])})
    elif colon and clock.isdecimal() and minute.isdecimal() and int(clock) < 24 and int(minute) < 60:
        end = now.replace(hour=int(clock), minute=int(minute), second=0, microsecond=0)
        end += timedelta(days=1) if end <= now else timedelta()
    else:
        try:
            end = _instant(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no time") from error
    if end <= now:
        raise ValueError(f"{text!r} is past")
    return end.astimezone(UTC).isoformat(timespec="seconds")


def _words(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %d %b %H:%M} UTC"


def _until(freeze: Freeze, now: datetime) -> datetime | None:
    if freeze.weekly:
        start, end = (_in_week(part) for part in freeze.weekly.split("-"))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        week = midnight - timedelta(days=now.weekday())
        length = (end - start) % _WEEK or _WEEK
        for begun in (week + start, week + start - _WEEK):
            if begun <= now < begun + length:
                return begun + length
        return None
    if not freeze.starts and not freeze.ends:
        raise ValueError("it names no time")
    starts = _instant(freeze.starts) if freeze.starts else now
    ends = _instant(freeze.ends) if freeze.ends else _NEVER
    if freeze.starts and ends <= starts:
        raise ValueError("it ends before it begins")
    return ends if starts <= now < ends else None


def _in_week(text: str) -> timedelta:
    """ "Fri 16:00" as time since Monday 00:00."""
    day, _, clock = text.strip().partition(" ")
    hour, colon, minute = clock.strip().partition(":")
    if day[:3].lower() not in _DAYS or not colon or not (0 <= int(hour) <= 24 and 0 <= int(minute) < 60):
        raise ValueError(f"{text.strip()!r} is no time of a week")
    return timedelta(days=_DAYS.index(day[:3].lower()), hours=int(hour), minutes=int(minute))


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

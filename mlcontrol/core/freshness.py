"""How old may a fact be: fresh, stale after two missed polls, unknown after three."""

from __future__ import annotations

from mlcontrol.core.types import Freshness, Stamp

STALE_POLLS = 2
UNKNOWN_POLLS = 3


def age_s(at: Stamp | None, now_mono_s: float) -> float | None:
    """Seconds since the fact was true; `None` when it never was. Never negative."""
    return None if at is None else max(0.0, now_mono_s - at.mono_s)


def freshness(at: Stamp | None, now_mono_s: float, poll_s: float) -> Freshness:
    age = age_s(at, now_mono_s)
    if age is None or age > UNKNOWN_POLLS * poll_s:
        return Freshness.UNKNOWN
    return Freshness.STALE if age > STALE_POLLS * poll_s else Freshness.FRESH

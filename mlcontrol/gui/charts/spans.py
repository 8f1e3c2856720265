"""The lengths a time axis steps through, and the one that fits what is known."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
SPANS_S = (
    30.0,
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 3, 6, 12)),
    *(n * _DAY for n in (1, 7, 30, 90)),
)
USUAL_S = 15 * _MINUTE
"""What is shown until a person chooses another span."""
LEAST_FITTED_S = 2 * _MINUTE


def fitting(known_s: float) -> float:
    """The shortest round span that holds all that is known, from two minutes to the usual one: a fleet that started a minute ago
    is not drawn into a corner."""
    return min(USUAL_S, next((s for s in SPANS_S if s >= max(known_s, LEAST_FITTED_S)), USUAL_S))

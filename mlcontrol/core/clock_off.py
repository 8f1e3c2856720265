"""How far another machine's clock is from ours, as far as what it has said bounds it."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_S = 2.0  # below, the two may show the same: a date in a header counts whole seconds


@dataclass(frozen=True, slots=True)
class ClockOff:
    """It is ahead of ours by between ``low_s`` and ``high_s`` seconds; negative: behind."""

    low_s: float
    high_s: float

    @property
    def ahead_s(self) -> float:
        """Whole seconds; negative: behind; 0: it may well show the same."""
        if self.low_s <= LEAST_S and self.high_s >= -LEAST_S:
            return 0.0
        return float(round((self.low_s + self.high_s) / 2))

    def narrowed(self, newer: ClockOff) -> ClockOff:
        """What both say together. Where they exclude each other, one of the clocks was set meanwhile: then the newer holds."""
        low_s, high_s = max(self.low_s, newer.low_s), min(self.high_s, newer.high_s)
        return ClockOff(low_s, high_s) if low_s <= high_s else newer


def dated_by_ours(
    stated_s: float, now_s: float, ahead_s: float | None, first_s: float | None = None
) -> tuple[float, str]:
    """When it was by our clock (UTC seconds), and a sentence where the source's clock says otherwise, else empty.

    ``ahead_s``: of the source's clock, `None` where nobody knows. Nothing begins later than it is heard of: ``first_s`` is when
    that was, now if it is new.
    """
    if ahead_s:
        way = f"ahead of ours by {abs(ahead_s):.0f} s" if ahead_s > 0 else f"behind ours by {abs(ahead_s):.0f} s"
        return min(stated_s - ahead_s, now_s), f"Its source's clock is {way}."
    heard_s = now_s if first_s is None else min(first_s, now_s)
    if stated_s - heard_s > LEAST_S:
        return heard_s, f"Its source's clock is at least {stated_s - heard_s:.0f} s ahead of ours."
    return min(stated_s, now_s), ""

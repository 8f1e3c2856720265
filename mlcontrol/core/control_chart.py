"""A control chart as a value, as it travels to the panel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ControlChart:
    """``value``, ``low``, ``high``: what is plotted and its limits, by bucket; ``out``: where it signals. ``limit``: in standard
    deviations (for EWMA: of the average). ``arl0``: buckets that this chart runs on average without a false alarm;
    ``false_per_week``: what that is in false alarms of this chart; ``series``: charts that share ``budget_per_week``.
    ``run``: so many in a row on one side of the centre signal, too (Nelson's rule 2); 0: none do.
    ``own_noise``: the limits were found by drawing the series' own noise, for the textbook's law is not its. ``note``: why there
    are no limits, if so."""

    name: str
    kind: str
    at_s: tuple[float, ...] = ()
    value: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    out: tuple[bool, ...] = ()
    centre: float = 0.0
    sigma: float = 0.0
    limit: float = 0.0
    arl0: float = 0.0
    bucket_s: float = 60.0
    false_per_week: float = 0.0
    budget_per_week: float = 2.0
    series: int = 1
    note: str = ""
    own_noise: bool = False
    run: int = 0

    @property
    def signals(self) -> int:
        """How many times it went out of its limits; staying out counts once."""
        return sum(now and not before for before, now in zip((False, *self.out), self.out, strict=False))

"""What a plan's guards would have done in a recorded past, as values: light enough for the panel and the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replayed:
    """``ended``: "stopped", "held", "passed", or "undecided" when the record ended first. ``after_s``: from the first request of
    the new version. ``guard``: which one stopped it; ``words``: what it said. ``met``: requests that the new version would have
    answered by then, ``met_failed`` of them failed."""

    ended: str
    after_s: float
    percent: float
    guard: str
    words: str
    met: int
    met_failed: int


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """The same guards over calm time, both arms dealt from the same answers: ``stopped`` of ``replays`` in ``hours`` of record.

    ``share``, ``low``, ``high``: of rollouts stopped, 0..1, with its 95 % interval (Wilson; replays of one half hour are not
    independent, so it is rather too narrow). ``a_month``: at ``rollouts_a_month``; `None` where nobody knows how many there are.
    """

    replays: int
    stopped: int
    hours: float
    share: float
    low: float
    high: float
    rollouts_a_month: float | None
    guards: tuple[tuple[str, int], ...] = ()

    @property
    def a_month(self) -> float | None:
        return None if self.rollouts_a_month is None else self.share * self.rollouts_a_month


@dataclass(frozen=True, slots=True)
class GateBacktest:
    """``at_s``: when the new version took the traffic in truth, UTC seconds. ``suffered``: requests it answered in truth within
    the time that was replayed, ``suffered_failed`` of them failed. ``left_out``: guards that no log can feed. ``calm``: `None`
    where the record before the change is too short."""

    service: str
    strategy: str
    at_s: float
    from_version: str
    to_version: str
    replayed: Replayed
    suffered: int
    suffered_failed: int
    calm: FalseAlarms | None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

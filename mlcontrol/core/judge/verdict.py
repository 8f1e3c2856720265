"""What guards say and what they allow together, as values: light enough for the panel and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mlcontrol.core.judge.policy import TITLES, Role


class Verdict(StrEnum):
    FINE = "fine"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"  # data, but not enough to decide
    UNKNOWN = "unknown"  # no data: never fine, never enough to go on


@dataclass(frozen=True, slots=True)
class Reading:
    """``line``: evidence by bucket from -1 (decided: fine) to +1 (decided: worse). ``figures``: both versions, ``limit``:
    when it stops, ``result``/``interval``: the comparison with its 95 % interval that is valid at any moment. ``phi``:
    scatter between buckets over that of independent requests. ``decided_s``: when it decided, UTC seconds. ``note``: why it
    cannot decide, if so."""

    guard: str
    role: Role
    verdict: Verdict
    line: tuple[float, ...] = ()
    figures: str = ""
    limit: str = ""
    result: str = ""
    interval: str = ""
    phi: float | None = None
    decided_s: float | None = None
    note: str = ""

    @property
    def title(self) -> str:
        return TITLES[self.guard]

    def words(self) -> str:
        """The guard in one sentence."""
        end = f" ({self.note})" if self.note else ""
        figures = f": {self.figures}" if self.figures else ""
        return f"{self.title} {self.verdict.value}{figures}{end}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """``readings`` by guard, in the order in which they are shown. ``requests``: answered by the new version in this stage."""

    at_s: float
    readings: tuple[Reading, ...] = ()
    requests: int = 0
    observed: float | None = None  # share of the requests of this stage that arrived at the new version, 0..1
    silent_s: float = 0.0  # since a required source was last read with requests in it
    cleared: frozenset[str] = field(default_factory=frozenset)

    @property
    def worse(self) -> tuple[Reading, ...]:
        return tuple(r for r in self.readings if r.verdict is Verdict.WORSE and r.guard not in self.cleared)

    @property
    def unknown(self) -> tuple[Reading, ...]:
        return tuple(r for r in self.readings if r.verdict is Verdict.UNKNOWN)

    @property
    def undecided(self) -> tuple[Reading, ...]:
        """Required guards that are not fine."""
        return tuple(r for r in self.readings if r.role is Role.REQUIRE and r.verdict is not Verdict.FINE)

    @property
    def allows_more(self) -> bool:
        """Every guard has data, none says worse, every required one says fine; and there is at least one required guard."""
        required = any(r.role is Role.REQUIRE for r in self.readings)
        return required and not self.worse and not self.unknown and not self.undecided

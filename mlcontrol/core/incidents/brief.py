"""Everything the incident page shows of one incident, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcontrol.core.incidents.data_advice import NextSteps
from mlcontrol.core.incidents.data_change import DataChange
from mlcontrol.core.incidents.hurt import SliceCount
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.likeness import Likeness
from mlcontrol.core.incidents.log import LogLine
from mlcontrol.core.incidents.story import Story
from mlcontrol.core.incidents.tick import Tick
from mlcontrol.core.runbook import ByHand


@dataclass(frozen=True, slots=True)
class SuspectLine:
    """``event``: id of the timeline event; empty: "none of these". ``probability``: 0..1."""

    event: str
    title: str
    why: str
    probability: float
    at_s: float | None = None
    version_from: str | None = None
    version_to: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Onset:
    """When it began, and in which signal that was seen. ``low_s``..``high_s``: 95 %."""

    signal: str
    at_s: float
    low_s: float
    high_s: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Prevention:
    """What would have caught it. ``kind``: "rule", "golden", "alert" or "drill". ``backtest``: what it says of history."""

    id: str
    kind: str
    title: str
    why: str
    backtest: str
    added: bool = False


@dataclass(frozen=True, slots=True)
class Bisect:
    """What a bisect would separate, does, or has found. ``state``: "possible", "running", a `core.bisect.Found`, or how the
    operation ended without one. ``words``: its sentence so far; ``other``: what else it may be, besides ``suspected``."""

    state: str
    suspected: str
    before: str
    other: str = ""
    operation: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """``ticks``: empty until there is a way back under way. ``made_s``: UTC seconds; the page shows its age. ``data``: where what
    callers send is what broke; ``steps``: what helps then, until it is over."""

    incident: Incident
    story: Story
    made_s: float
    onset: Onset | None = None
    suspects: tuple[SuspectLine, ...] = ()
    separable: bool = False
    verdict: str = ""
    slices: tuple[SliceCount, ...] = ()  # hit hardest first
    impact: Impact = field(default_factory=lambda: Impact(0.0))
    operation: str = ""
    ticks: tuple[Tick, ...] = ()
    proven: bool = False
    log: tuple[LogLine, ...] = ()
    alike: tuple[Likeness, ...] = ()
    recurred: int = 0
    by_hand: tuple[ByHand, ...] = ()
    update: str = ""  # a message for the status channel
    messages: tuple[tuple[str, str], ...] = ()  # (for whom, text)
    handoff: str = ""
    prevention: tuple[Prevention, ...] = ()
    bisect: Bisect | None = None
    data: DataChange | None = None
    steps: NextSteps | None = None
    gaps: tuple[str, ...] = field(default=())  # what is not known, in words
    unheard: bool = False  # nothing is known of the service, and nothing recorded broke: then nothing is suspected

    @property
    def quiet(self) -> bool:
        """Nothing is wrong and no incident is declared: there is nothing to explain."""
        return not self.incident.id and self.story.tone == "ok"

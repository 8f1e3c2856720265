"""A guarded change of what is served, as the board shows it and the journal remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.problem import Problem


class OperationKind(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    DRILL = "drill"  # a rollback on purpose: the traffic goes to the target and comes back
    PROBE = "probe"  # load a candidate beside the current version and query it; no traffic moves
    BISECT = "bisect"  # a small share goes to the version before, both are compared, the share comes back


class Phase(StrEnum):
    """Where an operation stands. The last seven are ends."""

    RUNNING = "running"
    RETURNING = "returning"  # verification failed: going back by itself
    SETTLING = "settling"  # found open after a crash: reading the real state
    DONE = "done"
    REFUSED = "refused"  # nothing was changed
    RETURNED = "returned"  # failed, and the previous version serves again, verified
    ABORTED = "aborted"
    FAILED = "failed"  # failed, and the way back failed too: loud
    UNRESOLVED = "unresolved"  # the real state could not be read; named step
    CONFLICT = "conflict"  # another hand moved the target meanwhile: nothing more was written

    @property
    def ended(self) -> bool:
        return self not in (Phase.RUNNING, Phase.RETURNING, Phase.SETTLING)


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class Step:
    """One step with its evidence ("answered v3 in 14 ms, 40 of 40 golden items"). Times are UTC seconds."""

    id: str
    title: str
    state: StepState = StepState.WAITING
    detail: str = ""
    expected_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None


@dataclass(frozen=True, slots=True)
class LiveStage:
    """The stage that is judged right now. It is told, not journaled. ``wished``/``observed``: share of the new version, 0..1.

    ``state``: a `core.stage.StageState`. ``note``: why it stands still, if so. ``waits_for``: what keeps it from going on.
    ``failed``: guards that said worse. ``left_s``: about how long until it can be decided, at this traffic; `None`: nobody can say.
    """

    step: str
    percent: float
    bake: bool
    state: str
    started_s: float
    wished: float
    observed: float | None
    requests: int
    note: str
    waits_for: str
    judgement: Judgement | None = None
    failed: tuple[str, ...] = ()
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    kind: OperationKind
    service: str
    from_version: str | None
    to_version: str
    actor: str
    reason: str
    plan_hash: str
    phase: Phase
    steps: tuple[Step, ...] = ()
    started_s: float = 0.0
    ended_s: float | None = None
    summary: str = ""  # the sentence on top: "Serving v3, proven 2 s ago"
    problem: Problem | None = None
    seq: int = 0
    strategy: str = ""  # in words
    log: tuple[tuple[float, str], ...] = ()  # what was decided on the way: UTC seconds, sentence
    live: LiveStage | None = None
    found: str = ""  # of a bisect that came to its end: a `core.bisect.Found`

    @property
    def proven_back(self) -> bool:
        """A rollback that has proven who answers: whatever comes after that, the traffic stays there."""
        proven = any(step.id == "verify" and step.state is StepState.DONE for step in self.steps)
        returning = any(step.id.startswith("return-") for step in self.steps)
        return self.kind is OperationKind.ROLLBACK and proven and not returning

    @property
    def failed_back(self) -> bool:
        """A rollback that did not come through: whatever it was to leave still has the traffic, or nobody knows who has."""
        failed = (Phase.REFUSED, Phase.RETURNED, Phase.FAILED)
        return self.kind is OperationKind.ROLLBACK and self.phase in failed and not self.kept_traffic

    @property
    def kept_traffic(self) -> bool:
        """A rollback that ended after its proof, before all was done."""
        return self.proven_back and self.phase in (Phase.FAILED, Phase.ABORTED)

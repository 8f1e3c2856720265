"""One stage of a rollout: the traffic is split, the judge looks, and something is decided. Pure.

No event leads from "unknown" to more traffic by itself: only a person may go on without a judgement, and only with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.problem import Problem
from mlcontrol.core.strategy import Advance, Strategy, StrategyKind

ALTHOUGH, TOOK_AWAY = " although ", " cleared "
"""In the record of a stage: a person went on without the judge's word, or took a guard's fail away."""
DATA = "data"
"""What is latched when the inputs change: no guard of the judge's, which compares versions that are asked alike."""


class StageState(StrEnum):
    OBSERVING = "observing"
    HELD = "held"  # stays at this share until a person goes on or back
    ASKING = "asking"  # judged fine; a person is asked
    PASSED = "passed"  # more traffic may move: an end
    RETURN = "return"  # the traffic goes back: an end

    @property
    def ended(self) -> bool:
        return self in (StageState.PASSED, StageState.RETURN)


@dataclass(frozen=True, slots=True)
class Looked:
    """What the judge says. ``unseen``: why nobody sees the service's own signals now, which blocks like missing evidence;
    ``changed``: how the inputs of all versions have changed since the rollout began. ``frozen``: the freeze or incident that has
    begun meanwhile and keeps more traffic from moving. All empty where it is not so."""

    judgement: Judgement
    unseen: str = ""
    changed: str = ""
    frozen: str = ""


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """Stay here, or (``hold`` false) go on observing."""

    by: str
    hold: bool = True


@dataclass(frozen=True, slots=True)
class PromoteAsked:
    """Go on now. ``reason`` is needed where the judge has not said fine; ``second``, the name of somebody else who agrees, where
    nothing is known at all."""

    by: str
    reason: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True)
class ClearAsked:
    """A person takes a guard's fail away, with a reason."""

    guard: str
    by: str
    reason: str


StageEvent = Looked | HoldAsked | PromoteAsked | ClearAsked


@dataclass(frozen=True, slots=True)
class Stage:
    """``percent`` of the traffic on the new version; ``bake``: all of it, the old version kept hot. ``latched``: guards that
    said worse, with what they said then. ``cleared``: those a person took away, with the reason. ``said``: what happened in
    this event."""

    percent: float
    strategy: Strategy
    started_s: float
    bake: bool = False
    state: StageState = StageState.OBSERVING
    latched: dict[str, str] = field(default_factory=dict)
    cleared: dict[str, str] = field(default_factory=dict)
    unknown_since_s: float | None = None
    judgement: Judgement | None = None
    cause: Problem | None = None
    note: str = ""
    said: str = ""
    frozen: str = ""

    @property
    def blind(self) -> bool:
        """Nobody knows how the new version does now."""
        return self.judgement is None or bool(self.judgement.unknown) or self.unknown_since_s is not None

    @property
    def failed(self) -> dict[str, str]:
        return {guard: words for guard, words in self.latched.items() if guard not in self.cleared}

    def ready(self, now_s: float) -> bool:
        """Everything that an automatic step needs: data, a judgement, enough of both."""
        judgement, strategy = self.judgement, self.strategy
        if judgement is None or self.failed or judgement.unknown or self.unknown_since_s is not None:
            return False
        if self.frozen:
            return False
        if self.bake:
            return now_s - self.started_s >= strategy.bake_s
        enough = judgement.requests >= strategy.min_requests and now_s - self.started_s >= strategy.min_s
        return enough and judgement.allows_more

    def waiting_for(self, now_s: float) -> str:
        """What keeps the stage from being left, in words."""
        judgement, strategy = self.judgement, self.strategy
        if judgement is None:
            return "the first look"
        if judgement.unknown:
            return f"data: {', '.join(r.title for r in judgement.unknown)} unknown"
        if self.bake:
            return f"the end of the bake time, {max(0.0, strategy.bake_s - (now_s - self.started_s)):.0f} s more"
        if judgement.undecided:
            return f"{', '.join(r.title for r in judgement.undecided)}: not decided"
        if judgement.requests < strategy.min_requests:
            return f"{strategy.min_requests - judgement.requests} more answers"
        if now_s - self.started_s < strategy.min_s:
            return f"{strategy.min_s - (now_s - self.started_s):.0f} s more"
        if self.frozen:
            return f"the end of this: {self.frozen}"
        return "a person" if self.state in (StageState.ASKING, StageState.HELD) else "nothing"


def begin_stage(
    percent: float, strategy: Strategy, now_s: float, bake: bool = False, before: Stage | None = None
) -> Stage:
    """``before``: the stage that came before; what it latched stays latched, and what was cleared stays cleared."""
    latched, cleared = ({}, {}) if before is None else (before.latched, before.cleared)
    return Stage(percent, strategy, now_s, bake, latched=dict(latched), cleared=dict(cleared))


def advance_stage(stage: Stage, event: StageEvent) -> Stage:
    """The stage after an event. Raises `ValueError` (its text is for people) where the event is not allowed."""
    if stage.state.ended:
        raise ValueError("this stage has ended")
    stage = replace(stage, said="")
    match event:
        case Looked():
            return _looked(stage, event)
        case HoldAsked() if stage.strategy.compares:
            raise ValueError("A bisect is not held: it ends by itself, with what it found.")
        case HoldAsked(by, hold):
            state = StageState.HELD if hold else StageState.OBSERVING
            words = f"{by} holds it at {stage.percent:g} %" if hold else f"{by} lets it go on"
            return replace(stage, state=state, note=words if hold else "", said=words)
        case PromoteAsked():
            return _promoted(stage, event)
        case ClearAsked():
            return _cleared(stage, event)


def _looked(stage: Stage, event: Looked) -> Stage:
    if stage.strategy.compares:
        return _compared(stage, event)
    judgement = event.judgement
    now_s = judgement.at_s
    changed = {DATA: event.changed} if event.changed else {}
    latched = {**{r.guard: r.words() for r in judgement.worse}, **changed, **stage.latched}
    blind = bool(judgement.unknown or event.unseen) or judgement.silent_s > stage.strategy.judge.stale_s
    since = None if not blind else now_s if stage.unknown_since_s is None else stage.unknown_since_s
    stage = replace(_frozen(stage, event.frozen), judgement=judgement, latched=latched, unknown_since_s=since)
    if stage.failed:
        return _fails(stage, *next(iter(stage.failed.items())))
    if since is not None:
        return _blind(stage, now_s - since, event.unseen)
    if stage.state is StageState.HELD:
        return stage
    runs_its_time = stage.strategy.kind is StrategyKind.AB and not stage.bake
    if stage.ready(now_s) and not runs_its_time:
        return _passes(stage)
    if stage.state is StageState.ASKING and not runs_its_time:
        stage = replace(stage, state=StageState.OBSERVING, note="")
    if not stage.bake and now_s - stage.started_s >= stage.strategy.max_s:
        words = f"not decided in {stage.strategy.max_s:.0f} s: held"
        if runs_its_time:
            words = "the test is over; a person decides"
        said = "" if stage.note == words else words
        return replace(stage, state=StageState.ASKING if runs_its_time else StageState.HELD, note=words, said=said)
    return stage


def _frozen(stage: Stage, frozen: str) -> Stage:
    """A freeze that begins in the middle binds like one before: what has moved stays where it is, no more moves by itself."""
    if frozen == stage.frozen or stage.bake:
        return stage
    said = f"no more traffic moves: {frozen}" if frozen else "nothing keeps deploys away any more"
    note = frozen if stage.note in ("", stage.frozen) else stage.note
    return replace(stage, frozen=frozen, note=note, said=said)


def _compared(stage: Stage, event: Looked) -> Stage:
    """A bisect's stage ends with whatever was found, and when time or data run out: it asks for no more traffic, ever. Inputs
    that change touch both versions alike."""
    judgement, strategy = event.judgement, stage.strategy
    now_s = judgement.at_s
    blind = bool(judgement.unknown) or judgement.silent_s > strategy.judge.stale_s
    since = None if not blind else now_s if stage.unknown_since_s is None else stage.unknown_since_s
    stage = replace(stage, judgement=judgement, unknown_since_s=since)
    if judgement.worse or judgement.allows_more:
        return replace(stage, state=StageState.PASSED, said="the comparison has decided")
    if since is not None and now_s - since >= strategy.no_data_s:
        return replace(stage, state=StageState.PASSED, said=f"no data for {now_s - since:.0f} s: not decided")
    if now_s - stage.started_s >= strategy.max_s:
        return replace(stage, state=StageState.PASSED, said=f"not decided in {strategy.max_s:.0f} s")
    return stage


def _fails(stage: Stage, guard: str, what: str) -> Stage:
    of_data = guard == DATA
    if stage.strategy.return_when_worse and of_data:
        why = "What is observed now says little of the versions, and the one before is known."
        return _returns(stage, Problem(what, why, "Begin again when it is known why.", code="data-changed"))
    if stage.strategy.return_when_worse:
        return _returns(stage, Problem(f"The judge says worse. {what}", code="judged-worse"))
    note = f"{'the data changed' if of_data else 'judged worse'}, held as planned: {what}"
    return replace(stage, state=StageState.HELD, note=note, said="" if stage.note == note else note)


def _passes(stage: Stage) -> Stage:
    if stage.bake:
        return replace(stage, state=StageState.PASSED, said="kept its promise through the bake time")
    words = f"{stage.percent:g} % judged fine"
    if stage.strategy.advance is Advance.AUTO:
        return replace(stage, state=StageState.PASSED, said=words)
    if stage.strategy.advance is Advance.ASK:
        said = "" if stage.state is StageState.ASKING else f"{words}; a person is asked"
        return replace(stage, state=StageState.ASKING, note="judged fine: go on?", said=said)
    return replace(stage, state=StageState.HELD, note="judged fine; held as planned", said=f"{words}; held as planned")


def _blind(stage: Stage, blind_s: float, unseen: str) -> Stage:
    if stage.state is StageState.ASKING:
        stage = replace(stage, state=StageState.OBSERVING, note="")
    if blind_s < stage.strategy.no_data_s:
        return stage
    words = f"no data for {blind_s:.0f} s"
    if stage.strategy.return_without_data:
        unknown = ", ".join(r.title.lower() for r in stage.judgement.unknown) if stage.judgement else ""
        why = f"Nobody can say how the new version does{f' ({unknown} unknown)' if unknown else ''}. {unseen}".strip()
        return _returns(stage, Problem(f"There was {words}.", why, code="unknown"))
    if stage.state is StageState.HELD:
        return stage
    return replace(stage, state=StageState.HELD, note=words, said=f"{words}: held")


def _promoted(stage: Stage, event: PromoteAsked) -> Stage:
    now_s = stage.judgement.at_s if stage.judgement is not None else stage.started_s
    missing = not stage.ready(now_s)
    if missing and not event.reason.strip():
        raise ValueError(f"Waiting for {stage.waiting_for(now_s)}: going on all the same needs a reason.")
    if stage.failed:
        raise ValueError("A guard said worse. Clear it with a reason first.")
    if stage.blind and not event.second:
        raise ValueError("Nothing is known of the new version now: going on all the same needs a second person.")
    against = stage.frozen or stage.waiting_for(now_s)
    words = f"{event.by} goes on" + (f"{ALTHOUGH}{against}: {event.reason}" if missing else "")
    words += f"; {event.second} agreed" if stage.blind else ""
    return replace(stage, state=StageState.PASSED, said=words)


def _cleared(stage: Stage, event: ClearAsked) -> Stage:
    if not event.reason.strip():
        raise ValueError("Clearing a fail needs a reason.")
    if event.guard not in stage.latched:
        raise ValueError(f"“{event.guard}” has not said worse: there is nothing to clear.")
    words = f"{event.by}{TOOK_AWAY}{event.guard}: {event.reason}"
    return replace(stage, cleared={**stage.cleared, event.guard: event.reason}, said=words)


def _returns(stage: Stage, cause: Problem) -> Stage:
    return replace(stage, state=StageState.RETURN, cause=cause, said=cause.what)

"""Runs the stages of one operation: looks, judges, waits for people, until the stage passes or the traffic must go back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from shlex import quote

from mlcontrol.core import rollout
from mlcontrol.core.judge.judge import judge
from mlcontrol.core.judge.policy import GOLDEN
from mlcontrol.core.judge.sight import seconds_until_fine
from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.operation import LiveStage, OperationKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.recorded import recorded
from mlcontrol.core.stage import Looked, Stage, StageEvent, StageState, advance_stage, begin_stage
from mlcontrol.core.strategy import Strategy
from mlcontrol.core.types import EventKind, Freshness, TimelineEvent
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.data_events import of_volume
from mlcontrol.services.effects import Effects
from mlcontrol.services.live import service_settings
from mlcontrol.services.permission import Permissions
from mlcontrol.services.watching import Watch

DATA_TOLD_LATE_S = 60.0  # a change is dated back to about when it began
QUICK_S, SLOW_S, QUICK_FOR_S = 2.0, 10.0, 120.0


class StageInterruptedError(Exception):
    """The stage was left before it was decided: an abort, or the engine's end."""


class StageRunner:
    """*Thread:* `run` on the operation's own; `ask` and `wake` from any. ``note``: journals a sentence; ``tell``: shows the
    stage."""

    def __init__(
        self,
        ctx: ServiceContext,
        effects: Effects,
        strategy: Strategy,
        note: Callable[[str, Mapping[str, str]], None],
        tell: Callable[[LiveStage | None], None],
    ) -> None:
        self._ctx = ctx
        self._effects = effects
        self._strategy = strategy
        self._note = note
        self._tell = tell
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._said: list[str] = []
        self._stage: Stage | None = None
        self._step = ""  # which is judged, or was last
        self._watch: Watch | None = None
        self._decided: set[tuple[str, str]] = set()
        self._data_known: frozenset[str] = frozenset()
        self._frozen_known: frozenset[str] = frozenset()

    def remember(self, latched: Mapping[str, str]) -> None:
        """The fails that an engine before this one left standing; before `run`."""
        self._stage = Stage(0.0, self._strategy, 0.0, state=StageState.PASSED, latched=dict(latched))

    def ask(self, event: StageEvent, step: str = "", plan_hash: str = "") -> None:
        """What a person asks of the present stage, or of ``step`` alone: a second click, or a colleague's, must not leave the next
        stage too, which nobody has looked at. ``plan_hash``: as approvals name it. Raises `ProblemError` where it is refused, or
        nothing is judged right now."""
        with self._lock:
            if step and step != self._step:
                raise ProblemError(
                    Problem("That stage has been left already.", "Another one is judged now.", "Look at it.", "refused")
                )
            if self._stage is None or self._stage.state.ended:
                raise ProblemError(
                    Problem("No stage is being judged right now.", "It has passed, or gone back.", "", "refused")
                )
            try:
                self._stage = advance_stage(self._stage, event)
            except ValueError as refused:
                raise ProblemError(Problem(str(refused), "", self._way_on(plan_hash), "refused")) from refused
            if self._stage.said:
                self._said.append(self._stage.said)
        self._woken.set()

    def _way_on(self, plan_hash: str) -> str:
        if self._stage is None or not self._stage.blind:
            return "Give a reason, or wait."
        approve = f"mlcontrol approve {quote(self._effects.service)} {plan_hash} --reason …"
        return f"Give a reason and have somebody else agree: {approve}. Or wait, or abort."

    @property
    def judgement(self) -> Judgement | None:
        """The last one of the stage that was judged last."""
        with self._lock:
            return None if self._stage is None else self._stage.judgement

    def wake(self) -> None:
        """Look at what is asked now; do not wait for the next look."""
        self._woken.set()

    def run(self, step: str, go_on: Callable[[], None]) -> str:
        """Judge until it is decided; returns the evidence. ``go_on`` is called often and may raise to leave the stage.

        Raises `ProblemError` with the cause when the traffic must go back.
        """
        bake = step == rollout.BAKE
        percent = 100.0 if bake else rollout.share_of(step) or 0.0
        watch = self._watching()
        watch.begin_stage(bake)
        with self._lock:
            self._step = step
            self._stage = begin_stage(percent, self._strategy, watch.clock.utc_s(), bake, self._stage)
        try:
            while True:
                self._wait(go_on)
                self._effects.require_split(percent, bake)
                stage = self._look(watch, percent, bake)
                self._show(step, stage)
                if stage.state is StageState.RETURN:
                    assert stage.cause is not None
                    raise ProblemError(stage.cause)
                if stage.state is StageState.PASSED:
                    return _evidence(stage)
        finally:
            self._tell(None)

    def _watching(self) -> Watch:
        if self._watch is None:
            e = self._effects
            new, old, reverse = e.to_version, e.before.current, self._strategy.compares
            if reverse and old is not None:  # judged is the version that has the rest of the traffic
                new, old = old, new
            self._watch = Watch(self._ctx, e.service, new, old, reverse)
            self._watch.begin()
            self._data_known = frozenset(event.id for event in self._data_events())
            self._frozen_known = frozenset(self._freezes())
        return self._watch

    def _wait(self, go_on: Callable[[], None]) -> None:
        stage = self._stage
        assert stage is not None
        age_s = self._watching().clock.utc_s() - stage.started_s
        ends = self._ctx.clock.mono_s() + (QUICK_S if age_s < QUICK_FOR_S else SLOW_S)
        while (left := ends - self._ctx.clock.mono_s()) > 0:
            go_on()
            woken = self._woken.wait(min(left, 1.0))
            self._woken.clear()
            if woken:
                break
        go_on()

    def _look(self, watch: Watch, percent: float, bake: bool) -> Stage:
        evidence = watch.look(1.0 if bake else 1.0 - percent / 100.0 if watch.reverse else percent / 100.0)
        golden = self._ctx.golden(self._effects.service)
        policy = self._strategy.judge
        if golden is not None and golden.minimum_score is not None:
            policy = replace(policy, golden_minimum=min(0.999, max(0.001, golden.minimum_score - 0.05)))
        with self._lock:
            assert self._stage is not None
            cleared = frozenset(self._stage.cleared)
        judgement = judge(evidence, policy, watch.clock.utc_s(), cleared)
        with self._lock:
            if not self._stage.state.ended:  # a person may have gone on meanwhile
                self._stage = advance_stage(
                    self._stage, Looked(judgement, self._unseen(), self._data_changed(), self._frozen())
                )
                if self._stage.said:
                    self._said.append(self._stage.said)
            stage, said = self._stage, self._said
            self._said = []
        for reading in judgement.readings:
            decision = (reading.guard, reading.verdict.value)
            if reading.decided_s is not None and decision not in self._decided:
                self._decided.add(decision)
                said = [*said, f"{reading.title.lower()} judged {reading.verdict.value} at {percent:g} %"]
        for words in said:
            self._note(words, stage.failed)
        return stage

    def _unseen(self) -> str:
        """Why nobody sees how the service is used, where that was seen before: its own counters may be all that tells."""
        service = self._ctx.state().services.get(self._effects.service)
        if service is None or service.use.at is None or service.use.freshness is not Freshness.UNKNOWN:
            return ""
        return f"Use is unknown: {service.use.detail or service.use.text}"

    def _freezes(self) -> tuple[str, ...]:
        """What keeps deploys from this service now; where nobody can tell, that."""
        if self._effects.kind is not OperationKind.DEPLOY:
            return ()
        try:
            return Permissions(self._ctx).freezes(service_settings(self._ctx, self._effects.service))
        except ProblemError as error:
            return (f"Whether a freeze holds is not known: {error.problem.what}",)

    def _frozen(self) -> str:
        """A freeze or an incident that began meanwhile. What held at the beginning was known to whoever began all the same."""
        return " ".join(words for words in self._freezes() if words not in self._frozen_known)

    def _data_changed(self) -> str:
        fresh = next((event for event in self._data_events() if event.id not in self._data_known), None)
        return "" if fresh is None else f"{fresh.title} during the rollout. {fresh.detail}".strip()

    def _data_events(self) -> Iterator[TimelineEvent]:
        """Changes of the inputs that are younger than the rollout, or were told just before it. What a pipeline says it did is no
        finding: whether the inputs are otherwise by it, their watch tells. How many answers there are says nothing of what is in
        them: a server that freezes makes them few, and is judged by what it does."""
        assert self._watch is not None
        buckets = self._watch.evidence.buckets
        since_s = (buckets[0].start_s if buckets else self._ctx.clock.utc_s()) - DATA_TOLD_LATE_S
        service = self._effects.service
        events = self._ctx.state().events
        found = (e for e in events if e.kind is EventKind.DATA and not recorded(e) and not of_volume(e))
        return (e for e in found if e.service == service and e.at_s >= since_s)

    def _show(self, step: str, stage: Stage) -> None:
        judgement = stage.judgement
        assert judgement is not None
        now = self._watching().clock.utc_s()
        self._tell(
            LiveStage(
                step,
                stage.percent,
                stage.bake,
                stage.state.value,
                stage.started_s,
                stage.percent / 100.0,
                _share_of_canary(judgement.observed, self._strategy.compares),
                judgement.requests,
                stage.note,
                stage.waiting_for(now),
                judgement,
                tuple(stage.failed),
                self._left_s(stage, now),
            )
        )

    def _left_s(self, stage: Stage, now: float) -> float | None:
        """About how long until this can be decided, by the traffic of this stage."""
        strategy, age = self._strategy, now - stage.started_s
        if stage.bake:
            return max(0.0, strategy.bake_s - age)
        judgement, evidence = stage.judgement, self._watching().evidence
        if judgement is None or not judgement.requests or age <= 0 or not judgement.observed:
            return None
        buckets = evidence.buckets[evidence.stage_from :]
        requests = sum(b.new.requests + b.old.requests for b in buckets)
        errors = sum(b.new.errors + b.old.errors for b in buckets)
        needed = seconds_until_fine(requests / age, judgement.observed, errors / max(1, requests), strategy.judge)
        if needed is None:
            return None
        return max(0.0, max(needed, strategy.min_s, age * strategy.min_requests / judgement.requests) - age)


def _share_of_canary(observed: float | None, reverse: bool) -> float | None:
    return 1.0 - observed if observed is not None and reverse else observed


def _evidence(stage: Stage) -> str:
    judgement = stage.judgement
    if judgement is None:
        return stage.said
    if stage.strategy.compares:
        words = "; ".join(reading.words() for reading in judgement.readings)
        return f"{stage.said}; {words}" if words else stage.said
    fine = [r.title.lower() for r in judgement.readings if r.verdict.value == "fine" and r.guard != GOLDEN]
    observed = "" if judgement.observed is None else f", {100 * judgement.observed:.1f} % observed"
    verdict = f"; fine: {', '.join(fine)}" if fine else ""
    return f"{judgement.requests} answers{observed}{verdict}"

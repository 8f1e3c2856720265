"""The compatibility check of a registered version, with the facts that only the running world can give."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from mlcontrol.core import rollout
from mlcontrol.core.compatibility.facts import ArtifactFacts, GoldenFacts, ProbeFacts
from mlcontrol.core.compatibility.reader import READERS, Reader
from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.golden import set_name
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.plan import BlastRadius, Plan, PlanStep
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings, policy_for
from mlcontrol.core.signature import Signature
from mlcontrol.ports.errors import AdapterError, NotFound, Unexpected
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.check_facts import data_facts, operation_facts
from mlcontrol.services.context import ServiceContext, Tell
from mlcontrol.services.effects import Effects
from mlcontrol.services.holding import hold
from mlcontrol.services.judging import LIMIT_S, RETURN_LIMIT_S, Asked, Judge, JudgeHere
from mlcontrol.services.live import LiveState, observe, service_settings
from mlcontrol.services.operation_run import OperationRun, give_back
from mlcontrol.services.patience import NoAnswer
from mlcontrol.services.reviews.gate import evaluators_on

WINDOW = 3  # known-good versions besides the one used now that the way back has to reach
OBSERVED_PAYLOADS = 500
OBSERVED_SPAN_S = 3600.0


class Checks:
    """*Thread:* any; a check takes as long as the registry does, a probe as long as the server loads."""

    def __init__(self, ctx: ServiceContext, judge: Judge | None = None) -> None:
        """``judge`` `None`: on the calling thread; the engine gives one with a process of its own."""
        self._ctx = ctx
        self._judge = judge or JudgeHere()

    def check(self, service: str, version: str, probe: bool, actor: str, tell: Tell) -> Report:
        """May ``version`` replace what is served now, and may we come back? Raises `ProblemError` when neither can be asked."""
        self._judge.start()
        live = observe(self._ctx, service)
        if live.current is None:
            raise ProblemError(_NOTHING_SERVED)
        golden: GoldenFacts | None = None
        probed: ProbeFacts | None = None
        if probe:
            tell(f"Loading v{version} beside v{live.current}; no traffic moves", None)
            probed, golden = self._probe(service, version, live, actor)
        tell("Comparing signatures", None)
        asked = self._asked(service, version, live.current, probed, golden)
        return self._judge(replace(asked, window=self._window(service, version, live.current)), LIMIT_S)

    def _window(self, service: str, candidate: str, current: str) -> tuple[Signature, ...]:
        """The way back to the other versions that served well lately. One that cannot be read is left to R16 of its own return."""
        s = service_settings(self._ctx, service)
        older = [v for v, _ in self._ctx.store.knowledge.known_good(service) if v not in (candidate, current)]
        signatures = []
        for version in older[:WINDOW]:
            try:
                signatures.append(self._signature(s, version))
            except (AdapterError, NoAnswer):
                signatures.append(Signature(name=s.model, version=version))  # unknown: its findings say so
        return tuple(signatures)

    def check_return(self, service: str, target: str) -> Report:
        """May we come back from what is served now to ``target``? Its answer is the report's *rollback* side."""
        self._judge.start()
        live = observe(self._ctx, service)
        if live.current is None:
            raise ProblemError(_NOTHING_SERVED)
        asked = self._asked(service, live.current, target, None, None, facts_of_current=True)
        return self._judge(asked, RETURN_LIMIT_S)

    def _asked(
        self,
        service: str,
        candidate: str,
        current: str,
        probed: ProbeFacts | None,
        golden: GoldenFacts | None,
        *,
        facts_of_current: bool = False,
    ) -> Asked:
        s = service_settings(self._ctx, service)
        examined = current if facts_of_current else candidate
        # A way back waits for the slowest answer, not for their sum.
        with ThreadPoolExecutor(4, thread_name_prefix="check") as pool:
            facts = pool.submit(self._artifact, s, examined)
            new, old = (pool.submit(self._signature, s, version) for version in (candidate, current))
            recent = pool.submit(self._recent, s)
        artifact, rows = facts.result(), recent.result()
        signatures = new.result(), old.result()
        return Asked(
            *signatures,
            self._reader(s).name,
            artifact=None if facts_of_current else artifact,
            current_artifact=artifact if facts_of_current else None,
            probe=probed,
            golden=golden,
            quality=None if facts_of_current else evaluators_on(self._ctx, service, candidate, current),
            operation=operation_facts(self._ctx, s, signatures[1]),
            data=None if facts_of_current else data_facts(s, *signatures, rows),
            payloads=tuple(row.inputs for row in rows),
            policy=policy_for(self._ctx.settings, s),
            now_s=self._ctx.clock.utc_s(),
        )

    def _signature(self, s: ServiceSettings, version: str) -> Signature:
        """Raises `NoAnswer` where what the registry has of it was not read to its end: that is no word against the version."""
        try:
            signature = self._ctx.registry(s.registry).signature(s.model, version)
        except Unexpected as error:
            if error.problem.code != "unknown":
                raise
            raise NoAnswer(error.problem) from error
        return replace(signature, name=s.model, version=version)

    def _reader(self, s: ServiceSettings) -> Reader:
        if not s.serving:
            return READERS["strict"]
        rules = self._ctx.serving(s.serving[0]).capabilities.reader
        return READERS.get(rules.name, READERS["strict"])

    def _artifact(self, s: ServiceSettings, version: str) -> ArtifactFacts:
        registry = self._ctx.registry(s.registry)
        recorded = next((v.digest for v in registry.versions(s.model) if v.version == version), None)
        try:
            files = registry.artifacts(s.model, version)
            computed = registry.digest(s.model, version)
        except NotFound as error:
            return ArtifactFacts(recorded, None, False, str(error.problem))
        except AdapterError as error:
            return ArtifactFacts(recorded, None, None, str(error.problem))
        return ArtifactFacts(recorded, computed, bool(files))

    def _recent(self, s: ServiceSettings) -> tuple[LoggedPrediction, ...]:
        """What callers really sent lately. A log that cannot be read is a log nobody looked at: the report says so."""
        if not s.predictions:
            return ()
        now = self._ctx.clock.utc_s()
        try:
            log = self._ctx.predictions(s.predictions)
            return tuple(log.sample(s.id, OBSERVED_PAYLOADS, int(now), now - OBSERVED_SPAN_S, now))
        except AdapterError:
            return ()

    def _probe(self, service: str, version: str, live: LiveState, actor: str) -> tuple[ProbeFacts, GoldenFacts | None]:
        """Load beside, ask the golden set, put back; journaled like every change of a server."""
        if self._ctx.view_only:
            raise ProblemError(Problem("This engine may only look.", self._ctx.view_only, "", code="blocked"))
        effects = Effects(self._ctx, service, OperationKind.PROBE, version, live.current, live, None)
        plan = _probe_plan(service, version, live, self._ctx.clock.utc_s())
        operation_id, who = uuid.uuid4().hex, actor or "panel"
        with hold(self._ctx, service, operation_id, who, f"check of v{version} on the real server") as holding:
            run = OperationRun(
                self._ctx, operation_id, plan, effects, "check on the real server", who, give_back, holding
            )
            operation = run.run_now()
        return _probe_facts(operation), _golden_facts(self._ctx, service, effects)


def _probe_plan(service: str, version: str, live: LiveState, now_s: float) -> Plan:
    names = rollout.forward_steps(OperationKind.PROBE, express=False)
    steps = tuple(PlanStep(name, rollout.title(name), "", 1.0) for name in names)
    return Plan(
        service=service,
        kind=OperationKind.PROBE,
        from_version=live.current,
        to_version=version,
        express=False,
        assumes=live.assumption(None),
        steps=steps,
        blast=BlastRadius(0.0, 0.0, (), None),
        report=None,
        expected_s=5.0,
        made_s=now_s,
    )


def _probe_facts(operation: Operation) -> ProbeFacts:
    load = next(step for step in operation.steps if step.id == rollout.LOAD)
    asked = next(step for step in operation.steps if step.id == rollout.GOLDEN)
    loaded = {StepState.DONE: True, StepState.FAILED: False}.get(load.state)
    seconds = load.ended_s - load.started_s if load.ended_s and load.started_s else None
    if operation.phase is Phase.FAILED and operation.problem is not None:
        return ProbeFacts(loaded=None, load_reason=str(operation.problem))
    return ProbeFacts(
        loaded=loaded,
        load_reason=load.detail if loaded is False else "",
        load_s=seconds,
        answered={StepState.DONE: True, StepState.FAILED: None}.get(asked.state),
        answer_reason=asked.detail if asked.state is StepState.FAILED else "",
        exact_binary=True,
    )


def _golden_facts(ctx: ServiceContext, service: str, effects: Effects) -> GoldenFacts | None:
    """With the scores that known-good generations reached on the very same items."""
    run = effects.golden
    if run is None:
        return None
    golden = ctx.golden(service)
    same_set = set_name(golden.items) if golden is not None else ""
    good = {version for version, _ in ctx.store.knowledge.known_good(service)}
    earlier = [
        g
        for g in ctx.store.golden_scores.generations(service)
        if g.version in good and g.version != effects.to_version and g.set_of == same_set and g.estimate is not None
    ]
    history = tuple(g.estimate for g in earlier if g.estimate is not None)
    now = run.current.estimate if run.current is not None else None
    estimate = None if run.score.unknown else run.score.estimate  # half a set is no score
    return GoldenFacts(estimate, run.score.n, run.minimum, run.score.critical_failed, now, history)


_NOTHING_SERVED = Problem(
    "It is not known which version answers now, so there is nothing to compare with.",
    "The router or the endpoint names none.",
    "Look at the service's presence first.",
    code="unknown",
)

"""Asks golden queries: one at each poll the way callers ask (who answers, and rightly?), the whole set now and then of each
loaded version, at a rate that no caller feels."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from math import nan

from mlcontrol.core import series
from mlcontrol.core.facts import GoldenAnswer, GoldenRun, Known, ServiceFacts
from mlcontrol.core.fingerprint import Fingerprint, discriminating, identify, mark
from mlcontrol.core.golden import GoldenItem, GoldenScore, GoldenSet, matches, score
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.spark import spark
from mlcontrol.core.types import ReplicaState, Sample, SeriesKey
from mlcontrol.ports.errors import ANSWERED_BADLY, AdapterError, Unexpected
from mlcontrol.ports.serving import Serving
from mlcontrol.services.asking import Asking, coded
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.golden_run import keep_score

PAUSE_S = 0.05
DEADLINE_S = 4.0
SPARK_S = 900.0


def why_not_ask(ctx: ServiceContext, service: ServiceSettings) -> str:
    """Why no golden query can be asked; empty when one can."""
    if not service.golden:
        return "this service has no golden set"
    if not service.routing and not service.serving:
        return "this service names neither a router nor an endpoint"
    try:
        golden = ctx.golden(service.id)
    except ProblemError as error:
        return error.problem.what.rstrip(".")
    return "" if golden is not None and golden.items else "its golden set is empty"


class GoldenAsker:
    """Of one service. ``front``: the connection the query goes through. *Thread:* one at a time per method."""

    def __init__(self, asking: Asking, service: ServiceSettings, front: str) -> None:
        self._asking = asking
        self._service = service
        self._front = front
        self._turns = itertools.count()
        self._past: deque[tuple[float, float]] = deque(maxlen=512)  # UTC seconds, milliseconds; NaN for a wrong answer
        self._marks: dict[str, dict[str, str]] = {}  # what each version answered when it was asked directly

    def ask_one(self) -> None:
        """The next item of the set, critical ones alone if there are any: every good version answers those as expected."""
        ctx, service = self._asking.ctx, self._service
        if why_not_ask(ctx, service):
            return  # the assembly says it in words
        golden = ctx.golden(service.id)
        if golden is None:
            return
        items = [item for item in golden.items if item.critical] or list(golden.items)
        item = items[next(self._turns) % len(items)]
        with self._asking.of(self._front) as question:
            try:
                answer = ctx.route_client(service.id).infer(service.serving_model, item.inputs, None, DEADLINE_S)
            except AdapterError as error:
                problem = coded(error)
                self._asking.note(
                    service.id, lambda f: replace(f, golden_answer=f.golden_answer.missed(problem, question))
                )
                raise
            right = matches(item.expected, answer.outputs)
            version = answer.version or self._version_of(item, answer.outputs)
            told = GoldenAnswer(version, right, answer.latency_ms, item.id)
            self._past.append((question.utc_s, answer.latency_ms if right else nan))
            line = spark(self._past, question.utc_s, SPARK_S)
            self._asking.note(
                service.id,
                lambda f: replace(
                    f,
                    golden_answer=f.golden_answer.answered(told, question),
                    sparks={**f.sparks, "presence": line},
                ),
            )
        if version is not None:
            key = SeriesKey(service.id, series.ANSWERED, (("version", version),))
            ctx.emit(Sample(key, question.utc_s, 1.0 if right else 0.0))

    def _version_of(self, item: GoldenItem, outputs: Mapping[str, object]) -> str | None:
        """Of a server that does not say who answered: the only version that answers this item so."""
        return identify(self._marks, {item.id: mark(outputs)}).version if len(self._marks) > 1 else None

    def identify(self) -> Fingerprint | None:
        """Ask, the way callers ask, the items that separate the known versions; `None` while fewer than two are known.

        Raises `AdapterError` when nobody answers. What the server says of itself is compared, not believed.
        """
        ctx, service = self._asking.ctx, self._service
        golden = None if why_not_ask(ctx, service) else ctx.golden(service.id)
        known = dict(self._marks)
        if golden is None or len(known) < 2:
            return None
        wanted = discriminating(known) or tuple(item.id for item in golden.items[:1])
        items = {item.id: item for item in golden.items}
        given: dict[str, str] = {}
        said: set[str | None] = set()
        with self._asking.of(self._front) as question:
            client = ctx.route_client(service.id)
            for name in wanted:
                answer = client.infer(service.serving_model, items[name].inputs, None, DEADLINE_S)
                given[name] = mark(answer.outputs)
                said.add(answer.version)
        if len(said) > 1:
            return None  # the traffic is split or was moved in between: these answers are not one version's
        found = identify(known, given, next(iter(said)))
        self._asking.note(service.id, lambda f: replace(f, fingerprint=f.fingerprint.answered(found, question)))
        return found

    def ask_all(self) -> None:
        """The whole set of every version that is ready, asked of the first endpoint directly."""
        ctx, service = self._asking.ctx, self._service
        golden = None if why_not_ask(ctx, service) else ctx.golden(service.id)
        if golden is None or not service.serving:
            return
        connection = service.serving[0]
        replicas = ctx.serving(connection).replicas(service.serving_model, DEADLINE_S)
        ready = [r.version for r in replicas if r.state is ReplicaState.READY]
        for gone in set(self._marks) - set(ready):
            del self._marks[gone]  # a version of that number may come back with other files
        for version in ready:
            self._run(golden, connection, version)

    def _run(self, golden: GoldenSet, connection: str, version: str) -> None:
        ctx, service = self._asking.ctx, self._service
        with self._asking.of(connection) as question:
            try:
                result = self._replay(golden, connection, version)
            except AdapterError as error:
                problem = coded(error)
                self._asking.note(
                    service.id, lambda f: _with_run(f, version, _known(f, version).missed(problem, question))
                )
                raise
        if result is None:
            return
        run = GoldenRun(version, result.right, result.n, _minimum(golden), result.critical_failed, result.estimate)
        self._asking.note(service.id, lambda f: _with_run(f, version, _known(f, version).answered(run, question)))
        keep_score(ctx, service.id, golden, version, result, question.utc_s)
        if result.estimate is not None:
            key = SeriesKey(service.id, series.QUALITY, (("source", "golden"), ("version", version)))
            ctx.emit(Sample(key, question.utc_s, result.estimate, result.low, result.high, result.n))

    def _replay(self, golden: GoldenSet, connection: str, version: str) -> GoldenScore | None:
        """`None` when the collector ended in the middle: half a set is no score."""
        serving = self._asking.ctx.serving(connection)
        answers: dict[str, dict[str, object]] = {}
        for item in golden.items:
            if self._asking.ending.wait(PAUSE_S):
                return None
            try:
                answers[item.id] = self._answer(serving, item, version)
            except ANSWERED_BADLY:
                continue  # an item that the model cannot answer is a wrong one
        self._marks[version] = {name: mark(outputs) for name, outputs in answers.items()}
        return score(golden.items, answers)

    def _answer(self, serving: Serving, item: GoldenItem, version: str) -> dict[str, object]:
        answer = serving.infer(self._service.serving_model, item.inputs, version, DEADLINE_S)
        if answer.version not in (None, version):
            raise Unexpected(Problem(f"v{answer.version} answered for v{version}.", code="unexpected"))
        return dict(answer.outputs)


def _minimum(golden: GoldenSet) -> float:
    """A set without a minimum asks for everything."""
    return 1.0 if golden.minimum_score is None else golden.minimum_score


def _known(facts: ServiceFacts, version: str) -> Known[GoldenRun]:
    return facts.golden_runs.get(version, Known())


def _with_run(facts: ServiceFacts, version: str, known: Known[GoldenRun]) -> ServiceFacts:
    return replace(facts, golden_runs={**facts.golden_runs, version: known})

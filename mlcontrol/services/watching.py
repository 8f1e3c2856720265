"""What the judge is told: counters of the router by role, the prediction log by version, and what the servers say of their
work.

Each look closes one bucket. A source that does not answer leaves the bucket without its counts, and says so: nothing is
carried over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from mlcontrol.core.golden import matches
from mlcontrol.core.judge.bucket import Arm, Bucket
from mlcontrol.core.judge.judge import Evidence
from mlcontrol.core.judge.policy import (
    ERRORS,
    EVALUATORS,
    FEEDBACK,
    GOLDEN,
    LATENCY,
    OBJECTIVES,
    PREDICTIONS,
    QUERY_RATE,
    RESOURCES,
)
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.clock import SteadyClock
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.ports.routing import RouteCounters
from mlcontrol.services.collect_predictions import is_regression
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings
from mlcontrol.services.watching_people import Counts, Evaluators, is_judged, users_said

LOG_LAG_S = 6.0  # a call is logged when it has ended: younger spans would miss the slow ones
PAST_S = 900.0
FEW_WAITS = 50
BINS = (0.1, 0.3, 0.5, 0.7, 0.9)
LABELS_EVERY_S = 15.0
GOLDEN_PER_LOOK = 5
LOOK_DEADLINE_S = 4.0


@dataclass
class Watch:
    """Follows one rollout. *Thread:* the operation's own. ``new`` and ``old``: versions; ``old`` `None`: nothing beside the
    new one. ``reverse``: the old one has the share, the new one the rest. ``clock``: all its times are by it; a wall clock that is
    set would end a bake too early, or hide that there is no data."""

    ctx: ServiceContext
    service: str
    new: str
    old: str | None
    reverse: bool = False
    clock: SteadyClock = field(init=False)
    evidence: Evidence = field(default_factory=Evidence)
    _roles: dict[str, str] = field(default_factory=dict)
    _counters: dict[str, RouteCounters] | None = None
    _counted_s: float = 0.0
    _logged_s: float = 0.0
    _work: dict[str, tuple[int, float]] = field(default_factory=dict)
    _labels_s: float = 0.0
    _labels: Counts = field(default_factory=dict)
    _said: Counts = field(default_factory=dict)
    _evaluators: Evaluators | None = None
    _bins: tuple[float, ...] = ()
    _asked: int = 0

    def __post_init__(self) -> None:
        self.clock = SteadyClock(self.ctx.clock)

    def begin(self) -> None:
        """Fix everything that must be fixed before the first look: thresholds, bins, where the counters stand now."""
        s, now = self._settings, self.clock.utc_s()
        has = {ERRORS, QUERY_RATE, OBJECTIVES}
        thresholds: tuple[float, ...] = ()
        slow_at: int | None = None
        if s.predictions:
            has |= {PREDICTIONS}
            if not is_regression(s):
                has |= {FEEDBACK}
            thresholds, slow_at = self._thresholds(now)
            if thresholds:
                has |= {LATENCY}
            self._bins = self._past_bins(now) if is_regression(s) else ()
        if self.ctx.golden(self.service) is not None and s.serving:
            has |= {GOLDEN}
        if is_judged(self.ctx, self.service):
            has |= {EVALUATORS}
            self._evaluators = Evaluators(self.ctx, self.service, self.new)
        self._said = users_said(self.ctx, self.service)
        if self._said:
            has |= {FEEDBACK}
        if self._work_by_version():
            has |= {RESOURCES}
        self.evidence = Evidence(
            thresholds_ms=thresholds,
            slow_at=slow_at,
            accuracy=s.objectives.get("accuracy"),
            has=frozenset(has),
        )
        self._logged_s = self._labels_s = now - LOG_LAG_S

    def begin_stage(self, bake: bool) -> None:
        """A new stage: what is shown fine must be shown again. During the bake the stable road is the new version's."""
        self.evidence = replace(self.evidence, stage_from=len(self.evidence.buckets))
        self._roles = {"stable": "new"} if bake else {"canary": "new", "stable": "old"}
        if self.reverse:
            self._roles = {"canary": "old", "stable": "new"}
        self._counters = self._read_counters()
        self._counted_s = self.clock.utc_s()

    def look(self, share: float) -> Evidence:
        """Close a bucket now; ``share``: what the router was told, 0..1."""
        now = self.clock.utc_s()
        new, old, counted = self._count()
        start, self._counted_s = self._counted_s, now
        new, old, logged = self._read_log(now, new, old)
        new, old = self._read_work(new, old)
        if now - self._labels_s >= LABELS_EVERY_S:
            new, old = self._read_people(*self._read_labels(now, new, old))
            self._labels_s = now
        bucket = Bucket(start, now, share, new, old, counted, logged)
        self.evidence = replace(self.evidence, buckets=(*self.evidence.buckets, bucket))
        self._ask_golden()
        return self.evidence

    @property
    def _settings(self) -> ServiceSettings:
        return service_settings(self.ctx, self.service)

    def _read_counters(self) -> dict[str, RouteCounters] | None:
        s = self._settings
        try:
            return {c.role: c for c in self.ctx.routing(s.routing).counters(s.route, LOOK_DEADLINE_S)}
        except AdapterError:
            return None

    def _count(self) -> tuple[Arm, Arm, bool]:
        before, after = self._counters, self._read_counters()
        if after is not None:
            self._counters = after
        if before is None or after is None:
            return Arm(), Arm(), False
        arms = {"new": Arm(), "old": Arm()}
        for role, name in self._roles.items():
            if role not in before or role not in after:
                return Arm(), Arm(), False
            grown = {
                code: after[role].responses.get(code, 0) - before[role].responses.get(code, 0)
                for code in after[role].responses
            }
            if any(count < 0 for count in grown.values()):
                return Arm(), Arm(), False  # the router was restarted: what it counted before is gone
            by_type = {code: count for code, count in grown.items() if code[:1] in ("4", "5") and count}
            arms[name] = Arm(sum(grown.values()), sum(by_type.values()), by_type)
        return arms["new"], arms["old"], True

    def _thresholds(self, now: float) -> tuple[tuple[float, ...], int | None]:
        """Quantiles of what callers waited before the rollout, and the objective; nothing where too little is known."""
        s = self._settings
        try:
            past = self.ctx.predictions(s.predictions).latency(self.service, now - PAST_S, now, LOOK_DEADLINE_S)
        except AdapterError:
            return (), None
        most = max((v for v in past if v.version), key=lambda v: v.n, default=None)
        if most is None or most.n < FEW_WAITS:
            return (), None
        chosen = [most.p50_ms, most.p90_ms, most.p99_ms]
        objective = s.objectives.get("p99_ms")
        if objective is None:
            return tuple(chosen), None
        return (*chosen[:2], chosen[2], objective), 3

    def _past_bins(self, now: float) -> tuple[float, ...]:
        s = self._settings
        try:
            past = self.ctx.predictions(s.predictions).sample(
                self.service, 400, 1, now - PAST_S, now, None, LOOK_DEADLINE_S
            )
        except AdapterError:
            return ()
        values = answered_numbers(past, s.prediction)
        if len(values) < FEW_WAITS:
            return ()
        return tuple(sorted({float(q) for q in np.quantile(values, BINS)}))

    def _read_log(self, now: float, new: Arm, old: Arm) -> tuple[Arm, Arm, bool]:
        s, until = self._settings, now - LOG_LAG_S
        if not s.predictions:
            return new, old, True
        try:
            found = self.ctx.predictions(s.predictions).evidence(
                self.service,
                s.prediction,
                self._logged_s,
                until,
                self.evidence.thresholds_ms,
                self._bins,
                LOOK_DEADLINE_S,
            )
        except AdapterError:
            return new, old, False
        self._logged_s = until
        for one in found:
            if one.version == self.new:
                new = replace(new, answered=one.answered, slower=one.slower, predictions=one.predictions)
            elif one.version == self.old:
                old = replace(old, answered=one.answered, slower=one.slower, predictions=one.predictions)
        return new, old, True

    def _work_by_version(self) -> dict[str, tuple[int, float]]:
        """Answers and milliseconds in all, by version."""
        s = self._settings
        sums: dict[str, tuple[int, float]] = {}
        try:
            for connection in s.serving:
                for row in self.ctx.serving(connection).statistics(s.serving_model, LOOK_DEADLINE_S):
                    if row.mean_ms is not None and row.success:
                        n, ms = sums.get(row.version, (0, 0.0))
                        sums[row.version] = n + row.success, ms + row.success * row.mean_ms
        except AdapterError:
            return {}
        return sums

    def _read_work(self, new: Arm, old: Arm) -> tuple[Arm, Arm]:
        if RESOURCES not in self.evidence.has:
            return new, old
        before, self._work = self._work, self._work_by_version()

        def mean(version: str | None) -> float | None:
            if version is None or version not in before or version not in self._work:
                return None
            n = self._work[version][0] - before[version][0]
            return (self._work[version][1] - before[version][1]) / n if n > 0 else None

        return replace(new, compute_ms=mean(self.new)), replace(old, compute_ms=mean(self.old))

    def _read_labels(self, now: float, new: Arm, old: Arm) -> tuple[Arm, Arm]:
        """Labels come late and are joined anew from the beginning: what has grown since the last look is this bucket's."""
        s = self._settings
        if FEEDBACK not in self.evidence.has or not s.predictions or is_regression(s):
            return new, old
        begun = self.evidence.buckets[0].start_s if self.evidence.buckets else now
        try:
            buckets = self.ctx.predictions(s.predictions).quality(
                self.service, s.prediction, begun, now, 60.0, False, LOOK_DEADLINE_S
            )
        except AdapterError:
            return new, old
        sums: dict[str, tuple[int, int]] = {}
        for b in buckets:
            n, right = sums.get(b.version, (0, 0))
            sums[b.version] = n + b.n, right + b.correct
        before, self._labels = self._labels, sums

        def grown(arm: Arm, version: str | None) -> Arm:
            (n, right), (n0, right0) = sums.get(version or "", (0, 0)), before.get(version or "", (0, 0))
            labelled = max(0, n - n0)
            return replace(arm, labelled=labelled, right=min(labelled, max(0, right - right0)))

        return grown(new, self.new), grown(old, self.old)

    def _read_people(self, new: Arm, old: Arm) -> tuple[Arm, Arm]:
        """Evaluators' verdicts on the new version so far, and what users have said of both since the last time."""
        if self._evaluators is not None:
            good, bad = self._evaluators.count()
            self.evidence = replace(self.evidence, judged_good=good, judged_bad=bad)
        before, self._said = self._said, users_said(self.ctx, self.service)

        def grown(arm: Arm, version: str | None) -> Arm:
            (n, good), (n0, good0) = self._said.get(version or "", (0, 0)), before.get(version or "", (0, 0))
            rated = max(0, n - n0)
            return replace(arm, rated=rated, liked=min(rated, max(0, good - good0)))

        if self._said != before:
            self.evidence = replace(self.evidence, has=self.evidence.has | {FEEDBACK})
        return grown(new, self.new), grown(old, self.old)

    def _ask_golden(self) -> None:
        """A few golden items on each look, each once in a rollout: asked again they would be no new evidence."""
        golden, s = self.ctx.golden(self.service), self._settings
        if golden is None or not s.serving:
            return
        for item in golden.items[self._asked : self._asked + GOLDEN_PER_LOOK]:
            try:
                answer = self.ctx.serving(s.serving[0]).infer(s.serving_model, item.inputs, self.new, LOOK_DEADLINE_S)
            except AdapterError:
                return  # nobody answers: the counters say what callers get
            self._asked += 1
            good = matches(item.expected, answer.outputs)
            e = self.evidence
            critical = (*e.golden_critical, item.id) if item.critical and not good else e.golden_critical
            self.evidence = replace(
                e, golden_good=e.golden_good + good, golden_bad=e.golden_bad + (not good), golden_critical=critical
            )


def require_watchable(settings: ServiceSettings) -> Problem | None:
    """Why stages cannot be judged here, if so."""
    if settings.routing and settings.route:
        return None
    return Problem(
        "This service cannot be rolled out in stages.",
        "It has no router, so there is no share to send and no counter to judge by.",
        "Add a routing connection to the service, or choose all-at-once.",
        code="not-configured",
    )


def answered_numbers(sample: Iterable[LoggedPrediction], prediction: str) -> list[float]:
    """What was answered, of those answers that are one number."""
    found = (_number(json.loads(one.outputs).get(prediction)) for one in sample)
    return [number for number in found if number is not None]


def _number(value: object) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

"""Runs a service's golden set on one version, asked directly, at a bounded rate; no traffic moves.

A query to which no answer came says nothing of the version: a server that has just loaded it, or a busy machine, may be silent for
a while. It is asked once more, alone, and stays unknown where nobody answers then either.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from mlcontrol.core.golden import GoldenItem, GoldenScore, GoldenSet, score, set_name
from mlcontrol.core.golden_history import GenerationScore
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.errors import ANSWERED_BADLY, AdapterError, Rejected
from mlcontrol.ports.serving import Answer, Serving
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

MAX_PER_S = 50.0
ITEM_DEADLINE_S = 5.0
COMPARED_ITEMS = 8
SLOWER = 2.0


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """``slowest_ms``/``median_ms``: of the first items, asked one at a time; ``first_error``: why the first was not answered.

    ``current_median_ms``: of the version that serves now, asked the same items in turns with it. ``objective_ms``: p99.
    ``current``: what the version that serves now scores on the same items.
    """

    score: GoldenScore
    minimum: float | None
    median_ms: float | None
    slowest_ms: float | None
    first_error: str
    current_median_ms: float | None = None
    objective_ms: float | None = None
    current: GenerationScore | None = None

    def evidence(self) -> str:
        timing = "" if self.median_ms is None else f", median {self.median_ms:.0f} ms, slowest {self.slowest_ms:.0f} ms"
        by_weight = ""
        if self.score.estimate is not None and abs(self.score.estimate - self.score.right / self.score.n) > 5e-4:
            by_weight = f" ({self.score.estimate:.1%} by importance)"
        beside = ""
        if self.current is not None and self.current.estimate is not None:
            beside = f", the version that serves {self.current.right} of {self.current.n}"
        silent = len(self.score.unanswered) + len(self.score.unknown)
        silence = f"; {silent} not answered, the first: {self.first_error}".rstrip(" .") if silent else ""
        return f"{self.score.right} of {self.score.n} golden items as expected{by_weight}{beside}{timing}{silence}"

    def problem(self, version: str) -> Problem | None:
        """Why this version must not be deployed, if so. Without a declared minimum only critical items decide."""
        result = self.score
        if result.n == 0 and not result.unknown:
            return Problem("There is no golden item to ask.", code="unknown", next="Add items to the golden set.")
        if result.n and len(result.unanswered) == result.n:
            return Problem(
                f"v{version} answered none of {result.n} golden queries.", self.first_error, _COMPARE, "blocked"
            )
        if result.critical_failed:
            names = ", ".join(result.critical_failed[:3])
            return Problem(
                f"v{version} fails critical golden items: {names}.", self.evidence() + ".", _COMPARE, "blocked"
            )
        if self.minimum is not None and (result.at_best or 0.0) < self.minimum:
            return Problem(
                f"v{version} is worse than this service allows.",
                f"{self.evidence()}; at least {self.minimum:.0%} are asked for, set by the versions before.",
                _COMPARE,
                "blocked",
            )
        return self._too_slow(version) or self._not_known(version)

    def _not_known(self, version: str) -> Problem | None:
        unknown = self.score.unknown
        if not unknown:
            return None
        return Problem(
            f"It is not known whether v{version} answers the golden set as expected.",
            f"{self.evidence()}.",
            "Look at what the server does, then try again.",
            code="unknown",
        )

    def _too_slow(self, version: str) -> Problem | None:
        """Slow by itself and against the version that serves: a busy machine slows both and is no reason to refuse."""
        if self.median_ms is None or self.current_median_ms is None or self.objective_ms is None:
            return None
        if self.median_ms <= self.objective_ms or self.median_ms <= SLOWER * self.current_median_ms:
            return None
        return Problem(
            f"v{version} is too slow.",
            f"Half of its answers take longer than {self.median_ms:.0f} ms; the version that serves needs"
            f" {self.current_median_ms:.0f} ms, and the objective for 99 % of all answers is {self.objective_ms:.0f} ms.",
            "Look at what this version computes for each query; the serving version was not touched.",
            "blocked",
        )


_COMPARE = "Look at the failing items and at the training of this version; the serving version was not touched."


def run_golden(ctx: ServiceContext, service: str, version: str, current: str | None) -> GoldenRun:
    """Ask every item of the first serving endpoint. Raises `ProblemError` when there is no golden set or nobody answers."""
    golden = ctx.golden(service)
    s = service_settings(ctx, service)
    if golden is None or not s.serving:
        raise ProblemError(
            Problem("This service has no golden set to ask.", "", "Add one to the service's settings.", code="unknown")
        )
    serving = ctx.serving(s.serving[0])
    asked = _ask(serving, s.serving_model, golden.items, version)
    good = {name: answer for name, answer in asked.items() if isinstance(answer, Answer)}
    silent = frozenset(name for name, answer in asked.items() if _says_nothing(answer))
    first_error = next((str(a.problem) for a in asked.values() if isinstance(a, AdapterError)), "")
    rival = None if current in (None, version) else current
    own_ms, rival_ms = _side_by_side(serving, s.serving_model, golden.items, version, rival) if good else ([], [])
    result = score(golden.items, {name: answer.outputs for name, answer in good.items()}, silent)
    if good and not silent:
        keep_score(ctx, service, golden, version, result, ctx.clock.utc_s())
    return GoldenRun(
        result,
        golden.minimum_score,
        median(own_ms) if own_ms else None,
        max(own_ms, default=None),
        first_error,
        median(rival_ms) if rival_ms else None,
        s.objectives.get("p99_ms"),
        _current(ctx, service, serving, s.serving_model, golden, rival) if good else None,
    )


def keep_score(
    ctx: ServiceContext, service: str, golden: GoldenSet, version: str, result: GoldenScore, at_s: float
) -> GenerationScore:
    """What a version scored on this set; kept, so that drift over generations can be seen."""
    told = GenerationScore(
        version, at_s, result.right, result.n, set_name(golden.items), result.estimate, result.low, result.high,
        result.critical_failed, result.by_slice,
    )  # fmt: skip
    if not ctx.view_only and result.n:
        ctx.store.golden_scores.put(service, told)
    return told


def _current(
    ctx: ServiceContext, service: str, serving: Serving, model: str, golden: GoldenSet, current: str | None
) -> GenerationScore | None:
    """The serving version's score on the very same items: known from an earlier replay, else asked now."""
    if current is None:
        return None
    name = set_name(golden.items)
    known = (g for g in ctx.store.golden_scores.generations(service) if (g.version, g.set_of) == (current, name))
    found = next(known, None)
    if found is not None:
        return found
    try:
        asked = _ask(serving, model, golden.items, current)
    except AdapterError:
        return None  # it serves, yet cannot be asked directly: nothing is known of it, and nothing is said
    answers = {name: answer.outputs for name, answer in asked.items() if isinstance(answer, Answer)}
    if not answers or any(map(_says_nothing, asked.values())):
        return None  # half a set is no score
    return keep_score(ctx, service, golden, current, score(golden.items, answers), ctx.clock.utc_s())


def _says_nothing(answer: Answer | AdapterError) -> bool:
    """Of the version: nobody answered, or somebody who could not ask it. A refusal or a failure is its own answer."""
    return isinstance(answer, AdapterError) and not isinstance(answer, ANSWERED_BADLY)


def _ask(serving: Serving, model: str, items: tuple[GoldenItem, ...], version: str) -> dict[str, Answer | AdapterError]:
    """Every item at the bounded rate, many at once where the endpoint's adapter can; what got no answer once more, one at a time.
    Raises where nobody answers at all."""
    many = getattr(serving, "infer_many", None)
    if many is None:
        asked = _one_by_one(serving, model, items, version)
    else:
        asked = dict(many(model, {item.id: item.inputs for item in items}, version, MAX_PER_S, ITEM_DEADLINE_S))
    missed = tuple(item for item in items if item.id not in asked or _says_nothing(asked[item.id]))
    asked |= _one_by_one(serving, model, missed, version)
    answered = any(isinstance(answer, Answer) for answer in asked.values())
    failed = next((a for a in asked.values() if isinstance(a, AdapterError) and not isinstance(a, Rejected)), None)
    if failed is not None and not answered:
        raise failed  # that is not the version's fault
    first = next((a for a in asked.values() if _says_nothing(a)), None)
    return asked if first is None else {item.id: asked.get(item.id, first) for item in items}


def _one_by_one(
    serving: Serving, model: str, items: tuple[GoldenItem, ...], version: str
) -> dict[str, Answer | AdapterError]:
    """Until the first that gets no answer: who waited for one in vain need not wait for all."""
    found: dict[str, Answer | AdapterError] = {}
    for item in items:
        started = time.monotonic()
        try:
            found[item.id] = serving.infer(model, item.inputs, version, ITEM_DEADLINE_S)
        except AdapterError as error:
            found[item.id] = error
            if _says_nothing(error):
                break
            continue
        time.sleep(max(0.0, 1.0 / MAX_PER_S - (time.monotonic() - started)))
    return found


def _side_by_side(
    serving: Serving, model: str, items: tuple[GoldenItem, ...], version: str, rival: str | None
) -> tuple[list[float], list[float]]:
    """Milliseconds of both versions on the first items, one query at a time and in turns: what slows the machine slows both, and
    no query waits behind another. Empty for a version that does not answer."""
    took: dict[str, list[float]] = {version: []}
    if rival is not None:
        took[rival] = []
    for item in items[:COMPARED_ITEMS]:
        for name, times in took.items():
            try:
                times.append(serving.infer(model, item.inputs, name, ITEM_DEADLINE_S).latency_ms)
            except AdapterError:
                continue
    return took[version], took.get(rival, []) if rival is not None else []

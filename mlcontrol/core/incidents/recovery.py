"""Is it over? Five facts that must turn green one by one after a way back, each from an observation of its own; and a sixth beside
them where what callers send had changed."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from mlcontrol.core.incidents.counts import Counts
from mlcontrol.core.incidents.data_tick import DataLook, data_tick
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.operation import Operation, Phase, StepState
from mlcontrol.core.rollout import ROUTE
from mlcontrol.core.statistics.sequential_proportion import log_e_above
from mlcontrol.core.types import Freshness, ServiceState

ALPHA = 0.05
LEAST_ANSWERS = 20.0
HARMLESS = 0.05
"""Where errors were not what hurt, it is proven that the way back brought none: that under this share fail. To prove an objective
of 1 % anew takes three hundred answers, which is minutes of a small service's traffic, and says nothing of this incident."""
PATIENCE_S = 120.0  # a fact that has not come by then is looked into

_BY_HAND = "Choose another version, or use the commands below by hand."
_ELSEWHERE = "The router sends traffic elsewhere, too: look for a second router or a cache."


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden set asked of the version after the way back. `None` in place of it: the service has none."""

    right: int
    n: int
    needed: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """``ln_e``: evidence that fewer than ``level`` of the answers fail now; decided at ``ln_needed``, at whatever moment, if no
    more than ``most`` (0..1) of those that were counted failed."""

    good: int
    bad: int
    level: float
    ln_e: float
    most: float = 1.0
    ln_needed: float = log(1 / ALPHA)

    @property
    def decided(self) -> bool:
        return self.ln_e >= self.ln_needed and self.few

    @property
    def must(self) -> str:
        """What is asked of it, in words."""
        limit = f"must be under {100 * self.level:.3g} %"
        return limit if self.most >= 1.0 else f"{limit}, and no more than {100 * self.most:.3g} % of these"

    @property
    def few(self) -> bool:
        return self.bad <= self.most * (self.good + self.bad)


def recovered(counts: Counts, since_s: float, before: float | None, objective: float | None) -> Recovered:
    """A sequential test on every answer since the traffic moved: valid however often it is looked at (betting mixture, Ville).

    The level to stay under is the objective, or half of what failed during the incident if that is more: "recovering". Where it is
    known that no more failed during the incident than may, it is `HARMLESS`, and of the answers counted no more than that may fail.
    """
    allowed = max(objective or 0.0, 0.005)
    hurt = before is None or before > allowed
    level = min(0.5, max(allowed, 0.5 * (before or 0.0) if hurt else HARMLESS))
    after = counts.between(since_s, float("inf"))
    good_then_bad = np.cumsum(after.answers - after.failed), np.cumsum(after.failed)
    best, good, bad = float("-inf"), 0, 0
    for right, wrong in zip(*good_then_bad, strict=True):
        good, bad = round(float(right)), round(float(wrong))
        best = max(best, log_e_above(good, bad, 1.0 - level)) if good + bad >= LEAST_ANSWERS else best
    return Recovered(good, bad, level, best, 1.0 if hurt else allowed)


def ticks(
    operation: Operation,
    service: ServiceState,
    counts: Counts,
    golden: Golden | None,
    before: float | None,
    objective: float | None,
    now_s: float,
    data: DataLook | None = None,
) -> tuple[Tick, ...]:
    """The facts about a rollback. ``before``: the share of answers that failed during the incident, if known. ``data``: `None`
    where it had not changed."""
    moved_s = next((s.ended_s for s in operation.steps if s.id == ROUTE and s.state is StepState.DONE), None)
    target = operation.to_version
    found = [_accepted(operation, moved_s)]
    found.append(_answering(operation, target, moved_s))
    found.append(_split(service, target, moved_s))
    found.append(_errors(counts, moved_s, before, objective, operation))
    found.append(golden_tick(golden, operation.started_s))
    if data is not None:
        found.append(data_tick(data, operation.started_s, target))
    return tuple(_in_order(found, operation, now_s))


def proven(found: tuple[Tick, ...]) -> bool:
    """Four facts are green, and so is the golden set where there is one.

    The sixth is not waited for: of a few requests a second it takes minutes to tell that the inputs are as before. It is shown
    beside, red when it is late, and written down with the rest as it stands.
    """
    return all(t.state is TickState.GREEN for t in found[:4]) and found[4].state in (TickState.GREEN, TickState.UNKNOWN)


def _in_order(found: list[Tick], operation: Operation, now_s: float) -> list[Tick]:
    """What comes after a fact that is not proven waits; the first that is late turns red."""
    shown: list[Tick] = []
    blocked = False
    for tick in found:
        state, hint = tick.state, tick.next
        if blocked and state is TickState.RUNNING:
            state = TickState.WAITING
        elif state is TickState.RUNNING and now_s - operation.started_s > PATIENCE_S:
            state = TickState.RED
            hint = (
                tick.next or "Look at the service's charts; choose another version, or take the service out of traffic."
            )
        blocked = blocked or state not in (TickState.GREEN, TickState.UNKNOWN)
        shown.append(
            Tick(tick.id, tick.title, state, tick.evidence, tick.seconds, hint if state is TickState.RED else "")
        )
    return shown


def _accepted(operation: Operation, moved_s: float | None) -> Tick:
    title = "Command accepted"
    if moved_s is not None:
        took = f"{moved_s - operation.started_s:.1f} s"
        return Tick(
            "accepted", title, TickState.GREEN, f"router told and read back after {took}", moved_s - operation.started_s
        )
    if operation.phase.ended and operation.phase is not Phase.DONE:
        why = operation.problem.what if operation.problem is not None else operation.summary
        hint = operation.problem.next if operation.problem is not None else ""
        return Tick(
            "accepted",
            title,
            TickState.RED,
            why,
            next=hint or _BY_HAND,
        )
    step = next((s for s in operation.steps if s.state is StepState.RUNNING), None)
    return Tick("accepted", title, TickState.RUNNING, step.title.lower() if step is not None else "")


def _answering(operation: Operation, target: str, moved_s: float | None) -> Tick:
    title = f"v{target} is answering" if target[:1].isdigit() else f"{target} is answering"
    verify = next((s for s in operation.steps if s.id == "verify"), None)
    if verify is not None and verify.state is StepState.DONE:
        seconds = None if verify.ended_s is None else verify.ended_s - operation.started_s
        return Tick("answering", title, TickState.GREEN, verify.detail, seconds)
    if verify is not None and verify.state is StepState.FAILED:
        return Tick(
            "answering",
            title,
            TickState.RED,
            verify.detail,
            next="Another version answers than was told: see which one on the service page, then take this one out of traffic.",
        )
    return Tick("answering", title, TickState.RUNNING, "asking one golden query" if moved_s is not None else "")


def _split(service: ServiceState, target: str, moved_s: float | None) -> Tick:
    title = "Split observed"
    at = service.used.at
    if moved_s is None or at is None or at.utc_s < moved_s:
        return Tick("split", title, TickState.RUNNING, "waiting for the counters")
    if service.used.freshness is Freshness.UNKNOWN or not service.traffic_by_version:
        return Tick("split", title, TickState.UNKNOWN, "no counter tells which version answers")
    total = sum(service.traffic_by_version.values())
    share = service.traffic_by_version.get(target, 0.0) / total if total > 0 else 0.0
    single = service.used.single
    words = f"v{target} answers {100 * share:.0f} % of {total:.0f} a second"
    if single == target and share < 0.995:
        # The counters' window still holds answers from before the traffic moved.
        words = f"only v{target} is used now; of the last half minute's {total:.0f} a second it answered {100 * share:.0f} %"
    if single == target:
        return Tick("split", title, TickState.GREEN, words, at.utc_s - moved_s)
    return Tick(
        "split",
        title,
        TickState.RUNNING,
        words,
        next=_ELSEWHERE,
    )


def _errors(
    counts: Counts, moved_s: float | None, before: float | None, objective: float | None, operation: Operation
) -> Tick:
    title = "Errors falling"
    if moved_s is None:
        return Tick("errors", title, TickState.RUNNING)
    found = recovered(counts, moved_s, before, objective)
    total = found.good + found.bad
    if not len(counts.at_s):
        return Tick("errors", title, TickState.UNKNOWN, "no source counts failed answers")
    if total == 0:
        return Tick("errors", title, TickState.RUNNING, "waiting for the first answers")
    words = f"{found.bad} of {total} failed since, {found.must}"
    after = counts.between(moved_s, float("inf"))
    if found.decided:
        return Tick("errors", title, TickState.GREEN, words, float(after.at_s[-1]) - operation.started_s)
    hint = (
        "The way back did not help: the cause is not this version. Look at suspect 2, and at what all versions share."
    )
    return Tick("errors", title, TickState.RUNNING, words, next=hint)


def golden_tick(golden: Golden | None, since_s: float) -> Tick:
    """``since_s``: when the way back was taken, or it was said to be over; what was asked before does not count."""
    title = "Golden set as expected"
    if golden is None:
        return Tick("golden", title, TickState.UNKNOWN, "the service has no golden set")
    if golden.at_s < since_s:
        return Tick("golden", title, TickState.RUNNING, "not asked again yet")
    words = f"{golden.right} of {golden.n}, needs {golden.needed}"
    if golden.right >= golden.needed:
        return Tick("golden", title, TickState.GREEN, words, golden.at_s - since_s)
    hint = "It serves, but not as it did: compare the inputs' features with those of training before closing this."
    return Tick("golden", title, TickState.RED, words, next=hint)

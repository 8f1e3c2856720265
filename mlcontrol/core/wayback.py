"""The way back: is there a known-good version to return to, does it still answer, and how long would it take?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlcontrol.core.drill import is_old
from mlcontrol.core.facts import Known, Route
from mlcontrol.core.freshness import freshness
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.types import Freshness, Replica, ReplicaState, TimelineEvent, VersionSummary, WayBack, WayBackState
from mlcontrol.core.versions import version_name, version_order

HOT_ESTIMATE_S = 3.0
COLD_ESTIMATE_S = 30.0
LEFT_FOR_S = 10.0  # so long after a rollback its own record speaks: by then every memory of the quarantine is read anew


@dataclass(frozen=True, slots=True)
class ReturnCheck:
    """What planning the return from ``current`` found last. ``blocked``: why it may not be walked, empty when it may.
    ``one_way``: it is callers and consumers that have moved on, not the target that is broken. ``passed_over``: versions that
    would have come first, and why they do not."""

    current: str
    target: str
    blocked: str
    one_way: bool
    passed_over: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """``last_check``: `None` when the return has not been planned yet. ``drilled_s``: the last drill that passed."""

    last_check: ReturnCheck | None = None
    drilled_s: float | None = None
    now_s: float = 0.0


def way_back(
    current: str | None,
    known_good: Sequence[str],
    quarantined: Mapping[str, str],
    registered: Sequence[VersionSummary] | None,
    replicas: Mapping[str, Known[tuple[Replica, ...]]],
    measured: Mapping[str, float],
    now_mono_s: float,
    poll_s: float,
    answering: Collection[str] = (),
    rehearsed: Rehearsed | None = None,
    seen: Sequence[str] = (),
    trial: str | None = None,
) -> WayBack:
    """``known_good``, ``seen``: newest first; ``seen`` carried the traffic, though not long enough to be known good.
    ``measured``: seconds by what was measured ("rollback", "load", a step). ``answering``: versions that answered the golden set
    lately; a version that is loaded but did not is warm, not hot. ``trial``: what has a share beside ``current`` and would be left.

    Without a version that has proven itself here, the last one that carried the traffic is offered; without such a one the newest
    registered before ``current``. Either is said: what is merely registered may never have answered anybody.
    """
    rehearsed = rehearsed or Rehearsed()
    if current is None:
        return WayBack(why="It is not known what serves now.")
    if not replicas or any(freshness(k.at, now_mono_s, poll_s) is Freshness.UNKNOWN for k in replicas.values()):
        return WayBack(why="The endpoints do not say what they have loaded.")
    check = rehearsed.last_check
    if check is not None and check.current != (trial or current):
        check = None
    target, words = _target(current, known_good, quarantined, registered, seen)
    if trial is not None and current not in quarantined:
        target, words = (
            current,
            f" {version_name(trial)} is tried on a share of the traffic: that share comes back to it.",
        )
    if target is None:
        return words if isinstance(words, WayBack) else WayBack(why=words)
    if check is not None and check.target not in quarantined:
        target = check.target
        words = f" {check.passed_over}" if check.passed_over else words
    found = _readiness(target, str(words), replicas, measured, answering)
    old = is_old(rehearsed.drilled_s, rehearsed.now_s)
    found = replace(found, drilled_s=rehearsed.drilled_s, drill_old=old)
    if check is not None and check.blocked and check.target == target:
        state = WayBackState.ONE_WAY if check.one_way else WayBackState.BLOCKED
        return replace(found, state=state, seconds=None, measured=False, why=check.blocked)
    return found


def _target(
    current: str,
    known_good: Sequence[str],
    quarantined: Mapping[str, str],
    registered: Sequence[VersionSummary] | None,
    seen: Sequence[str],
) -> tuple[str | None, str | WayBack]:
    proven = [v for v in known_good if v != current]
    target = next((v for v in proven if v not in quarantined), None)
    if target is not None:
        return target, ""
    target = next((v for v in seen if v != current and v not in quarantined), None)
    if target is not None:
        return target, f" {version_name(target)} carried the traffic before, too briefly to be known good."
    if registered is None:
        return None, "The registry has not said which versions there are."
    older = [
        v.version
        for v in registered
        if version_order(v.version) < version_order(current) and v.version not in quarantined
    ]
    if not older and proven:
        why = f"{version_name(proven[0])} is in quarantine: {quarantined[proven[0]]}"
        return None, WayBack(WayBackState.BLOCKED, proven[0], why=why)
    if not older:
        return None, WayBack(WayBackState.NONE, why="No earlier version is known.")
    target = max(older, key=version_order)
    return target, f" {version_name(target)} has not served here under the panel's eyes."


def _readiness(
    target: str,
    words: str,
    replicas: Mapping[str, Known[tuple[Replica, ...]]],
    measured: Mapping[str, float],
    answering: Collection[str],
) -> WayBack:
    having = [
        name
        for name, known in replicas.items()
        if any(r.version == target and r.state is ReplicaState.READY for r in known.value or ())
    ]
    name = version_name(target)
    if len(having) == len(replicas):
        seconds = _measured_s(measured)
        estimate = HOT_ESTIMATE_S if seconds is None else seconds
        if target in answering:
            why = f"{name} is loaded and answers its golden queries: only traffic moves.{words}"
            return WayBack(WayBackState.HOT, target, estimate, seconds is not None, why)
        why = f"{name} is loaded, but has not answered its golden queries lately.{words}"
        return WayBack(WayBackState.WARM, target, estimate, seconds is not None, why)
    load_s = measured.get("load")
    seconds_to_load = (COLD_ESTIMATE_S if load_s is None else load_s) + HOT_ESTIMATE_S
    if having:
        lacking = ", ".join(sorted(set(replicas) - set(having)))
        why = f"{name} is loaded on {len(having)} of {len(replicas)} endpoints; not on {lacking}.{words}"
    else:
        why = f"{name} must be loaded first.{words}"
    return WayBack(WayBackState.COLD, target, seconds_to_load, load_s is not None, why)


def _measured_s(measured: Mapping[str, float]) -> float | None:
    """Seconds from the decision to the proof: of a whole rollback, else of its parts, where all of them have been timed."""
    parts = ("assume", "route", "verify", "alias")
    if "rollback" in measured:
        return measured["rollback"]
    return sum(measured[part] for part in parts) if all(part in measured for part in parts) else None


def current_version(route: Known[Route], served: Sequence[str]) -> str | None:
    """The version that callers reach: the router's stable one, or the only one that is loaded."""
    if route.value is not None:
        return route.value.stable
    return served[0] if len(served) == 1 else None


def on_trial(route: Route | None) -> str | None:
    """The version that has a share of the traffic beside an older one that has the rest: a return leaves it, and the rest stays
    where it is. An older one with a share is no such trial: there the newer one is under suspicion."""
    if route is None or route.stable is None or route.canary is None or route.canary_percent <= 0:
        return None
    return route.canary if version_order(route.canary) > version_order(route.stable) else None


def carried_before(moves: Sequence[TimelineEvent]) -> tuple[str, ...]:
    """The versions that traffic was moved away from, newest first, each once. ``moves``: newest first."""
    return tuple(dict.fromkeys(move.version_from for move in moves if move.version_from))


def being_left(
    operations: Iterable[Operation], service: str, now_s: float, for_s: float = LEFT_FOR_S
) -> dict[str, str]:
    """Versions that a rollback leaves right now or has just left, with the reason. It is in quarantine only when the rollback is
    done, and whoever keeps that at hand hears of it later (``for_s``): until then it must not be offered as the way back either.

    A rollback that did not come through leaves nothing: what it wanted to leave serves."""
    return {
        op.from_version: op.reason or "rolled back"
        for op in operations
        if op.service == service
        and op.kind is OperationKind.ROLLBACK
        and op.from_version is not None
        and (not op.phase.ended or (op.phase is Phase.DONE and now_s - (op.ended_s or 0.0) < for_s))
    }

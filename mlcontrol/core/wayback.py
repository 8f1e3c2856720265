"""The way back: is there a known-good version to return to, and how long would it take?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlcontrol.core.facts import Known, Route
from mlcontrol.core.freshness import freshness
from mlcontrol.core.types import Freshness, Replica, ReplicaState, VersionSummary, WayBack, WayBackState
from mlcontrol.core.versions import version_name, version_order

HOT_ESTIMATE_S = 3.0
COLD_ESTIMATE_S = 30.0


def way_back(
    current: str | None,
    known_good: Sequence[str],
    quarantined: Mapping[str, str],
    registered: Sequence[VersionSummary] | None,
    replicas: Mapping[str, Known[tuple[Replica, ...]]],
    measured: Mapping[str, float],
    now_mono_s: float,
    poll_s: float,
) -> WayBack:
    """``known_good``: newest first. ``measured``: seconds by what was measured ("rollback", "load").

    Without a version that has proven itself here, the newest registered before ``current`` is offered, and it is said so.
    """
    if current is None:
        return WayBack(why="It is not known what serves now.")
    if not replicas or any(freshness(k.at, now_mono_s, poll_s) is Freshness.UNKNOWN for k in replicas.values()):
        return WayBack(why="The endpoints do not say what they have loaded.")
    proven = [v for v in known_good if v != current]
    target = next((v for v in proven if v not in quarantined), None)
    words = ""
    if target is None:
        if registered is None:
            return WayBack(why="The registry has not said which versions there are.")
        older = [
            v.version
            for v in registered
            if version_order(v.version) < version_order(current) and v.version not in quarantined
        ]
        if not older and proven:
            why = f"{version_name(proven[0])} is in quarantine: {quarantined[proven[0]]}"
            return WayBack(WayBackState.BLOCKED, proven[0], why=why)
        if not older:
            return WayBack(WayBackState.NONE, why="No earlier version is known.")
        target = max(older, key=version_order)
        words = f" {version_name(target)} has not served here under the panel's eyes."
    loaded = all(
        any(r.version == target and r.state is ReplicaState.READY for r in known.value or ())
        for known in replicas.values()
    )
    if loaded:
        seconds = measured.get("rollback", measured.get("route"))
        return WayBack(
            WayBackState.HOT,
            target,
            HOT_ESTIMATE_S if seconds is None else seconds,
            seconds is not None,
            f"{version_name(target)} is loaded: only traffic moves.{words}",
        )
    load_s = measured.get("load")
    return WayBack(
        WayBackState.COLD,
        target,
        (COLD_ESTIMATE_S if load_s is None else load_s) + HOT_ESTIMATE_S,
        load_s is not None,
        f"{version_name(target)} must be loaded first.{words}",
    )


def current_version(route: Known[Route], served: Sequence[str]) -> str | None:
    """The version that callers reach: the router's stable one, or the only one that is loaded."""
    if route.value is not None:
        return route.value.stable
    return served[0] if len(served) == 1 else None

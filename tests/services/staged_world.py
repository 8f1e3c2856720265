"""The small world with a router that splits and counts: at each reading, a fixed number of requests more has passed through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mlcontrol.ports.routing import RouteCounters, Split
from mlcontrol.ports.serving import VersionStatistics
from tests.services.rollout_world import World


@dataclass
class StagedWorld(World):
    """``fails``: share of a version's requests that fail, 0..1. ``per_look``: requests between two readings of the counters."""

    canary: str | None = None
    percent: float = 0.0
    fails: dict[str, float] = field(default_factory=dict)
    per_look: int = 400
    counted: dict[str, list[int]] = field(default_factory=lambda: {"stable": [0, 0], "canary": [0, 0]})
    looks: int = 0
    at_look: dict[int, Callable[[], None]] = field(default_factory=dict)

    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        self._ask("split")
        return Split(self.stable, self.canary, self.percent)

    def set_stable(self, route: str, version: str, deadline_s: float = 5.0) -> None:
        super().set_stable(route, version)

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 5.0) -> None:
        self._ask("set_canary")
        changed = (self.canary, self.percent) != (version, percent)
        self.canary, self.percent = version, percent
        if changed:
            self._did("set_canary", f"split {percent:g} {version}" if version else "split off")

    def counters(self, route: str, deadline_s: float = 5.0) -> tuple[RouteCounters, ...]:
        self._ask("counters")
        self.looks += 1
        if self.looks in self.at_look:
            self.at_look[self.looks]()
        canary = round(self.per_look * self.percent / 100)
        for role, requests, version in (
            ("canary", canary, self.canary),
            ("stable", self.per_look - canary, self.stable),
        ):
            failed = round(requests * self.fails.get(version or "", 0.0))
            self.counted[role][0] += requests - failed
            self.counted[role][1] += failed
        return tuple(
            RouteCounters(role, ok + bad, {"2xx": ok, "4xx": 0, "5xx": bad}) for role, (ok, bad) in self.counted.items()
        )

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:
        return ()

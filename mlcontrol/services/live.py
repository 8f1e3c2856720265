"""The live state of one service, read now: what the registry intends, what each endpoint serves, where traffic is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlcontrol.core.plan import Assumption
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import ReplicaState
from mlcontrol.core.versions import version_order
from mlcontrol.ports.routing import Split
from mlcontrol.services.context import ServiceContext

NO_SPLIT = Split(None, None, 0.0)


@dataclass(frozen=True, slots=True)
class LiveState:
    """``ready``: versions ready to answer, by serving connection. ``current``: the one version that callers reach, if clear."""

    intended: str | None
    ready: dict[str, tuple[str, ...]]
    split: Split
    routed: bool

    @property
    def served(self) -> tuple[str, ...]:
        return tuple(sorted({v for versions in self.ready.values() for v in versions}, key=version_order))

    @property
    def current(self) -> str | None:
        if self.routed:
            return self.split.stable
        answering = {max(versions, key=version_order) for versions in self.ready.values() if versions}
        return next(iter(answering)) if len(answering) == 1 else None

    def loaded_everywhere(self, version: str) -> bool:
        return bool(self.ready) and all(version in versions for versions in self.ready.values())

    def assumption(self, target_digest: str | None) -> Assumption:
        split = self.split
        return Assumption(self.intended, self.served, split.stable, split.canary, split.canary_percent, target_digest)

    def as_body(self) -> dict[str, Any]:
        """For the journal: all that is needed to go back to this state."""
        return {
            "intended": self.intended,
            "ready": {connection: list(versions) for connection, versions in self.ready.items()},
            "split": {
                "stable": self.split.stable,
                "canary": self.split.canary,
                "canary_percent": self.split.canary_percent,
            },
            "routed": self.routed,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> LiveState:
        ready = {connection: tuple(versions) for connection, versions in body["ready"].items()}
        return cls(body["intended"], ready, Split(**body["split"]), body["routed"])


def service_settings(ctx: ServiceContext, service: str) -> ServiceSettings:
    settings = ctx.settings.services.get(service)
    if settings is None:
        known = ", ".join(sorted(ctx.settings.services)) or "none"
        raise ProblemError(
            Problem(
                f"There is no service {service!r} in this workspace.",
                f"It knows: {known}.",
                "Check the name, or add the service on the Connections page.",
                code="not-found",
            )
        )
    return settings


def observe(ctx: ServiceContext, service: str) -> LiveState:
    """Read the live state from the real systems. Raises the first `ProblemError`: a state read in part is no state."""
    s = service_settings(ctx, service)
    intended = ctx.registry(s.registry).resolve_alias(s.model, s.alias) if s.registry else None
    ready = {}
    for connection in s.serving:
        replicas = ctx.serving(connection).replicas(s.serving_model)
        versions = {r.version for r in replicas if r.state is ReplicaState.READY}
        ready[connection] = tuple(sorted(versions, key=version_order))
    split = ctx.routing(s.routing).split(s.route) if s.routing else NO_SPLIT
    return LiveState(intended, ready, split, bool(s.routing))

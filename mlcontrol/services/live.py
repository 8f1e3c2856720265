"""The live state of one service, read now: what the registry intends, what each endpoint serves, where traffic is sent."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from mlcontrol.core.coupling import Part, PartKind, parts_of
from mlcontrol.core.facts import Route
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Assumption
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import ReplicaState
from mlcontrol.core.versions import version_order
from mlcontrol.core.wayback import on_trial
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
    parts: dict[str, str | None] = field(default_factory=dict)  # of what is coupled: what it is, by name

    @property
    def served(self) -> tuple[str, ...]:
        return tuple(sorted({v for versions in self.ready.values() for v in versions}, key=version_order))

    @property
    def current(self) -> str | None:
        if self.routed:
            return self.split.stable
        answering = {max(versions, key=version_order) for versions in self.ready.values() if versions}
        return next(iter(answering)) if len(answering) == 1 else None

    @property
    def route(self) -> Route:
        return Route(self.split.stable, self.split.canary, self.split.canary_percent)

    def loaded_everywhere(self, version: str) -> bool:
        return bool(self.ready) and all(version in versions for versions in self.ready.values())

    def assumption(self, target_digest: str | None) -> Assumption:
        split = self.split
        return Assumption(
            self.intended,
            self.served,
            split.stable,
            split.canary,
            split.canary_percent,
            target_digest,
            tuple(sorted(self.parts.items())),
        )

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
            "parts": self.parts,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> LiveState:
        ready = {connection: tuple(versions) for connection, versions in body["ready"].items()}
        return cls(body["intended"], ready, Split(**body["split"]), body["routed"], body.get("parts", {}))


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
    return LiveState(intended, ready, split, bool(s.routing), observe_parts(ctx, s))


def on_trial_now(ctx: ServiceContext, service: str, live: LiveState) -> str | None:
    """What is tried on a share of the traffic and would be left by a return. Of an operation of ours it is known, else it is told
    by the order of the versions."""
    running = (op for op in ctx.state().operations.values() if op.service == service and not op.phase.ended)
    kinds = {op.kind for op in running if op.to_version == live.split.canary}
    if OperationKind.BISECT in kinds:
        return None
    if OperationKind.DEPLOY in kinds and live.split.canary_percent > 0:
        return live.split.canary
    return on_trial(live.route)


def left_by(ctx: ServiceContext, service: str, target: str, live: LiveState) -> str | None:
    """The version that loses its traffic when all of it goes to ``target``."""
    tried = on_trial_now(ctx, service, live)
    return tried if tried is not None and target == live.current else live.current


def one_at_a_time(ctx: ServiceContext, s: ServiceSettings) -> str:
    """The endpoints that hold one version only, in words: nothing can be asked there beforehand. Empty where all load beside."""
    return ", ".join(name for name in s.serving if not ctx.serving(name).capabilities.versioned)


def observe_parts(ctx: ServiceContext, s: ServiceSettings) -> dict[str, str | None]:
    """Of each coupled part: where its alias points, or what every endpoint says it is. Raises as `observe` does."""
    try:
        parts = parts_of(s)
    except ProblemError:
        return {}  # a slip in the workspace: plans say so, and the way back stays open
    return {part.name: observe_part(ctx, s, part) for part in parts}


def observe_part(ctx: ServiceContext, s: ServiceSettings, part: Part) -> str | None:
    if part.kind is PartKind.ALIAS:
        return ctx.registry(part.registry).resolve_alias(part.model, part.alias)
    return " and ".join(sorted({ctx.serving(name).probe().server for name in s.serving})) or None


def route_written(split: Route | Split) -> Hashable:
    """Where the traffic goes, in a form that two readings of the same state share."""
    canary = split.canary if split.canary_percent > 0 else None
    return split.stable, canary, round(split.canary_percent, 3) if canary is not None else 0.0

"""Who else keeps what a plan would change: by what is written on it, by what was seen, by who changed it lately."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.owner import MOVES, REMEMBERED_S, Owner, declared, recent, returned, warning
from mlcontrol.core.plan import Overridable
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings, policy_for
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

RULE = "R17"
ASK_S = 1.0
EVENTS_READ = 500


@dataclass(frozen=True, slots=True)
class Owners:
    """``unread``: places that could not be asked, in words; with them "none found" is worth less."""

    found: tuple[Owner, ...]
    unread: tuple[str, ...]


def find_owners(ctx: ServiceContext, service: str, version: str) -> Owners:
    """Asks what can be asked within `ASK_S` each; what does not answer is named, and keeps nobody waiting longer."""
    s = service_settings(ctx, service)
    found: list[Owner] = list(declared(s.labels, service, "label of the service"))
    unread: list[str] = []
    for place, where, read in _written(ctx, s, version):
        try:
            found += declared(read(), place, where)
        except ProblemError as error:
            unread.append(f"{place}: {error.problem.what}")
    now = ctx.clock.utc_s()
    events = ctx.store.timeline.query(service, now - REMEMBERED_S, None, MOVES, "", EVENTS_READ)
    found += returned(events, places(s))
    found += recent(events, now)
    return Owners(tuple(dict.fromkeys(found)), tuple(unread))


def places(s: ServiceSettings) -> dict[str, str]:
    """What the panel writes of this service, in words."""
    named = {f"load {connection}": f"{s.serving_model} on {connection}" for connection in s.serving}
    if s.registry:
        named["alias"] = f"{s.alias} of {s.model} in {s.registry}"
    if s.routing:
        named["route"] = f"route {s.route} of {s.routing}"
    return named


def under_policy(
    ctx: ServiceContext, service: str, kind: OperationKind, owners: Owners
) -> tuple[list[str], list[str], list[Overridable]]:
    """(blocks, warnings, what may be overridden). A policy may make rule R17 stop a deploy; it never stops a rollback."""
    s = service_settings(ctx, service)
    policy = policy_for(ctx.settings, s)
    back = kind is not OperationKind.DEPLOY
    direction = Direction.ROLLBACK if back else Direction.DEPLOY
    verdict = _verdict(policy, direction, s.model)
    by = policy.may_override(RULE, direction, s.model)
    blocked: list[str] = []
    warnings: list[str] = []
    overridable: list[Overridable] = []
    for owner in owners.found:
        if not owner.undoes:
            continue
        sentence = warning(owner, back)
        if verdict is Verdict.BLOCK and not back:
            blocked.append(sentence)
            overridable += [Overridable(RULE, sentence, by)] if by else []
        elif verdict is not Verdict.INFO or back:
            warnings.append(sentence)
    return blocked, warnings, overridable


def _verdict(policy: Policy, direction: Direction, model: str) -> Verdict:
    return policy.severity(RULE, direction, model, Verdict.WARN)


def _written(
    ctx: ServiceContext, s: ServiceSettings, version: str
) -> Iterator[tuple[str, str, Callable[[], Mapping[str, str]]]]:
    """(place, who says it, how to read it)"""
    named = places(s)
    asked: list[tuple[str, str, str, str, Callable[[str], Any]]] = []
    if s.registry:
        asked.append((s.registry, named["alias"], "tag of the registered model", s.model, ctx.registry))
    for serving in s.serving:
        asked.append((serving, named[f"load {serving}"], "parameter of the model", s.serving_model, ctx.serving))
    if s.routing:
        asked.append((s.routing, named["route"], "note on the route", s.route, ctx.routing))
    for connection, place, where, name, adapter in asked:
        settings = ctx.settings.connections.get(connection)
        options = settings.options if settings is not None else {}
        yield place, f"option of {connection}", lambda options=options: options  # type: ignore[misc]
        yield place, where, lambda c=connection, n=name, a=adapter: _annotations(a(c), n)  # type: ignore[misc]
    state = ctx.state().services.get(s.id)
    tags = next((v.tags for v in state.versions if v.version == version), {}) if state is not None else {}
    yield f"v{version} of {s.model}", "tag of the version", lambda: tags


def _annotations(adapter: Any, name: str) -> Mapping[str, str]:
    """Nothing where the system has no place to write it."""
    read = getattr(adapter, "annotations", None)
    found: Mapping[str, str] = read(name, ASK_S) if callable(read) else {}
    return found

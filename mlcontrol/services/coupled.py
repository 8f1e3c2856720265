"""What is coupled to a version, moved with it: an alias of the registry by the panel, a binary by a person while the panel watches.

Each is read before and after. Done already counts as done, so that a crash in between is settled by looking.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mlcontrol.core.coupling import Move, PartKind, belonging, moves as moves_of, parts_of
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.strategy import Strategy
from mlcontrol.core.versions import version_name
from mlcontrol.ports.errors import AdapterError, TimedOut
from mlcontrol.ports.registry import Registry
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import LiveState, observe, observe_part, service_settings
from mlcontrol.services.proof import prove_answers

BY_HAND_S = 3600.0
LOOK_S = 0.5


def moves_with(
    ctx: ServiceContext,
    service: str,
    target: str,
    live: LiveState,
    kind: OperationKind,
    strategy: Strategy,
    unknown: list[str],
    warnings: list[str],
) -> tuple[Move, ...]:
    """What goes with the version ``target``; what is not known of it is added to ``unknown``, what to mind to ``warnings``."""
    s = service_settings(ctx, service)
    try:
        parts = parts_of(s)
    except ProblemError as error:
        unknown.append(f"What goes with v{target} is not known: {error.problem.what} {error.problem.why}")
        return ()
    if not parts or not s.registry:
        return ()
    if kind is OperationKind.BISECT:
        warnings.append(
            f"Its share is answered by v{target} with the {' and '.join(p.name for p in parts)} of v{live.current}."
        )
        return ()
    tags = next((v.tags for v in ctx.registry(s.registry).versions(s.model) if v.version == target), {})
    moves, open_questions = moves_of(parts, tags, live.parts)
    unknown += open_questions
    beside = [m for m in moves if m.part.kind is PartKind.ALIAS]
    if beside:
        names = " and ".join(m.part.name for m in beside)
        warnings.append(
            f"For a moment v{target} answers with the {names} of v{live.current}: both cannot move at once."
        )
    if beside and kind is OperationKind.DEPLOY and strategy.steps:
        warnings.append(
            f"Until all the traffic is on v{target}, its share is answered with the {names} of v{live.current}."
        )
    return moves


def point_alias(registry: Registry, model: str, alias: str, version: str, expected: str | None) -> tuple[str, bool]:
    """Point an alias from ``expected`` to ``version``; what came of it in words, and whether it was written.

    Raises `ProblemError` (code "conflict") where another hand is at it."""
    now = registry.resolve_alias(model, alias)
    if now == version:
        return f"{alias} points at v{version} already", False
    if now != expected:
        raise ProblemError(
            Problem(
                f"Somebody moved {alias} to {_v(now)} meanwhile; it was {_v(expected)}.",
                "The registry has no way to refuse such a change, so it was read again right before writing.",
                "Agree on who changes this model, then plan again.",
                code="conflict",
            )
        )
    try:
        registry.set_alias(model, alias, version)
    except TimedOut:
        if registry.resolve_alias(model, alias) != version:
            raise
    after = registry.resolve_alias(model, alias)
    if after != version:
        raise ProblemError(
            Problem(
                f"{alias} was set to v{version}, but reads back as {_v(after)}.",
                "Another hand moved it at the same moment.",
                "Agree on who changes this model, then plan again.",
                code="conflict",
            )
        )
    return f"{alias} reads back as v{version}", True


def move_part(ctx: ServiceContext, move: Move, *, back: bool = False) -> str:
    """``back``: to what it was before. What nobody has touched yet is left alone, and so is what pointed nowhere."""
    part = move.part
    registry = ctx.registry(part.registry)
    where = f"{part.alias} of {part.model}"
    if not back:
        return f"{part.model}: {point_alias(registry, part.model, part.alias, move.to, move.before)[0]}"
    now = registry.resolve_alias(part.model, part.alias)
    if now == move.before:
        return f"{where} is as it was"
    if move.before is None:
        raise ProblemError(
            Problem(
                f"{where} pointed nowhere before, and points at {_v(now)} now.",
                "The panel takes no alias away.",
                f"Remove {where} in the registry.",
                code="failed",
            )
        )
    return f"{part.model}: {point_alias(registry, part.model, part.alias, move.before, move.to)[0]}"


def wait_for_hand(
    ctx: ServiceContext, s: ServiceSettings, move: Move, go_on: Callable[[], None], tell: Callable[[str], None]
) -> str:
    """Until every endpoint says that it runs what belongs to the version. ``go_on`` is called often and may raise to leave;
    ``tell`` gets what the endpoints say, whenever that changes."""
    ends = ctx.clock.mono_s() + BY_HAND_S
    told = ""
    while True:
        go_on()
        said = _said(ctx, s)
        if set(said.values()) == {move.to}:
            return f"every endpoint says {move.to}"
        words = ", ".join(f"{name}: {server or 'no answer'}" for name, server in said.items())
        if words != told:
            tell(f"{_by_hand(move.command)} Now {words}; {move.to} is waited for.")
            told = words
        if ctx.clock.mono_s() > ends:
            raise ProblemError(
                Problem(
                    f"The {move.part.name} was not replaced within an hour: {words}.",
                    f"{move.to} belongs to the version that takes over.",
                    _by_hand(move.command),
                    code="failed",
                )
            )
        time.sleep(LOOK_S)


def _said(ctx: ServiceContext, s: ServiceSettings) -> dict[str, str]:
    """What each endpoint says it is; empty where it does not answer: who replaces a server stops it first."""
    said = {}
    for name in s.serving:
        try:
            said[name] = ctx.serving(name).probe().server
        except AdapterError:
            said[name] = ""
    return said


def replaced_by_hand(
    ctx: ServiceContext, service: str, move: Move, go_on: Callable[[], None], tell: Callable[[str], None]
) -> str:
    """As `wait_for_hand`. A server that is there is not yet one that answers: whoever has the traffic then is asked on it."""
    said = wait_for_hand(ctx, service_settings(ctx, service), move, go_on, tell)
    current = observe(ctx, service).current
    return said if current is None else f"{said}; {prove_answers(ctx, service, current)}"


def without_strangers(
    ctx: ServiceContext, service: str, moves: tuple[Move, ...], before: LiveState, target: str
) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """(endpoint, what is loaded, what of it may stay) where a binary comes that may not know all of it: the version that is left,
    and those that belong to another binary by the registry's word. On its disk must lie nothing that it cannot load."""
    s = service_settings(ctx, service)
    binaries = [move for move in moves if move.part.kind is PartKind.BINARY]
    strange = {before.current}
    for summary in ctx.registry(s.registry).versions(s.model):
        wanted = ((belonging(move.part, summary.tags), move.to) for move in binaries)
        if any(one is not None and one != to for one, to in wanted):
            strange.add(summary.version)
    found = []
    for connection, ready in observe(ctx, service).ready.items():
        kept = tuple(version for version in ready if version not in strange or version == target)
        if kept and kept != ready:
            found.append((connection, ready, kept))
    return tuple(found)


def require_as_before(ctx: ServiceContext, s: ServiceSettings, move: Move) -> str:
    """On the way back nobody is waited for: what a person has replaced, a person must put back."""
    now = observe_part(ctx, s, move.part)
    if now == move.before:
        return f"the {move.part.name} is {now}, as before"
    raise ProblemError(
        Problem(
            f"The {move.part.name} is {now or 'not known'}; before it was {move.before or 'not known'}.",
            "A person replaced it, and the panel cannot put it back.",
            _by_hand(move.part.command.replace("{to}", move.before or "the one before")),
            code="by-hand",
        )
    )


def _by_hand(command: str) -> str:
    return f"By hand: {command}." if command else "Replace it by hand."


def _v(version: str | None) -> str:
    return "no version" if version is None else version_name(version)

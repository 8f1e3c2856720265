"""When the way back fails: what is true of the traffic now, and the exact commands that put it right by hand."""

from __future__ import annotations

from shlex import quote

from mlcontrol.core.operation import Operation, OperationKind, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.rollout import moves_traffic
from mlcontrol.core.runbook import ByHand, through_the_guard
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.versions import version_name, version_names
from mlcontrol.ports.by_hand import LoadedByHand, NamedByHand, RoutedByHand
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import observe, service_settings
from mlcontrol.services.planning import rollback_targets


def truth(ctx: ServiceContext, service: str) -> str:
    """Where the traffic goes at this moment, in a sentence; what cannot be read is said to be unknown."""
    try:
        live = observe(ctx, service)
    except ProblemError as error:
        return f"Where the traffic goes cannot be read now: {error.problem.what}"
    where = "no version that is known" if live.current is None else version_name(live.current)
    share = ""
    if live.split.canary is not None and live.split.canary_percent > 0:
        share = f", {live.split.canary_percent:g} % of it to {version_name(live.split.canary)}"
    return f"Traffic goes to {where}{share}; loaded: {version_names(live.served)}."


def by_hand(ctx: ServiceContext, service: str, version: str) -> tuple[str, ...]:
    """Commands that return the traffic, then the registry's word, to ``version``; empty where no adapter knows any."""
    s = service_settings(ctx, service)
    return _router_commands(ctx, s, version) + _registry_commands(ctx, s, version)


def way_back_by_hand(ctx: ServiceContext, service: str, version: str) -> tuple[ByHand, ...]:
    """The same for who has nothing but a shell, in the order in which it is to be given: another engine first, then what to look
    at, then the servers themselves."""
    s = service_settings(ctx, service)
    found = [through_the_guard(service, version, ctx.settings.path)]
    for name in s.serving:
        if asks := _serving_commands(ctx, s, name, version):
            found.append(ByHand(f"Is it loaded on {name}? (200 = yes)", "\n".join(asks)))
    for where, title, commands in (
        (s.routing, "Move the traffic on", _router_commands(ctx, s, version)),
        (s.registry, "Tell", _registry_commands(ctx, s, version)),
    ):
        if commands:
            needs = " (needs socat)" if any("| socat " in line for line in commands) else ""
            found.append(ByHand(f"{title} {where}{needs}", "\n".join(commands)))
    return tuple(found)


def _serving_commands(ctx: ServiceContext, s: ServiceSettings, name: str, version: str) -> tuple[str, ...]:
    try:
        serving = ctx.serving(name)
    except ProblemError:
        return ()
    if not serving.capabilities.versioned or not isinstance(serving, LoadedByHand):
        return ()  # asked by version, another one would answer
    return serving.loaded_by_hand(s.serving_model, version)


def _router_commands(ctx: ServiceContext, s: ServiceSettings, version: str) -> tuple[str, ...]:
    try:
        routing = ctx.routing(s.routing) if s.routing else None
        return routing.by_hand(s.route, version) if isinstance(routing, RoutedByHand) else ()
    except ProblemError:
        return (f"# the router cannot be asked for its commands now; send {s.route} to {version_name(version)} there",)


def _registry_commands(ctx: ServiceContext, s: ServiceSettings, version: str) -> tuple[str, ...]:
    try:
        registry = ctx.registry(s.registry) if s.registry else None
        return registry.by_hand(s.model, s.alias, version) if isinstance(registry, NamedByHand) else ()
    except ProblemError:
        return (f"# the registry cannot be asked now; point {s.alias} of {s.model} to {version_name(version)} there",)


def rollback_failed(
    ctx: ServiceContext, service: str, to: str, old: str | None, cause: Problem | None
) -> tuple[str, Problem]:
    """The sentence and the problem of a rollback that left the traffic where it was, with the next safest way and the commands."""
    cause = cause or Problem("The rollback failed.")
    keeps = "what served before" if old is None else version_name(old)
    summary = f"The rollback to {version_name(to)} failed: {keeps} keeps its traffic. {truth(ctx, service)}"
    lines = [cause.next] if cause.next else []
    try:
        other = next((v for v in rollback_targets(ctx, service, old) if v != to), None)
    except ProblemError:
        other = None
    if other is not None:
        again = f"mlcontrol rollback {quote(service)} --to {quote(other)} --express --reason …"
        lines.append(f"Next safest is {version_name(other)}: {again}")
    wanted = other or to
    if commands := by_hand(ctx, service, wanted):
        lines += [f"By hand, to send the traffic to {version_name(wanted)}, in this order:", *commands]
    return summary, Problem(cause.what, cause.why, "\n".join(lines), cause.code)


def left_in_the_middle(ctx: ServiceContext, operation: Operation, problem: Problem) -> Problem:
    """The problem of an operation that cannot go on here, with the commands for who cannot wait until it is settled: of a rollback
    to where it was going, of anything else to where it came from. Nothing where no traffic can have moved and none was to."""
    back = operation.kind is OperationKind.ROLLBACK
    moved = any(moves_traffic(step.id) and step.state is not StepState.WAITING for step in operation.steps)
    wanted = operation.to_version if back else operation.from_version
    if wanted is None or not (back or moved):
        return problem
    commands = by_hand(ctx, operation.service, wanted)
    if not commands:
        return problem
    lead = f"To send the traffic to {version_name(wanted)} by hand meanwhile, in this order:"
    return Problem(problem.what, problem.why, "\n".join((problem.next, lead, *commands)).strip(), problem.code)


def with_way_out(ctx: ServiceContext, service: str, version: str | None, problem: Problem | None) -> Problem:
    """The problem of a failed return, its remedy being the commands; what a person must put back (code "by-hand") comes first."""
    cause = problem or Problem("The way back failed.")
    if version is None:
        return cause
    commands = by_hand(ctx, service, version)
    if not commands:
        return cause
    lead = "Do it by hand, in this order:"
    if cause.code == "by-hand":
        lead = f"{cause.next}\nShould the traffic or the registry not be as before, in this order:"
    then = f"{lead}\n{chr(10).join(commands)}"
    return Problem(cause.what, cause.why, then, cause.code)

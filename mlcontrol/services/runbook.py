"""When the way back fails: what is true of the traffic now, and the exact commands that put it right by hand."""

from __future__ import annotations

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.versions import version_name, version_names
from mlcontrol.ports.by_hand import NamedByHand, RoutedByHand
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import observe, service_settings


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
    commands: list[str] = []
    try:
        routing = ctx.routing(s.routing) if s.routing else None
        if isinstance(routing, RoutedByHand):
            commands += routing.by_hand(s.route, version)
    except ProblemError:
        commands.append(
            f"# the router cannot be asked for its commands now; send {s.route} to {version_name(version)} there"
        )
    try:
        registry = ctx.registry(s.registry) if s.registry else None
        if isinstance(registry, NamedByHand):
            commands += registry.by_hand(s.model, s.alias, version)
    except ProblemError:
        commands.append(
            f"# the registry cannot be asked now; point {s.alias} of {s.model} to {version_name(version)} there"
        )
    return tuple(commands)


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

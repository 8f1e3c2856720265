"""Whom a plan touches: requests, slices of callers, the wait for a load, and what no return undoes."""

from __future__ import annotations

from mlcontrol.core import rollout
from mlcontrol.core.plan import BlastRadius, PlanStep
from mlcontrol.core.strategy import Strategy
from mlcontrol.core.types import Health
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import LiveState, service_settings

PAST_S, DEADLINE_S = 900.0, 3.0
VALUES_SHOWN = 3


def blast_radius(
    ctx: ServiceContext,
    service: str,
    target: str,
    live: LiveState,
    steps: tuple[PlanStep, ...],
    strategy: Strategy,
    express: bool,
) -> BlastRadius:
    """``express``: nobody waits for the prediction log then."""
    state = ctx.state().services.get(service)
    known_traffic = state is not None and state.use.health is not Health.UNKNOWN
    load = next((step.expected_s for step in steps if step.id == rollout.LOAD), 0.0)
    irreversible = ["answers given meanwhile stay given"]
    if live.current is None:
        irreversible.append("the version before is not known, so there is nothing to return to")
    return BlastRadius(
        requests_per_s=state.traffic_per_s if state is not None and known_traffic else None,
        share=(strategy.steps[0] / 100.0 if strategy.steps else 1.0),
        slices=() if express else touched_slices(ctx, service),
        cold_load_s=None if live.loaded_everywhere(target) else load,
        irreversible=tuple(irreversible),
    )


def touched_slices(ctx: ServiceContext, service: str) -> tuple[str, ...]:
    """Who asked in the last quarter of an hour, by slice: "region: south 40 %, north 35 %, 2 more". Empty where no log tells it."""
    s, now = service_settings(ctx, service), ctx.clock.utc_s()
    if not s.predictions:
        return ()
    try:
        counts = ctx.predictions(s.predictions).slices(service, now - PAST_S, now, DEADLINE_S)
    except AdapterError:
        return ()
    found = []
    for name, values in sorted(counts.items()):
        total = sum(values.values())
        ranked = sorted(values.items(), key=lambda one: (-one[1], one[0]))
        shown = [f"{_short(value)} {100 * n / total:.0f} %" for value, n in ranked[:VALUES_SHOWN] if total]
        if len(ranked) > VALUES_SHOWN:
            shown.append(f"{len(ranked) - VALUES_SHOWN} more")
        if shown:
            found.append(f"{_short(name)}: {', '.join(shown)}")
    return tuple(found)


def _short(text: str) -> str:
    """A log is a stranger's word: short, and without what could not be seen."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= 30 else shown[:29] + "…"

"""Is it over, where nothing was rolled back? The same facts, from the moment at which somebody said so."""

from __future__ import annotations

from dataclasses import replace
from math import log

from mlcontrol.core.incidents.counts import Counts
from mlcontrol.core.incidents.data_tick import DataLook, data_tick
from mlcontrol.core.incidents.incident import Entry
from mlcontrol.core.incidents.recovery import ALPHA, PATIENCE_S, Golden, golden_tick, recovered
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.types import Freshness, Health, ServiceState, Signal

HELD_S = 10.0
"""So long must a signal have been well: one reading between two bad ones is no recovery."""

STRAGGLERS_S = 10.0
"""Requests that hung until somebody put an end to it fail or come late after that, and say nothing of what is served now."""

_NOT_OVER = "It is not over: look at the charts for what is still out of its limits, then at suspect 1."


def ticks_by_itself(
    said: Entry,
    service: ServiceState,
    counts: Counts,
    golden: Golden | None,
    before: float | None,
    objective: float | None,
    now_s: float,
    data: DataLook | None = None,
) -> tuple[Tick, ...]:
    """``said``: who said it is over, and why. ``before``: the share of answers that failed during the incident, if known. ``data``:
    `None` where it had not changed."""
    since_s = said.at_s
    found = [
        Tick("accepted", "Said to be over", TickState.GREEN, f"{said.actor}: {said.text}", 0.0),
        _answering(service, since_s),
        _as_intended(service, since_s),
        _within_limits(service, counts, before, objective, since_s, now_s),
        golden_tick(golden, since_s),
        *(() if data is None else (data_tick(data, since_s),)),
    ]
    late = now_s - since_s > PATIENCE_S
    shown = []
    for tick in found:
        red = late and tick.state is TickState.RUNNING
        state = TickState.RED if red else tick.state
        hint = (tick.next or _NOT_OVER) if state is TickState.RED else ""
        shown.append(Tick(tick.id, tick.title, state, tick.evidence, tick.seconds, hint))
    return tuple(shown)


def _answering(service: ServiceState, since_s: float) -> Tick:
    title = "It answers"
    seen = _newer(service.presence, since_s)
    if seen is None:
        return Tick("answering", title, TickState.RUNNING, "waiting for the next golden query")
    words = service.presence.detail or service.presence.text
    if service.presence.health is Health.OK:
        return Tick("answering", title, TickState.GREEN, words, seen - since_s)
    return Tick("answering", title, TickState.RUNNING, words)


def _as_intended(service: ServiceState, since_s: float) -> Tick:
    title = "The intended version is used"
    used, intended = service.used, service.intended
    if used.at is None or used.at.utc_s < since_s or used.freshness is not Freshness.FRESH:
        return Tick("split", title, TickState.RUNNING, "waiting for the counters")
    if used.single is None or intended.single is None:
        return Tick("split", title, TickState.RUNNING, "more than one version answers, or none can be told")
    words = f"v{used.single} is used, v{intended.single} is intended"
    if used.single == intended.single:
        return Tick("split", title, TickState.GREEN, words, used.at.utc_s - since_s)
    return Tick(
        "split", title, TickState.RUNNING, words, next="Roll back, or move the registry's alias to what serves."
    )


def _within_limits(
    service: ServiceState,
    counts: Counts,
    before: float | None,
    objective: float | None,
    since_s: float,
    now_s: float,
) -> Tick:
    """Errors by the sequential test where errors were what hurt; everything else by the signal of use, which knows latency."""
    title, use = "Errors and latency within limits", service.use_of_callers
    seen = _newer(use, since_s)
    after = counts.between(since_s, float("inf"))
    if seen is None or not len(after.at_s):
        return Tick("errors", title, TickState.RUNNING, "waiting for the first answers")
    # Counted twice, each time at half the level: from the word on, and without the stragglers of what was wrong before it.
    for begin_s, words_since in ((since_s, "since"), (since_s + STRAGGLERS_S, f"from {STRAGGLERS_S:.0f} s after")):
        # What failed meanwhile may be unknown, as of a frozen server: then no more may fail now than the objective allows, and it
        # is shown that it is not much. Twenty answers alone would call one in twenty that fail over in a third of the cases.
        found = recovered(counts, begin_s, before or 0.0, objective)
        found = replace(found, ln_needed=log(2 / ALPHA))
        words = f"{use.text}; {found.bad} of {found.good + found.bad} failed {words_since}, {found.must}"
        if found.decided:
            break
    if use.health is Health.OK and found.decided and now_s - since_s >= HELD_S:
        return Tick("errors", title, TickState.GREEN, words, max(seen, since_s + HELD_S) - since_s)
    hint = "Too few answers to tell yet: wait for more." if found.few and use.health is Health.OK else ""
    return Tick("errors", title, TickState.RUNNING, words, next=hint)


def _newer(signal: Signal, since_s: float) -> float | None:
    """When it was read, if that was after ``since_s`` and is fresh."""
    if signal.at is None or signal.at.utc_s < since_s or signal.freshness is not Freshness.FRESH:
        return None
    return signal.at.utc_s

"""Proof of who answers: golden queries through the callers' own road, and counters that move."""

from __future__ import annotations

import time

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

QUERIES = 5
ATTEMPT_S = 6.0


def prove_answers(ctx: ServiceContext, service: str, version: str) -> str:
    """Wait until ``version`` answers `QUERIES` golden queries in a row through the production road.

    Returns the evidence. Raises `ProblemError` ("unknown" when nothing could be asked, "failed" when another version answers).
    """
    golden = ctx.golden(service)
    if golden is None or not golden.items:
        raise ProblemError(
            Problem(
                "Nobody can tell which version answers.",
                "This service has no golden set, so there is no query to ask.",
                "Add a golden set to the service; one item is enough to see who answers.",
                code="unknown",
            )
        )
    model = service_settings(ctx, service).serving_model
    client = ctx.route_client(service)
    before = _success_count(ctx, service, version)
    deadline = time.monotonic() + ATTEMPT_S
    while True:
        others: list[str] = []
        error: AdapterError | None = None
        slowest = 0.0
        for item in golden.items[:QUERIES]:
            try:
                answer = client.infer(model, item.inputs)
            except AdapterError as failed:
                error = failed
                break
            slowest = max(slowest, answer.latency_ms)
            if answer.version != version:
                others.append(answer.version or "a version that does not name itself")
        asked = min(QUERIES, len(golden.items))
        if error is None and not others:
            counted = _counters_moved(ctx, service, version, before)
            return f"v{version} answered {asked} of {asked} golden queries, slowest {slowest:.0f} ms{counted}"
        if time.monotonic() > deadline:
            raise ProblemError(_not_proven(version, tuple(others), error))
        time.sleep(0.2)


def _not_proven(version: str, others: tuple[str, ...], error: AdapterError | None) -> Problem:
    if error is not None:
        return Problem(
            f"v{version} does not answer on the production road.", error.problem.what, error.problem.next, code="failed"
        )
    names = ", ".join(sorted({f"v{v}" if v.isdecimal() else v for v in others}))
    return Problem(
        f"The traffic was sent to v{version}, but {names} answers.",
        "The router and the server disagree about where requests go.",
        "Look at the router's configuration; the return has been started.",
        code="failed",
    )


def _success_count(ctx: ServiceContext, service: str, version: str) -> int | None:
    s = service_settings(ctx, service)
    total = 0
    try:
        for connection in s.serving:
            for row in ctx.serving(connection).statistics(s.serving_model):
                total += row.success if row.version == version else 0
    except AdapterError:
        return None  # a server without counters: the answers themselves are the proof
    return total


def _counters_moved(ctx: ServiceContext, service: str, version: str, before: int | None) -> str:
    after = _success_count(ctx, service, version)
    if before is None or after is None or after <= before:
        return ""
    return f"; its counter moved by {after - before}"

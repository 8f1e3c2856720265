"""What people say of a version while it is rolled out: evaluators' judgements, users' feedback."""

from __future__ import annotations

from mlcontrol.core.review.tally import Tally, hits
from mlcontrol.services.context import ServiceContext

Counts = dict[str, tuple[int, int]]
"""(answers told of, good ones) by version."""


def is_judged(ctx: ServiceContext, service: str) -> bool:
    """Whether evaluators are asked about this service at all."""
    return bool(ctx.store.reviews.campaigns.all(service))


def judged(ctx: ServiceContext, service: str, version: str) -> tuple[int, int]:
    """(good, bad) items of a version by the evaluators' verdicts; split and unsure ones count as neither."""
    tally = Tally(one for one in ctx.store.reviews.judgements(service) if one.version == version)
    good, n = hits(tally.cells(version))
    return good, n - good


def users_said(ctx: ServiceContext, service: str) -> Counts:
    """Feedback so far, all kinds together."""
    sums: Counts = {}
    for one in ctx.store.reviews.feedback.counts(service):
        n, good = sums.get(one.version, (0, 0))
        sums[one.version] = n + one.n, good + one.positive
    return sums

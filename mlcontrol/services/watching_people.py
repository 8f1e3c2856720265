"""What people say of a version while it is rolled out: evaluators' judgements, users' feedback."""

from __future__ import annotations

from mlcontrol.core.review.tally import Tally, hits
from mlcontrol.ports.review_store import START
from mlcontrol.services.context import ServiceContext

Counts = dict[str, tuple[int, int]]
"""(answers told of, good ones) by version."""


def is_judged(ctx: ServiceContext, service: str) -> bool:
    """Whether evaluators are asked about this service at all."""
    return bool(ctx.store.reviews.campaigns.all(service))


class Evaluators:
    """Counts the verdicts on one version; after the first time only what has changed since is read. *Thread:* one at a time."""

    def __init__(self, ctx: ServiceContext, service: str, version: str) -> None:
        self._ctx, self._service, self._version = ctx, service, version
        self._mark = START
        self._tally = Tally(one for one in ctx.store.reviews.earlier(service) if one.version == version)

    def count(self) -> tuple[int, int]:
        """(good, bad) items so far; split and unsure ones count as neither."""
        changed, self._mark = self._ctx.store.reviews.said.changes(self._service, self._mark)
        for one in changed:
            if one.version == self._version:
                self._tally.put(one)
        good, n = hits(self._tally.cells(self._version))
        return good, n - good


def users_said(ctx: ServiceContext, service: str) -> Counts:
    """Feedback so far, all kinds together."""
    sums: Counts = {}
    for one in ctx.store.reviews.feedback.counts(service):
        n, good = sums.get(one.version, (0, 0))
        sums[one.version] = n + one.n, good + one.positive
    return sums

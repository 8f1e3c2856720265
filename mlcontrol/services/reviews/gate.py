"""What evaluators say in the deploy gate: the evidence of the checker's rule Q4."""

from __future__ import annotations

from mlcontrol.core.compatibility.facts import QualityFacts
from mlcontrol.core.review.findings import gate_verdict
from mlcontrol.services.context import ServiceContext


def evaluators_on(ctx: ServiceContext, service: str, candidate: str, current: str) -> QualityFacts | None:
    """`None` where the service has no campaign at all: then nobody was asked, and the rule has no evidence either way."""
    campaigns = ctx.store.reviews.campaigns.all(service)
    if not campaigns:
        return None
    said = ctx.store.reviews.said
    verdict, _why = gate_verdict([(one, said.of_campaign(one.id)) for one in campaigns], candidate, current)
    return QualityFacts(evaluators=verdict.value)

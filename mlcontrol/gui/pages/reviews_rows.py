"""The rows an evaluator chooses from, and the scores by version."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.review.campaign import Campaign, overdue
from mlcontrol.core.review.judging import Score
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.core.state import FleetState
from mlcontrol.gui.viewmodels.phrases import count_text, version_text
from mlcontrol.gui.viewmodels.review_start import due_words
from mlcontrol.gui.widgets.row_list import Row


def choice_rows(state: FleetState, campaigns: Sequence[CampaignSummary], now_s: float) -> list[Row]:
    """What an evaluator may work on: campaigns first, those that are due soonest at the top, then a standing queue per service."""
    rows = []
    if campaigns:
        rows.append(Row("", "Campaigns", header=True, right="assigned to you, or open to all"))
    for one in sorted(campaigns, key=lambda s: s.campaign.due_s if s.campaign.due_s is not None else float("inf")):
        c = one.campaign
        left = max(0, one.wanted - one.given)
        rows.append(
            Row(
                f"campaign:{c.id}", c.title, "warning" if overdue(c, now_s) else "waiting",
                ((f"{c.rubric.question} {count_text(left, 'judgement')} left", "secondary"), *due_line(c, now_s)),
                right=c.service,
            )
        )  # fmt: skip
    rows.append(Row("", "Standing queues", header=True, right="any answer of a service, drawn at random"))
    for service in sorted(state.settings.services.values(), key=lambda s: (s.title or s.id).casefold()):
        live = state.services.get(service.id)
        words = live.evaluators.text if live is not None and live.evaluators.n else "not judged yet"
        note = f"{service.kind or 'service'} · evaluators: {words}"
        if not service.predictions:
            note = "no prediction log: nothing can be drawn. Name one on the page Connections."
        glyph = "waiting" if service.predictions else "unknown"
        title = service.title or service.id
        rows.append(Row(f"queue:{service.id}", title, glyph, ((note, "secondary"),), right=service.team))
    return rows


def due_line(campaign: Campaign, now_s: float) -> tuple[tuple[str, str], ...]:
    """When it is due, if it is; a day that has passed is said in the tone of a warning."""
    if campaign.due_s is None:
        return ()
    late = overdue(campaign, now_s)
    return ((f"due {due_words(campaign.due_s, now_s, late=late)}", "warning" if late else "quiet"),)


def score_rows(scores: Sequence[Score]) -> list[Row]:
    rows = [
        Row(
            score.version,
            version_text(score.version),
            "waiting",
            (
                (f"{score.estimate:.3f}, 95 % between {score.low:.3f} and {score.high:.3f}", "primary")
                if score.estimate is not None
                else ("? nothing judged yet", "unknown"),
                (f"{score.right} right of {score.n} judged", "quiet"),
            ),
        )
        for score in scores
    ]
    return rows or [Row("none", "? No score yet", "unknown", (("nothing was judged right or wrong", "secondary"),))]

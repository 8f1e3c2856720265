"""The bench's side of human review: the next item, blind; judgements durable before the answer; undo; drafts; golden items."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlcontrol.core.golden import Expected, GoldenItem, Tolerance, ToleranceKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.alike import shown_alike
from mlcontrol.core.review.campaign import Campaign, Sampling, Standing, verdict_of
from mlcontrol.core.review.feedback import FeedbackCount
from mlcontrol.core.review.findings import enough_now
from mlcontrol.core.review.judging import Beside, ItemKind, Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.core.review.rubric import Scale, canonical
from mlcontrol.core.review.sitting import CampaignSummary, Explained, Sitting
from mlcontrol.core.review.version_scores import counted_scores
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.ports.review_store import Reviews
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.reviews.candidates import Outside, items_of
from mlcontrol.services.reviews.counting import Counting
from mlcontrol.services.reviews.kit import ReviewKit
from mlcontrol.services.reviews.picking import LEASE_S, pick

DRAWN = 50
SPAN_H = 6.0
ENOUGH_EVERY = 10
_LABELS = {JudgementVerdict.RIGHT: "right", JudgementVerdict.WRONG: "wrong", JudgementVerdict.UNSURE: "unsure"}


class ReviewDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext, outside: Outside | None = None, kit: ReviewKit | None = None) -> None:
        self._ctx = ctx
        self._outside = outside or Outside()
        self.kit = kit
        self._drawing = threading.Lock()
        self._counting, self._counting_lock = Counting(ctx.clock), threading.Lock()
        self._golden_lock = threading.Lock()

    @property
    def _reviews(self) -> Reviews:
        """Where this engine's judgements are kept first."""
        return self.kit.local if self.kit is not None else self._ctx.store.reviews

    # --- the next item ---

    def next_item(
        self, service: str, rater: str, not_items: Collection[str], campaign_id: str = ""
    ) -> tuple[ReviewItem | None, str]:
        """The next item, blind and held for this rater; or `None` and why there is none."""
        campaign = self.campaign(campaign_id, service)
        if campaign.standing is not Standing.OPEN:
            return None, f"The campaign is {campaign.standing.value}; nothing more is asked."
        if campaign.raters and rater not in campaign.raters:
            return None, f"This campaign is assigned to {', '.join(campaign.raters)}."
        item, why = self._take(campaign, rater, not_items), ""
        if item is None and campaign.quick:
            with self._drawing:
                item = self._take(campaign, rater, not_items)
                if item is None:
                    why = self._refill(campaign)
                    item = self._take(campaign, rater, not_items)
        if item is None:
            return None, why or self._why_empty(campaign)
        judged = self._reviews.said.count(campaign.id, rater)
        return self._shown(item, campaign, judged + 1 + len(not_items)), ""

    def _take(self, campaign: Campaign, rater: str, not_items: Collection[str]) -> ReviewItem | None:
        if self.kit is not None and not campaign.quick:
            return self.kit.next_item(campaign.id, rater, not_items)
        return pick(self._reviews, campaign, rater, self._ctx.clock.utc_s(), not_items)

    def _why_empty(self, campaign: Campaign) -> str:
        if self.kit is not None and self.kit.offline:
            return f"Everything that was taken along is judged, and the team's store is not reached: {self.kit.offline}"
        if campaign.quick:
            return "Every prediction that was drawn has been judged; more come with the traffic."
        return "Every item is judged or on somebody's bench."

    def _shown(self, item: ReviewItem, campaign: Campaign, position: int) -> ReviewItem:
        total = self._reviews.campaigns.progress(campaign.id)[0]
        settings = self._ctx.settings.services.get(item.service)
        shown = shown_alike(item, campaign, settings.prediction if settings is not None else "")
        return replace(shown, position=position, total=max(total, position))

    def campaign(self, campaign_id: str, service: str = "") -> Campaign:
        """By id, or the standing queue of a service. Raises `ProblemError`."""
        if campaign_id:
            found = self._reviews.campaigns.get(campaign_id)
            if found is None and self.kit is not None:
                self.kit.pull_campaigns()
                found = self._reviews.campaigns.get(campaign_id)
            if found is None:
                raise no_such_campaign(campaign_id)
            return found
        settings = self._service(service)
        quick = f"quick-{settings.id}"
        found = self._reviews.campaigns.get(quick)
        if found is None:
            title = f"{settings.title or settings.id}: any answer"
            found = Campaign(
                quick, settings.id, title, sampling=Sampling(n=DRAWN), quick=True, created_by="mlcontrol",
                created_s=self._ctx.clock.utc_s(),
            )  # fmt: skip
            self._reviews.campaigns.put(found)
        return found

    def _refill(self, campaign: Campaign) -> str:
        """Put a fresh random sample into a standing queue; why there is nothing to draw, or empty."""
        settings = self._service(campaign.service)
        if not settings.predictions:
            return "This service has no prediction log, so there is nothing to review."
        # A seed per half minute: who asks again right away draws the same, who asks later draws others.
        now_s = self._ctx.clock.utc_s()
        seed = int.from_bytes(hashlib.sha256(f"{settings.id}:{now_s // 30}".encode()).digest()[:4], "big") >> 1
        drawing = replace(
            campaign,
            sampling=replace(campaign.sampling, seed=seed, pool=10 * DRAWN),
            source=replace(campaign.source, hours=SPAN_H),
        )
        picked = items_of(self._ctx, self._outside, drawing, settings, _silent)
        if not picked.items:
            return picked.notes or "The prediction log of the last six hours is empty."
        self._reviews.campaigns.add_items(campaign, picked.items)
        return ""

    # --- judging ---

    def judge(
        self,
        item_id: str,
        service: str,
        rater: str,
        verdict: JudgementVerdict = JudgementVerdict.UNSURE,
        correct: str = "",
        comment: str = "",
        flagged: bool = False,
        *,
        label: str = "",
        judgement_id: str = "",
        tags: tuple[str, ...] = (),
        scales: dict[str, float] | None = None,
        spent_s: float = 0.0,
    ) -> Judgement:
        """Durable when this returns. ``label`` as shown: sides are turned back here."""
        item = self._reviews.campaigns.item(item_id)
        if item is None or (service and item.service != service):
            raise ProblemError(
                Problem("This item is not in the queue any more.", next="Take the next one.", code="not-found")
            )
        campaign = self.campaign(item.campaign)
        if verdict is JudgementVerdict.SKIPPED:
            label = "skip"
        shown = label or _LABELS[verdict]
        turned = canonical(shown, swapped=item.swapped)
        try:
            meant = verdict_of(campaign, turned)
        except ValueError as error:
            labels = ", ".join(one.id for one in campaign.rubric.labels)
            raise ProblemError(
                Problem(f"{shown!r} is no label of this campaign.", f"Its labels are {labels}.", "", "usage")
            ) from error
        known = {one.name: one for one in campaign.rubric.scales}
        for name, value in (scales or {}).items():
            if name not in known or not known[name].low <= value <= known[name].high:
                raise ProblemError(
                    Problem(
                        f"{name} = {value:g} is no value of this campaign's scales.", code="usage", next=_scales(known)
                    )
                )
        judgement = Judgement(
            id=judgement_id or uuid.uuid4().hex,
            item=item_id,
            service=item.service,
            version=item.version,
            rater=rater,
            verdict=meant,
            at_s=self._ctx.clock.utc_s(),
            correct=correct[:2000],
            comment=comment[:4000],
            flagged=flagged,
            campaign=campaign.id,
            label=turned,
            tags=tuple(tag[:80] for tag in tags[:20]),
            scales=dict(scales or {}),
            spent_s=max(0.0, min(3600.0, spent_s)),
            kind=item.kind,
            version_b=item.version_b,
            stratum=item.stratum,
            probability=item.probability,
            slices=item.slices,
            origin=item.origin,
            confidence=item.confidence,
            expected=item.expected if item.kind in (ItemKind.GOLD, ItemKind.CALIBRATION) else "",
        )
        stored = self._reviews.said.judge(judgement, sent=self.kit is None or campaign.quick)
        if self.kit is not None:
            self.kit.wake()
        if flagged:
            self.tell(
                f"review-{stored.id}", "An evaluator flagged a prediction", stored.service,
                stored.comment or f"Judged {turned}.", rater,
            )  # fmt: skip
        return stored

    def explained(self, judgement: Judgement) -> Explained | None:
        """Of a calibration item: what is known of it."""
        if judgement.kind is not ItemKind.CALIBRATION:
            return None
        item = self._reviews.campaigns.item(judgement.item)
        if item is None:
            return None
        expected = item.expected.strip('"')
        return Explained(expected in (judgement.label, judgement.verdict.value), expected, item.explanation)

    def enough(self, judgement: Judgement) -> str:
        """Why the campaign may stop now, looked at every few judgements; empty when it may not."""
        campaign = self.campaign(judgement.campaign)
        if campaign.quick or self._reviews.said.count(campaign.id, judgement.rater) % ENOUGH_EVERY:
            return ""
        with self._counting_lock:
            known = self._counting.of(self._reviews, campaign.service, campaign.id)
            return enough_now(campaign, known.tally, known.wins, self._reviews.campaigns.strata(campaign.id))

    def undo(self, service: str, rater: str, campaign_id: str = "") -> tuple[ReviewItem, Beside] | None:
        """Withdraw the rater's newest judgement; its item, blind again, with its comment as the draft, and what else was given."""
        campaign = self.campaign(campaign_id, service)
        found = self._reviews.said.withdraw_last(
            campaign.id, rater, self._ctx.clock.utc_s(), LEASE_S, sent=self.kit is None or campaign.quick
        )
        if found is None:
            return None
        if self.kit is not None:
            self.kit.wake()
        judgement, item = found
        beside = Beside(judgement.scales, judgement.tags, judgement.correct, judgement.flagged)
        return self._shown(item, campaign, self._reviews.said.count(campaign.id, rater) + 1), beside

    def keep(self, rater: str, items: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        if self.kit is not None:
            self.kit.show(rater, items)
            return self.kit.gone(items)
        return self._reviews.claims.keep(rater, items, self._ctx.clock.utc_s(), LEASE_S)

    def release(self, rater: str, items: tuple[str, ...]) -> None:
        if self.kit is not None:
            self.kit.show(rater, ())
        else:
            self._reviews.claims.release(rater, items)

    def save_draft(self, item: str, rater: str, text: str) -> None:
        self._reviews.claims.save_draft(item, rater, text, self._ctx.clock.utc_s())

    def sitting(self, rater: str, campaign_id: str, service: str) -> Sitting:
        campaign = self.campaign(campaign_id, service)
        recent = sorted(one.spent_s for one in self._reviews.said.of_rater(campaign.id, rater, 50) if one.spent_s > 0)
        judged = self._reviews.said.count(campaign.id, rater)
        return Sitting(
            self.summary(campaign, self._reviews),
            judged,
            max(0, campaign.calibration - judged),
            recent[len(recent) // 2] if recent else None,
            self.kit.offline if self.kit is not None else "",
        )

    @staticmethod
    def summary(campaign: Campaign, reviews: Reviews) -> CampaignSummary:
        items, given, held = reviews.campaigns.progress(campaign.id)
        return CampaignSummary(campaign, items, items * campaign.overlap, given, held)

    def scores(self, service: str) -> tuple[Score, ...]:
        """One a version, with its interval: the service page, the generations and `mlcontrol review score` show these."""
        with self._counting_lock:
            by_version = counted_scores(self._counting.of(self._ctx.store.reviews, service).tally)
        return tuple(by_version[version] for version in sorted(by_version))

    def feedback(self, service: str) -> tuple[FeedbackCount, ...]:
        return self._ctx.store.reviews.feedback.counts(service)

    # --- golden items ---

    def make_golden(self, item_id: str, rater: str, correct: str, *, critical: bool = False) -> str:
        """Put an item into its service's golden set; what was put, in words. The same item twice replaces itself."""
        item = self._reviews.campaigns.item(item_id)
        if item is None:
            raise ProblemError(Problem("There is no such item.", code="not-found"))
        settings = self._service(item.service)
        made = replace(_golden_item(item, settings, correct), critical=critical, added_s=self._ctx.clock.utc_s())
        with self._golden_lock:  # from reading to writing: two evaluators must not take each other's item away
            golden = self._ctx.golden(item.service)
            if golden is None or self._outside.write_golden is None:
                raise ProblemError(
                    Problem(
                        "This service has no golden set to put it into.",
                        "",
                        "Name a golden file in the service's settings.",
                        code="not-configured",
                    )
                )
            others = tuple(one for one in golden.items if one.id != made.id)
            self._outside.write_golden(
                Path(self._ctx.settings.path).parent / settings.golden,
                replace(golden, items=(*others, made)),
            )
        self.tell(
            f"golden-{made.id}", "A golden item was made from a reviewed prediction", item.service,
            f"Expected {made.expected.output} = {json.dumps(made.expected.value)[:80]}.", rater,
        )  # fmt: skip
        return f"{made.expected.output} = {json.dumps(made.expected.value)[:80]} is expected from now on."

    def tell(self, event_id: str, title: str, service: str, detail: str, actor: str) -> None:
        self._ctx.emit(
            TimelineEvent(
                id=event_id, at_s=self._ctx.clock.utc_s(), kind=EventKind.REVIEW, title=title, service=service,
                detail=detail, actor=actor,
            )
        )  # fmt: skip

    def _service(self, service: str) -> ServiceSettings:
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            raise ProblemError(Problem(f"There is no service {service!r} in this workspace.", code="not-found"))
        return settings


def no_such_campaign(campaign_id: str) -> ProblemError:
    return ProblemError(
        Problem(f"There is no campaign {campaign_id!r}.", "", "`mlcontrol review campaigns` lists them.", "not-found")
    )


def _scales(known: Mapping[str, Scale]) -> str:
    return " ".join(f"{one.name} goes from {one.low} to {one.high}." for one in known.values()) or "It has none."


def _golden_item(item: ReviewItem, settings: ServiceSettings, correct: str) -> GoldenItem:
    try:
        inputs, outputs = json.loads(item.inputs), json.loads(item.outputs)
    except ValueError as error:
        raise ProblemError(
            Problem("The log line of this item cannot be read.", str(error), code="unreadable")
        ) from error
    if not isinstance(inputs, dict) or not isinstance(outputs, dict) or not outputs:
        raise ProblemError(Problem("Only an item with named inputs and outputs can be golden.", code="unreadable"))
    name = settings.prediction if settings.prediction in outputs else next(iter(outputs))
    answered = outputs[name]
    value = _like(answered, correct) if correct else answered
    numeric = _is_decimal(value)
    tolerance = Tolerance(ToleranceKind.NUMERIC, rel=0.05) if numeric else Tolerance()
    return GoldenItem(f"review-{item.origin or item.id}", inputs, Expected(name, value, tolerance), item.slices)


def _is_decimal(value: Any) -> bool:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return isinstance(value, float)


def _like(answered: Any, correct: str) -> Any:
    """What a person typed, in the type and nesting of the answer it replaces."""
    if isinstance(answered, list) and len(answered) == 1:
        return [_like(answered[0], correct)]
    try:
        if isinstance(answered, bool):
            return correct.strip().lower() in ("true", "yes", "1")
        if isinstance(answered, int | float):
            return type(answered)(float(correct))
    except (ValueError, OverflowError) as error:
        raise ProblemError(
            Problem(f"{correct!r} is no number, as this answer must be.", "", "Type the right number.", "usage")
        ) from error
    return correct


def _silent(_text: str, _fraction: float | None) -> None:
    """Nobody waits for the progress of a standing queue."""

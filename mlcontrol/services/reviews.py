"""Review queues: predictions drawn from the log, shown blind, judgements durable before the answer."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Collection
from dataclasses import replace

from mlcontrol.core import review
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review import Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.context import ServiceContext

QUEUE_AHEAD = 20
DRAWN = 50
SPAN_S = 6 * 3600.0


class ReviewDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._drawing = threading.Lock()

    def next_item(self, service: str, rater: str, not_items: Collection[str]) -> tuple[ReviewItem | None, str]:
        """The next item without the version that answered; or `None` and why there is none."""
        settings = self._service(service)
        waiting = self._waiting(service, rater, not_items)
        why = ""
        if not waiting:
            with self._drawing:
                waiting = self._waiting(service, rater, not_items)
                if not waiting:
                    why = self._draw(settings)
                    waiting = self._waiting(service, rater, not_items)
        if not waiting:
            return None, why or "Every prediction that was drawn has been judged; more come with the traffic."
        judged = len(self._ctx.store.reviews.judged_items(service, rater))
        item = waiting[0]
        return replace(item, version="", position=judged + 1, total=judged + len(waiting)), ""

    def _waiting(self, service: str, rater: str, not_items: Collection[str]) -> list[ReviewItem]:
        queue = self._ctx.store.reviews.queue(service, rater, QUEUE_AHEAD + len(not_items))
        return [item for item in queue if item.id not in not_items]

    def _draw(self, settings: ServiceSettings) -> str:
        """Put a fresh random sample into the queue; why there is nothing to draw, or empty."""
        if not settings.predictions:
            return "This service has no prediction log, so there is nothing to review."
        now_s = self._ctx.clock.utc_s()
        # A seed per half minute: who asks again right away draws the same, who asks later draws others.
        seed = int.from_bytes(hashlib.sha256(f"{settings.id}:{now_s // 30}".encode()).digest()[:4], "big") >> 1
        drawn = self._ctx.predictions(settings.predictions).sample(settings.id, DRAWN, seed, now_s - SPAN_S, now_s)
        if not drawn:
            return "The prediction log of the last six hours is empty."
        self._ctx.store.reviews.put_items(_item(settings.id, prediction) for prediction in drawn)
        return ""

    def judge(
        self,
        item_id: str,
        service: str,
        rater: str,
        verdict: JudgementVerdict,
        correct: str,
        comment: str,
        flagged: bool,
    ) -> tuple[Judgement, tuple[Score, ...]]:
        """Durable when this returns."""
        reviews = self._ctx.store.reviews
        item = reviews.item(item_id)
        if item is None or item.service != service:
            raise ProblemError(
                Problem("This item is not in the queue any more.", next="Take the next one.", code="not-found")
            )
        judgement = Judgement(
            id=uuid.uuid4().hex,
            item=item_id,
            service=service,
            version=item.version,
            rater=rater,
            verdict=verdict,
            at_s=self._ctx.clock.utc_s(),
            correct=correct[:2000],
            comment=comment[:4000],
            flagged=flagged,
        )
        reviews.judge(judgement)
        if flagged:
            self._ctx.emit(
                TimelineEvent(
                    id=f"review-{judgement.id}",
                    at_s=judgement.at_s,
                    kind=EventKind.REVIEW,
                    title="An evaluator flagged a prediction",
                    service=service,
                    detail=judgement.comment or f"Judged {verdict.value}.",
                    actor=rater,
                )
            )
        return judgement, self.scores(service)

    def undo(self, service: str, rater: str) -> ReviewItem | None:
        """Withdraw the rater's newest judgement; its item, blind again."""
        self._service(service)
        withdrawn = self._ctx.store.reviews.withdraw_last(service, rater)
        if withdrawn is None:
            return None
        item = self._ctx.store.reviews.item(withdrawn.item)
        return None if item is None else replace(item, version="")

    def scores(self, service: str) -> tuple[Score, ...]:
        by_version = review.scores(self._ctx.store.reviews.judgements(service))
        return tuple(by_version[version] for version in sorted(by_version))

    def _service(self, service: str) -> ServiceSettings:
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            raise ProblemError(Problem(f"There is no service {service!r} in this workspace.", code="not-found"))
        return settings


def _item(service: str, prediction: LoggedPrediction) -> ReviewItem:
    name = hashlib.sha256(f"{service}\0{prediction.request_id}".encode()).hexdigest()[:24]
    return ReviewItem(
        id=name,
        service=service,
        request_id=prediction.request_id,
        at_s=prediction.at_s,
        inputs=prediction.inputs,
        outputs=prediction.outputs,
        slices=prediction.slices,
        version=prediction.version,
    )

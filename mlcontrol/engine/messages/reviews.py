"""The review bench."""

from __future__ import annotations

from mlcontrol.core.review import Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.engine.messages.shape import Request


class NextReviewItem(Request, frozen=True, kw_only=True):
    """The next item of a service's queue for this rater, drawn from the prediction log. Answer: `ReviewItemAnswer`."""

    service: str
    rater: str
    not_items: tuple[str, ...] = ()


class Judge(Request, frozen=True, kw_only=True):
    """Answer: `JudgementStored`, when it is durable."""

    item: str
    service: str
    rater: str
    verdict: JudgementVerdict
    correct: str = ""
    comment: str = ""
    flagged: bool = False


class UndoJudgement(Request, frozen=True, kw_only=True):
    """Withdraw the rater's newest judgement that stands. Answer: `ReviewItemAnswer` with that item, or `None` inside."""

    service: str
    rater: str


class QueryScores(Request, frozen=True, kw_only=True):
    """Answer: `ScoresAnswer`."""

    service: str


class ReviewItemAnswer(Request, frozen=True, kw_only=True):
    """``item`` `None`: nothing to judge; ``why`` says so."""

    item: ReviewItem | None
    why: str = ""


class JudgementStored(Request, frozen=True, kw_only=True):
    judgement: Judgement
    scores: tuple[Score, ...]


class ScoresAnswer(Request, frozen=True, kw_only=True):
    service: str
    scores: tuple[Score, ...]


Command = NextReviewItem | Judge | UndoJudgement | QueryScores
Event = ReviewItemAnswer | JudgementStored | ScoresAnswer

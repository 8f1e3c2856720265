"""The review bench and the lead's page."""

from __future__ import annotations

import msgspec

from mlcontrol.core.review.campaign import Campaign, Standing
from mlcontrol.core.review.feedback import FeedbackCount
from mlcontrol.core.review.findings import Findings
from mlcontrol.core.review.judging import Beside, Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.core.review.sitting import CampaignSummary, Explained, Sitting
from mlcontrol.engine.messages.shape import Request


class NextReviewItem(Request, frozen=True, kw_only=True):
    """The next item for this rater, blind and held for a while. ``campaign`` empty: the standing queue of ``service``,
    drawn from its prediction log. ``not_items``: held already and shown or about to be. Answer: `ReviewItemAnswer`."""

    service: str
    rater: str
    not_items: tuple[str, ...] = ()
    campaign: str = ""


class Judge(Request, frozen=True, kw_only=True):
    """Answer: `JudgementStored`, when it is durable. ``id``: chosen by the bench; the same id twice is one judgement.
    ``label``: of the rubric, as shown; empty for ``verdict`` alone."""

    item: str
    service: str
    rater: str
    verdict: JudgementVerdict = JudgementVerdict.UNSURE
    correct: str = ""
    comment: str = ""
    flagged: bool = False
    campaign: str = ""
    label: str = ""
    id: str = ""
    tags: tuple[str, ...] = ()
    scales: dict[str, float] = msgspec.field(default_factory=dict)
    spent_s: float = 0.0


class UndoJudgement(Request, frozen=True, kw_only=True):
    """Withdraw the rater's newest judgement that stands. Answer: `ReviewItemAnswer` with that item, or `None` inside."""

    service: str
    rater: str
    campaign: str = ""


class KeepReviewItems(Request, frozen=True, kw_only=True):
    """Renew the leases of what the bench shows and has ready. Answer: `ReviewItemsKept`."""

    rater: str
    items: tuple[str, ...]


class ReleaseReviewItems(Request, frozen=True, kw_only=True):
    """Give back what is held and not judged. Answer: `Done`."""

    rater: str
    items: tuple[str, ...]


class SaveReviewDraft(Request, frozen=True, kw_only=True):
    """A comment that is being typed. Answer: `Done`, when it is durable."""

    item: str
    rater: str
    text: str


class MakeGoldenItem(Request, frozen=True, kw_only=True):
    """Put the item into its service's golden set, with the answer given or, when ``correct`` is empty, the one the model gave.
    Answer: `Done`."""

    item: str
    rater: str
    correct: str = ""
    critical: bool = False


class QuerySitting(Request, frozen=True, kw_only=True):
    """What a sitting begins with. Answer: `SittingAnswer`."""

    rater: str
    campaign: str = ""
    service: str = ""


class QueryScores(Request, frozen=True, kw_only=True):
    """Answer: `ScoresAnswer`."""

    service: str


class QueryCampaigns(Request, frozen=True, kw_only=True):
    """``service`` empty: all. ``rater``: only those this rater may work on. Answer: `CampaignsAnswer`."""

    service: str = ""
    rater: str = ""


class StartCampaign(Request, frozen=True, kw_only=True):
    """Draw its items and open it. ``campaign.id`` empty: one is made. Slow; tells progress.
    Answer: `CampaignsAnswer` with it alone."""

    campaign: Campaign
    actor: str


class ImportReviews(Request, frozen=True, kw_only=True):
    """Every row of a file as a campaign of its own. Answer: `CampaignsAnswer` with it alone."""

    path: str
    service: str
    actor: str
    title: str = ""
    campaign: str = ""


class SetCampaignStanding(Request, frozen=True, kw_only=True):
    """Answer: `CampaignsAnswer` with it alone."""

    campaign: str
    standing: Standing
    actor: str


class QueryFindings(Request, frozen=True, kw_only=True):
    """Answer: `FindingsAnswer`."""

    campaign: str


class QueryReviewItem(Request, frozen=True, kw_only=True):
    """An item with what was said of it; blind until its campaign is unblinded. Answer: `ReviewItemAnswer`."""

    item: str


class Adjudicate(Request, frozen=True, kw_only=True):
    """The lead's word on an item on which raters differ. Answer: `JudgementStored`."""

    item: str
    label: str
    actor: str
    correct: str = ""
    comment: str = ""


class WithdrawReviewItem(Request, frozen=True, kw_only=True):
    """Take an item out of its queue; whoever has it open is told. Answer: `Done`."""

    item: str
    reason: str
    actor: str


class ExportReviews(Request, frozen=True, kw_only=True):
    """Write judged examples of a campaign, or of all of a service, to ``path``: .jsonl, .csv or .parquet. Answer: `Done`."""

    path: str
    campaign: str = ""
    service: str = ""
    everything: bool = False


class ImportFeedback(Request, frozen=True, kw_only=True):
    """In-product feedback from a file with ``request_id``, ``kind`` and ``value``. Answer: `Done`."""

    service: str
    path: str


class WriteBackAssessments(Request, frozen=True, kw_only=True):
    """Write a campaign's judgements to its MLflow traces; writing again is harmless. Answer: `Done`."""

    campaign: str


class ReviewItemAnswer(Request, frozen=True, kw_only=True):
    """``item`` `None`: nothing to judge; ``why`` says so. ``beside``: of an item whose judgement was taken back."""

    item: ReviewItem | None
    why: str = ""
    beside: Beside | None = None


class JudgementStored(Request, frozen=True, kw_only=True):
    """``explained``: of a calibration item, what is known of it. ``enough``: the campaign may stop now, and why."""

    judgement: Judgement
    scores: tuple[Score, ...]
    explained: Explained | None = None
    enough: str = ""


class ReviewItemsKept(Request, frozen=True, kw_only=True):
    """``gone``: (item, why) of those that are not this rater's any more. ``unsent``: judgements kept here that the team's store
    does not have yet; ``offline``: why, empty when it is reached or there is none."""

    gone: tuple[tuple[str, str], ...] = ()
    unsent: int = 0
    offline: str = ""
    told: tuple[str, ...] = ()


class SittingAnswer(Request, frozen=True, kw_only=True):
    sitting: Sitting


class ScoresAnswer(Request, frozen=True, kw_only=True):
    service: str
    scores: tuple[Score, ...]
    feedback: tuple[FeedbackCount, ...] = ()


class CampaignsAnswer(Request, frozen=True, kw_only=True):
    campaigns: tuple[CampaignSummary, ...]


class FindingsAnswer(Request, frozen=True, kw_only=True):
    """``blind``: versions are still names without a number."""

    campaign: CampaignSummary
    findings: Findings
    blind: bool


Command = (
    NextReviewItem
    | Judge
    | UndoJudgement
    | KeepReviewItems
    | ReleaseReviewItems
    | SaveReviewDraft
    | MakeGoldenItem
    | QuerySitting
    | QueryScores
    | QueryCampaigns
    | StartCampaign
    | ImportReviews
    | SetCampaignStanding
    | QueryFindings
    | QueryReviewItem
    | Adjudicate
    | WithdrawReviewItem
    | ExportReviews
    | ImportFeedback
    | WriteBackAssessments
)
Event = (
    ReviewItemAnswer
    | JudgementStored
    | ReviewItemsKept
    | SittingAnswer
    | ScoresAnswer
    | CampaignsAnswer
    | FindingsAnswer
)

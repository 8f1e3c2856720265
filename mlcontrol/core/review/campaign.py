"""Review campaigns as data: what is drawn, what is asked of it, by whom, and when it is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mlcontrol.core.review.judging import JudgementVerdict
from mlcontrol.core.review.rubric import EXPECTED, GOLDEN, PAIRWISE, RATE, SCALE_KEYS, SKIP, Rubric
from mlcontrol.core.review.rubric_words import due_of, rubric_of
from mlcontrol.core.settings import CampaignSettings


class Mode(StrEnum):
    RATE = "rate"
    PAIRWISE = "pairwise"
    EXPECTED = "expected"
    GOLDEN = "golden"


class SourceKind(StrEnum):
    LOG = "log"
    TRACES = "traces"
    FILE = "file"


class Policy(StrEnum):
    RANDOM = "random"
    STRATIFIED = "stratified"
    UNCERTAIN = "uncertain"
    DISAGREE = "disagree"
    DRIFTING = "drifting"
    INCIDENT = "incident"
    RARE = "rare"


class Allocation(StrEnum):
    PROPORTIONAL = "proportional"
    NEYMAN = "neyman"
    EQUAL = "equal"
    HALF = "half"  # half proportional, half equal


class Standing(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    UNBLINDED = "unblinded"


@dataclass(frozen=True, slots=True)
class Source:
    """``connection``: of the prediction log, or of the MLflow server with the traces (``experiment``). ``path``: of a file."""

    kind: SourceKind = SourceKind.LOG
    connection: str = ""
    path: str = ""
    experiment: str = ""
    since_s: float | None = None
    until_s: float | None = None
    hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a mixture. ``around_s``/``within_s``: the incident's time and reach, both UTC seconds."""

    policy: Policy
    share: float = 1.0
    around_s: float | None = None
    within_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """``n`` items. ``by``: slice names that make the strata. ``pool``: how many logged predictions are looked at."""

    n: int = 200
    seed: int = 1
    mixture: tuple[Share, ...] = (Share(Policy.RANDOM),)
    by: tuple[str, ...] = ()
    allocation: Allocation = Allocation.HALF
    pool: int = 20_000


@dataclass(frozen=True, slots=True)
class Stop:
    """``alpha``: bound of a wrong decision at any look. ``p0``: share of right answers (or wins) to decide against.
    ``half_width``: target precision of each slice, e.g. 0.03; `None` = none asked for."""

    alpha: float = 0.05
    p0: float = 0.5
    half_width: float | None = None
    early: bool = True


@dataclass(frozen=True, slots=True)
class Campaign:
    """``overlap``: judgements per item. ``gold_share``/``repeat_share``: of hidden items among the work. ``raters`` empty: anyone.
    ``versions``: the two that are compared, or those of interest. ``cost_per_hour``: of a rater, in ``currency``; 0 = not said."""

    id: str
    service: str
    title: str
    mode: Mode = Mode.RATE
    rubric: Rubric = RATE
    source: Source = field(default_factory=Source)
    sampling: Sampling = field(default_factory=Sampling)
    versions: tuple[str, ...] = ()
    overlap: int = 1
    gold_share: float = 0.0
    repeat_share: float = 0.0
    calibration: int = 0
    raters: tuple[str, ...] = ()
    due_s: float | None = None
    stop: Stop = field(default_factory=Stop)
    standing: Standing = Standing.OPEN
    created_s: float = 0.0
    created_by: str = ""
    cost_per_hour: float = 0.0
    currency: str = ""
    quick: bool = False  # the standing queue of a service: filled anew whenever it runs dry


RUBRICS: Mapping[Mode, Rubric] = {
    Mode.RATE: RATE,
    Mode.PAIRWISE: PAIRWISE,
    Mode.EXPECTED: EXPECTED,
    Mode.GOLDEN: GOLDEN,
}


def mixture_of(words: Iterable[str], around_s: float | None = None) -> tuple[Share, ...]:
    """From "policy" or "policy:share". Raises `ValueError` naming what is none."""
    result = []
    for word in words:
        name, _, share = word.partition(":")
        try:
            result.append(Share(Policy(name.strip()), float(share or 1), around_s))
        except ValueError as error:
            known = ", ".join(policy.value for policy in Policy)
            raise ValueError(f"{word!r} is no sampling policy; one of {known}.") from error
    return tuple(result)


def declared(settings: CampaignSettings) -> Campaign:
    """The campaign a workspace declares. Raises `ValueError` for a mode, policy, label, scale or date that is none."""
    mode = Mode(settings.mode)
    rubric = rubric_of(
        RUBRICS[mode],
        question=settings.question,
        guidance=settings.guidance,
        labels=settings.labels,
        scales=settings.scales,
        tags=settings.tags,
        free_text=settings.free_text,
    )
    return Campaign(
        id=settings.id,
        service=settings.service,
        title=settings.title or settings.id,
        mode=mode,
        rubric=rubric,
        source=Source(hours=settings.hours),
        sampling=Sampling(settings.n, settings.seed, mixture_of(settings.sample), settings.by),
        versions=settings.versions,
        overlap=settings.overlap,
        gold_share=settings.gold_share,
        repeat_share=settings.repeat_share,
        calibration=settings.calibration,
        raters=settings.raters,
        due_s=due_of(settings.due) if settings.due else None,
    )


def overdue(campaign: Campaign, now_s: float) -> bool:
    """Past its date and still asking."""
    asking = campaign.standing in (Standing.OPEN, Standing.PAUSED)
    return campaign.due_s is not None and asking and now_s > campaign.due_s


def verdict_of(campaign: Campaign, label: str) -> JudgementVerdict:
    """Raises `ValueError` for a label that the rubric does not have."""
    if label == SKIP:
        return JudgementVerdict.SKIPPED
    found = next((one for one in campaign.rubric.labels if one.id == label), None)
    if found is None:
        raise ValueError(f"the rubric of {campaign.id} has no label {label!r}")
    return found.verdict


def faults(campaign: Campaign) -> tuple[str, ...]:
    """What keeps a campaign from being started, in words; empty when it can."""
    found = []
    labels = campaign.rubric.labels
    if not campaign.id or not campaign.title:
        found.append("A campaign needs an id and a title.")
    if len(labels) < 2:
        found.append("A rubric needs two labels or more.")
    if len({one.key for one in labels}) < len(labels) or len({one.id for one in labels}) < len(labels):
        found.append("Two labels share a key or an id.")
    if any(len(one.key) != 1 or one.key not in "123456789" for one in labels):
        found.append("The key of a label is one of 1 to 9.")
    scales, tags = campaign.rubric.scales, campaign.rubric.tags
    if len(scales) > len(SCALE_KEYS):
        found.append(f"At most {len(SCALE_KEYS)} scales: each has a key.")
    if any(not 0 <= one.low < one.high <= 9 for one in scales):
        found.append("A scale goes from a digit to a greater one, so that a key gives its value.")
    if len({one.name for one in scales}) < len(scales) or len(set(tags)) < len(tags):
        found.append("Two scales or two tags have one name.")
    if campaign.mode is Mode.PAIRWISE:
        if len(set(campaign.versions)) != 2:
            found.append("Comparing in pairs needs two versions.")
        if not {"a", "b"} <= {one.id for one in labels}:
            found.append("A rubric for pairs needs the labels a and b.")
    if not 1 <= campaign.sampling.n <= 1_000_000:
        found.append("Between 1 and 1,000,000 items can be drawn.")
    if campaign.overlap < 1 or (campaign.raters and campaign.overlap > len(set(campaign.raters))):
        found.append("Overlap is at least 1 and at most the number of evaluators.")
    for name in ("gold_share", "repeat_share"):
        if not 0 <= getattr(campaign, name) <= 0.5:
            found.append(f"{name} lies between 0 and 0.5.")
    shares = campaign.sampling.mixture
    if not shares or any(one.share <= 0 for one in shares):
        found.append("The shares of the mixture are greater than 0.")
    if any(one.policy is Policy.STRATIFIED for one in shares) and not campaign.sampling.by:
        found.append("Stratified sampling needs the slices it goes by.")
    if any(one.policy is Policy.INCIDENT and one.around_s is None for one in shares):
        found.append("Sampling around an incident needs its time.")
    if not 0 < campaign.stop.alpha < 0.5 or not 0 < campaign.stop.p0 < 1:
        found.append("alpha lies between 0 and 0.5, p0 between 0 and 1.")
    return tuple(found)

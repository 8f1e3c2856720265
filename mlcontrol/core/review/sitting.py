"""What the bench and the lead's list are told of a campaign."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.review.campaign import Campaign


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """``wanted``: judgements asked for in all; ``given``: counted so far; ``held``: items on benches now."""

    campaign: Campaign
    items: int
    wanted: int
    given: int
    held: int


@dataclass(frozen=True, slots=True)
class Sitting:
    """``judged``: by this rater in this campaign. ``calibration_left``: open items with explanations that come first."""

    summary: CampaignSummary
    judged: int
    calibration_left: int
    pace_s: float | None
    offline: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known of a calibration item, told after the judgement."""

    agreed: bool
    expected: str
    why: str

"""Judgements combined with the model's own probabilities on traffic nobody judged, where that is sound; else why it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.prediction_powered import LEAST_LABELS, Moments, PredictionPowered, ppi_of_moments
from mlcontrol.core.review.tally import Tally

SOUND = "Sound because these items were drawn at random from the same traffic, each with the same chance."


@dataclass(frozen=True, slots=True)
class Powered:
    """``found`` `None`: it would not be sound; ``why`` says what is missing, or why it is sound. ``left_out``: judged items that
    are neither right nor wrong (unsure, or raters split)."""

    version: str
    found: PredictionPowered | None
    why: str
    left_out: int = 0


def powered(campaign: Campaign, tally: Tally, traffic: Mapping[str, Moments]) -> tuple[Powered, ...]:
    """One per version that was judged. Empty where the model gives no probabilities, or versions are compared in pairs."""
    if campaign.mode is Mode.PAIRWISE or not any(one.n for one in traffic.values()):
        return ()
    result = []
    for version in tally.versions():
        own = [one for one in tally.verdicts if one.version == version]
        clear = [one for one in own if one.right is not None]
        rest = traffic.get(version, Moments(0, 0.0, 0.0))
        human = [float(one.right is True) for one in clear]
        scores = [one.confidence for one in clear if one.confidence is not None]
        found = None
        if len({one.probability for one in own}) > 1:
            why = (
                "Not combined: items were looked for (mixture or strata), not drawn at random with one chance for all."
            )
        elif rest.n == 0 or len(scores) < len(clear):
            why = "Not combined: some answers come without the model's probability."
        elif len(clear) < LEAST_LABELS:
            why = f"Not combined: {len(clear)} clear judgements; {LEAST_LABELS} are needed."
        else:
            found, why = ppi_of_moments(human, scores, rest), SOUND
        result.append(Powered(version, found, why, len(own) - len(clear)))
    return tuple(result)

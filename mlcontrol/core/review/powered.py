"""Judgements combined with the model's own probabilities on traffic nobody judged, where that is sound; else why it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.prediction_powered import LEAST_LABELS, Moments, PredictionPowered, ppi_of_moments
from mlcontrol.core.review.tally import Tally

LEAST_OF_EACH = 5
"""Fewer right or fewer wrong answers than this, and a normal interval is too narrow, down to no width at all."""

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
        elif (rare := min(sum(human), len(human) - sum(human))) < LEAST_OF_EACH:
            word = "wrong" if sum(human) > len(human) / 2 else "right"
            why = f"Not combined: {rare:.0f} of {len(human)} were judged {word}; its interval needs {LEAST_OF_EACH}."
        else:
            found, why = ppi_of_moments(human, scores, rest), SOUND
        result.append(Powered(version, found, why, len(own) - len(clear)))
    return tuple(result)

"""Hidden gold among the work: an item whose answer is known must look like every other one, or it measures nothing."""

from __future__ import annotations

import json
from dataclasses import replace

from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.judging import ItemKind, ReviewItem, blind


def shown_alike(item: ReviewItem, campaign: Campaign, prediction: str) -> ReviewItem:
    """``item`` as a rater may see it. A golden item has an answer and nothing beside it: in a campaign that hides some, the others
    show no more. Where what was expected is shown, it is shown of golden items too: of those it is the answer itself."""
    shown = blind(item)
    if campaign.mode is Mode.PAIRWISE:
        return shown
    if campaign.mode is Mode.EXPECTED and item.kind in (ItemKind.GOLD, ItemKind.CALIBRATION):
        shown = replace(shown, expected=_answer(shown.outputs, prediction))
    return replace(shown, outputs=_only(shown.outputs, prediction)) if campaign.gold_share else shown


def _read(outputs: str) -> dict[str, object]:
    try:
        value = json.loads(outputs)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _only(outputs: str, prediction: str) -> str:
    known = _read(outputs)
    return json.dumps({prediction: known[prediction]}, ensure_ascii=False) if prediction in known else outputs


def _answer(outputs: str, prediction: str) -> str:
    known = _read(outputs)
    return json.dumps(known[prediction], ensure_ascii=False) if prediction in known else ""

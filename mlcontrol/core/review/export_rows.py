"""Judged and corrected examples as rows for the next training set, each with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlcontrol.core.review.judging import ItemKind, Judgement, ReviewItem

SCHEMA = "mlcontrol.review.example/1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

COLUMNS = (
    "schema", "campaign", "service", "item", "request_id", "at", "version", "version_b", "inputs", "outputs", "outputs_b",
    "label", "verdict", "correct", "comment", "tags", "scales", "flagged", "slices", "rater", "judged_at", "kind", "adjudicated",
    "surplus", "inclusion_probability", "stratum", "judgement",
)  # fmt: skip


def example(item: ReviewItem, judgement: Judgement, utc: Any) -> dict[str, Any]:
    """One row, JSON texts parsed. ``utc``: UTC seconds to ISO 8601 text."""
    return {
        "schema": SCHEMA,
        "campaign": judgement.campaign,
        "service": judgement.service,
        "item": item.id,
        "request_id": item.request_id,
        "at": utc(item.at_s),
        "version": item.version,
        "version_b": item.version_b,
        "inputs": parsed(item.inputs),
        "outputs": parsed(item.outputs),
        "outputs_b": parsed(item.outputs_b),
        "label": judgement.label,
        "verdict": judgement.verdict.value,
        "correct": judgement.correct,
        "comment": judgement.comment,
        "tags": list(judgement.tags),
        "scales": dict(judgement.scales),
        "flagged": judgement.flagged,
        "slices": dict(item.slices),
        "rater": judgement.rater,
        "judged_at": utc(judgement.at_s),
        "kind": judgement.kind.value,
        "adjudicated": judgement.adjudicated,
        "surplus": judgement.surplus,
        "inclusion_probability": judgement.probability,
        "stratum": judgement.stratum,
        "judgement": judgement.id,
    }


def exported(judgements: Iterable[Judgement], *, everything: bool = False) -> tuple[Judgement, ...]:
    """What goes out: judgements that stand, of work items; ``everything`` adds gold, repeats and skips."""
    return tuple(
        one
        for one in judgements
        if not one.withdrawn and (everything or (one.kind is ItemKind.WORK and one.verdict.value != "skipped"))
    )


def parsed(text: str) -> Any:
    """JSON text as a value; text that is none stays text; empty is `None`."""
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row for a spreadsheet: nested values as JSON, and no cell that a spreadsheet would calculate."""
    return tuple(neutral(_text(row[name])) for name in COLUMNS)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=True)


def neutral(text: str) -> str:
    """A leading apostrophe where the text would be taken for a formula (OWASP, "CSV injection"); plain numbers stay numbers."""
    if not text.lstrip(" ").startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text

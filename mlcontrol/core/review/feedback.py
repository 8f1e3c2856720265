"""Feedback from inside the product: an answer was accepted, clicked, or given a thumb."""

from __future__ import annotations

from dataclasses import dataclass

POSITIVE_WORDS = {"accept", "accepted", "click", "clicked", "up", "thumbs-up", "yes", "true", "1", "like", "positive"}
NEGATIVE_WORDS = {
    "reject",
    "rejected",
    "ignore",
    "ignored",
    "down",
    "thumbs-down",
    "no",
    "false",
    "0",
    "dislike",
    "negative",
}


@dataclass(frozen=True, slots=True)
class Feedback:
    """``kind``: "accept", "click", "thumbs", or what the product calls it."""

    id: str
    service: str
    request_id: str
    version: str
    kind: str
    positive: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class FeedbackCount:
    version: str
    kind: str
    positive: int
    n: int


def is_positive(value: object) -> bool | None:
    """`None` for a word that says neither."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().strip('"').lower()  # DuckDB gives mixed columns as JSON texts
    if word in POSITIVE_WORDS:
        return True
    return False if word in NEGATIVE_WORDS else None

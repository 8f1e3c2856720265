"""Columns of a log that hold numbers and something else besides: "n/a" for a gap, a word that slipped in among figures."""

from __future__ import annotations

import numpy as np

from mlcontrol.core.signals.noise import Floats

GAPS = {"nan", "null", "none", "na", "n/a", "#n/a", "-", "--", "?", "<na>", "missing", "unknown"}
LOOKED_AT = 200
MOST_SLIPS = 0.05
FEWEST_VALUES = 20


def numbers_among(words: np.ndarray) -> tuple[Floats, str] | None:
    """The numbers, NaN for all else, and what to say of it. `None` where the column is one of words, or one of plain numbers that
    somebody keeps as text: those are names."""
    known = [word for word in words.tolist() if word is not None]
    if not known or sum(map(_is_figure, known[:LOOKED_AT])) < 0.5 * min(len(known), LOOKED_AT):
        return None
    numbers = np.array([_number(word) for word in words.tolist()], dtype=np.float64)
    others = [
        word
        for word, number in zip(words.tolist(), numbers.tolist(), strict=True)
        if word is not None and number != number
    ]
    slips = [word for word in others if word.strip().casefold() not in GAPS]
    figures = np.unique(numbers[np.isfinite(numbers)])
    if not others or len(slips) > MOST_SLIPS * len(known) or figures.size <= FEWEST_VALUES:
        return None
    said = [f"{len(others) - len(slips)} stand for a gap"] if len(slips) < len(others) else []
    if slips:
        said.append(f"{len(slips)} are words (the first is {slips[0][:40]!r})")
    return numbers, f"of its values {' and '.join(said)}; all of them count as missing"


def _is_figure(word: str) -> bool:
    return _number(word) == _number(word) or word.strip().casefold() in GAPS


def _number(word: str | None) -> float:
    try:
        return float(word) if word is not None else float("nan")
    except ValueError:
        return float("nan")

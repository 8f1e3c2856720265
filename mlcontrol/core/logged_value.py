"""Values as a prediction log holds them: a batch of one, and what counts as a number."""

from __future__ import annotations

import math
from typing import Any


def without_batch(value: Any) -> Any:
    """A batch of one without its batch: [[7]], [7] and 7 are 7; [[a, b]] is [a, b]."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def class_name(value: Any) -> str:
    """One name for 7, 7.0 and "7"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def is_number(value: Any) -> bool:
    """Finite as a float, and no truth value."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False

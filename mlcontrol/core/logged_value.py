"""Values as a prediction log holds them: a batch of one, and what counts as a number."""

from __future__ import annotations

import math
import re
from typing import Any

_WHOLE = re.compile(r"-?\d+\.0*")


def without_batch(value: Any) -> Any:
    """A batch of one without its batch: [[7]], [7] and 7 are 7; [[a, b]] is [a, b]."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def class_name(value: Any) -> str:
    """One name for 7, 7.0, "7" and "7.0", and one for true, "true" and "True"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    if text in ("True", "False", "TRUE", "FALSE"):
        return text.lower()
    return text.partition(".")[0] if _WHOLE.fullmatch(text) else text


def in_one_way(names: set[str]) -> dict[str, str]:
    """Another name for 1 and 0, where they stand beside true and false: one of answer and label is written as a number."""
    return {"1": "true", "0": "false"} if names <= {"0", "1", "true", "false"} and names & {"true", "false"} else {}


def same_class(one: Any, other: Any) -> bool:
    a, b = class_name(one), class_name(other)
    names = in_one_way({a, b})
    return names.get(a, a) == names.get(b, b)


def is_class(value: Any) -> bool:
    """A single value that says something: no list, nothing missing, no number that is none."""
    return (
        value is not None
        and not isinstance(value, list)
        and not (isinstance(value, float) and not math.isfinite(value))
    )


def is_number(value: Any) -> bool:
    """Finite as a float, and no truth value."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False

"""Logs keep one prediction; servers take and give batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def batch_of_one(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Logged without their batch of one: a vector becomes a row, a number a row of one. What is a batch of one already stays."""
    if inputs and all(isinstance(v, list) and len(v) == 1 and isinstance(v[0], list) for v in inputs.values()):
        return dict(inputs)
    return {name: [value if isinstance(value, list) else [value]] for name, value in inputs.items()}


def row_of_one(outputs: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """A batch of one in the nesting that ``like``, a logged answer, has: nothing but the answer itself tells them apart."""
    return {name: _unwrapped(value, _depth(like.get(name))) for name, value in outputs.items()}


def _depth(value: Any) -> int:
    deep = 0
    while isinstance(value, list) and value:
        value, deep = value[0], deep + 1
    return deep


def _unwrapped(value: Any, depth: int) -> Any:
    while isinstance(value, list) and len(value) == 1 and _depth(value) > depth:
        value = value[0]
    return value

"""Rows as JSON: the form of the held-out file, the golden set and the prediction log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def inputs_of(x: pd.DataFrame | np.ndarray, row: int, vector_name: str) -> dict[str, Any]:
    """``{name: value}`` of one row; a vector input is a list."""
    if isinstance(x, np.ndarray):
        return {vector_name: [float(value) for value in x[row]]}
    return {name: plain(x[name].iloc[row]) for name in x.columns}


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def as_tensors(inputs: dict[str, Any]) -> dict[str, Any]:
    """The same row with its batch dimension: ``[1, n]`` for vectors, ``[1, 1]`` for values."""
    return {name: [value if isinstance(value, list) else [value]] for name, value in inputs.items()}

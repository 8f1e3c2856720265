"""Training statistics per feature, as they are written into a version's `MLmodel` metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def statistics(x: pd.DataFrame | np.ndarray, vector_name: str) -> dict[str, dict[str, Any]]:
    """Of every column; of a vector input, of all its values together under ``vector_name``."""
    if isinstance(x, np.ndarray):
        return {vector_name: of_numbers(pd.Series(x.reshape(-1)))}
    return {name: of_numbers(x[name]) if x[name].dtype.kind in "fi" else of_categories(x[name]) for name in x.columns}


def of_numbers(column: pd.Series) -> dict[str, Any]:
    return {
        "count": len(column),
        "missing_share": float(column.isna().mean()),
        "mean": float(column.mean()),
        "sd": float(column.std()),
        "min": float(column.min()),
        "max": float(column.max()),
        "quantiles": {str(q): float(column.quantile(q)) for q in QUANTILES},
    }


def of_categories(column: pd.Series) -> dict[str, Any]:
    shares = column.value_counts(normalize=True)
    return {
        "count": len(column),
        "missing_share": float(column.isna().mean()),
        "categories": {str(value): float(share) for value, share in shares.items()},
    }

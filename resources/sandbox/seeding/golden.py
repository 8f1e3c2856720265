"""Chooses a service's golden set from its validation rows, and the score that every good version reaches on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import rows
import tables
from versions import Service

CLEAR, DOUBTFUL, CRITICAL = 40, 4, 5
MARGIN = 0.05


def accepted(tolerance: dict[str, Any], answers: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if tolerance["kind"] == "exact":
        return np.asarray(answers == expected)
    return np.asarray(np.abs(answers - expected) <= tolerance["abs"] + tolerance["rel"] * np.abs(expected))


def golden_set(service: Service, good_models: list[Any]) -> dict[str, Any]:
    """Mostly queries that every good version answers as expected, evenly over the answers, and a few doubtful ones."""
    part = service.split.validation
    right = np.array([accepted(service.tolerance, model.predict(part.x), part.y) for model in good_models])
    clear, doubtful = np.flatnonzero(right.all(axis=0)), np.flatnonzero(~right.all(axis=0))
    chance = np.random.default_rng(tables.SEED)
    chosen = np.concatenate([spread(part.y, clear, CLEAR), chance.permutation(doubtful)[:DOUBTFUL]])
    # The critical ones are spread over the answers too, and never doubtful.
    critical = set(chosen[: CLEAR : CLEAR // CRITICAL].tolist())
    lowest = float(right[:, chosen].mean(axis=1).min())
    return {
        "schema": "mlcontrol.golden/1",
        "service": service.name,
        "model": service.name,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "minimum_score": round(max(lowest - MARGIN, 0.0), 2),
        "items": [
            {
                "id": f"{service.name}-{row:04d}",
                "inputs": rows.as_tensors(rows.inputs_of(part.x, row, service.image_input)),
                "expected": {
                    "output": service.output,
                    "value": rows.plain(part.y[row]),
                    "tolerance": service.tolerance,
                },
                "slices": {},
                "critical": row in critical,
            }
            for row in chosen.tolist()
        ],
    }


def spread(y: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """``count`` rows of ``among``, round robin over the classes, or evenly over the sorted values of a number."""
    if y.dtype.kind == "f":
        ordered = among[np.argsort(y[among])]
        return ordered[np.linspace(0, len(ordered) - 1, min(count, len(ordered))).astype(int)]
    by_class = [among[y[among] == value] for value in np.unique(y[among])]
    turns = [rows[turn] for turn in range(max(map(len, by_class))) for rows in by_class if turn < len(rows)]
    return np.array(turns[:count])

"""Quality of a fitted model on a part: accuracy for classes, root mean square error and R2 for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import r2_score, root_mean_squared_error
from tables import Part, Split


def metrics(model: Any, split: Split, trained_on: Part) -> dict[str, float]:
    """`train_`, `validation_` and `test_` metrics; the last is measured on the held-out rows."""
    parts = {"train": trained_on, "validation": split.validation, "test": split.heldout}
    return {f"{part}_{name}": value for part, rows in parts.items() for name, value in one(model, rows).items()}


def one(model: Any, part: Part) -> dict[str, float]:
    answers = model.predict(part.x)
    if part.y.dtype.kind == "f":
        return {"rmse": float(root_mean_squared_error(part.y, answers)), "r2": float(r2_score(part.y, answers))}
    return {"accuracy": float(np.mean(answers == part.y))}

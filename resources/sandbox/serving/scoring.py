"""What every version in the sandbox answers with, whichever server it runs in: Triton's `model.py` and MLServer's runtime.

It loads the version's own `model.skops`, trusting no type beyond scikit-learn's, and refuses a model whose inputs are not those of
its endpoint: the server itself would find out at the first request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io

TRUSTED = ["sklearn.tree._tree.Tree"]


class Scorer:
    """``inputs``: the endpoint's, each with the length of one row. Raises `ValueError` in words when the model does not fit."""

    def __init__(self, folder: Path, version: str, inputs: Mapping[str, int]) -> None:
        self._model = skops.io.load(folder / "model.skops", trusted=TRUSTED)
        self.columns, length = expected_inputs(self._model)
        if self.columns is not None and set(self.columns) != set(inputs):
            unknown, unused = sorted(set(self.columns) - set(inputs)), sorted(set(inputs) - set(self.columns))
            raise ValueError(
                f"version {version} reads inputs {unknown} that its endpoint does not have, and does not read {unused}"
            )
        if length is not None and list(inputs.values()) != [length]:
            raise ValueError(f"version {version} reads {length} values, its endpoint sends {list(inputs.values())}")

    def answer(self, arrays: Mapping[str, np.ndarray], outputs: int) -> list[np.ndarray]:
        """``arrays``: name to [n, length]. Of one output the predictions [n, 1]; of two, the class [n, 1] and the shares [n, k]."""
        if self.columns is None:
            [table] = arrays.values()
        else:
            table = pd.DataFrame({name: column(arrays[name]) for name in self.columns})
        if outputs == 1:
            return [self._model.predict(table)[:, None]]
        shares = self._model.predict_proba(table)
        return [self._model.classes_[shares.argmax(axis=1)][:, None], shares]


def expected_inputs(model: Any) -> tuple[list[str] | None, int | None]:
    """Names of the columns the model was fitted on, or None and the length of its one vector."""
    names = getattr(model, "feature_names_in_", None)
    return (list(names), None) if names is not None else (None, int(model.n_features_in_))


def column(array: np.ndarray) -> Any:
    flat = array.reshape(-1)
    return [value.decode() for value in flat] if flat.dtype == object else flat

"""The real data of the sandbox, read from files that ship inside installed packages, split once by seed.

Train 60 %, validation 15 %, held out 25 %: versions are fitted on the first, golden sets are drawn from the second, traffic
only from the third.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_digits

SEED = 20261123


@dataclass(frozen=True)
class Part:
    """Rows of one split: ``x`` is a frame of named columns, or an array [n, length] for a single vector input."""

    x: pd.DataFrame | np.ndarray
    y: np.ndarray

    def head(self, count: int) -> Part:
        return Part(self.x[:count], self.y[:count])

    def take(self, rows: np.ndarray) -> Part:
        return Part(self.x.iloc[rows] if isinstance(self.x, pd.DataFrame) else self.x[rows], self.y[rows])


@dataclass(frozen=True)
class Split:
    train: Part
    validation: Part
    heldout: Part


def split(x: pd.DataFrame | np.ndarray, y: np.ndarray) -> Split:
    order = np.random.default_rng(SEED).permutation(len(y))
    first, second = int(len(y) * 0.60), int(len(y) * 0.75)
    whole = Part(x, y)
    return Split(whole.take(order[:first]), whole.take(order[first:second]), whole.take(order[second:]))


def digits() -> Split:
    """1,797 scanned handwritten digits, 8 x 8 pixels of 0..16 (scikit-learn)."""
    data = load_digits()
    return split(data.data.astype(np.float32), data.target.astype(np.int64))


def diamonds(rows: int = 12_000) -> Split:
    """Diamonds with their cut, price in US dollars and measures (plotnine)."""
    package = importlib.util.find_spec("plotnine")
    if package is None or package.origin is None:
        raise FileNotFoundError("diamonds.csv ships inside plotnine, which is not installed")
    table = pd.read_csv(Path(package.origin).parent / "data" / "diamonds.csv").sample(rows, random_state=SEED)
    numbers = ["carat", "depth", "table", "price", "x", "y", "z"]
    x = pd.concat([table[numbers].astype(float), table[["color", "clarity"]]], axis=1)
    return split(x.reset_index(drop=True), table["cut"].to_numpy())


def diabetes() -> Split:
    """442 patients, ten measures, and the disease's progression a year later (scikit-learn)."""
    data = load_diabetes(as_frame=True, scaled=False)
    return split(data.data.astype(float), data.target.to_numpy(dtype=float))

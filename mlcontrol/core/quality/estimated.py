"""Accuracy estimated while labels are late, from the model's own confidence; always marked as an estimate.

A calibrated confidence is the probability of being right, so its mean over answers without a label is their expected accuracy
(confidence-based estimation; Guillory et al. 2021, "average confidence", here after calibration). Calibrated on the answers whose
labels have come: isotonic regression (Zadrozny & Elkan 2002). It sees new inputs, not a new meaning of old ones: when the
relation of inputs to labels changes, it stays where it was.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.report import Measure
from mlcontrol.core.review import Z95

Floats = npt.NDArray[np.float64]
FEWEST = 50
DRAWS = 200
BLIND = "an estimate: it sees new inputs, not a new meaning of the old ones"


def estimated_accuracy(confidence: Floats, right: npt.NDArray[np.bool_], waiting: Floats, seed: int = 1) -> Measure:
    """``confidence`` and ``right``: of labelled answers; ``waiting``: confidence of those without a label.

    The interval: labelled answers drawn again (how well the calibration is known), and the answers' own chance.
    """
    if confidence.size < FEWEST or waiting.size == 0:
        why = f"{confidence.size} labels are too few to calibrate on" if waiting.size else "no answer waits for a label"
        return Measure("accuracy", None, n=waiting.size, note=why)
    hits = right.astype(np.float64)
    told = calibrated(confidence, hits, waiting)
    value = float(told.mean())
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        chosen = rng.integers(0, hits.size, hits.size)
        drawn.append(float(calibrated(confidence[chosen], hits[chosen], waiting).mean()))
    chance = float(np.sum(told * (1 - told))) / waiting.size**2
    half = Z95 * sqrt(float(np.var(drawn)) + chance)
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Measure("accuracy", value, low, high, waiting.size, method="calibrated confidence", note=BLIND)


def calibrated(confidence: Floats, right: Floats, wanted: Floats) -> Floats:
    """Isotonic regression of right on confidence, read at ``wanted``: pool adjacent violators (Barlow et al. 1972)."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(confidence, kind="stable")
    fitted = isotonic_regression(right[order]).x
    return np.asarray(np.interp(wanted, confidence[order], fitted), dtype=np.float64)

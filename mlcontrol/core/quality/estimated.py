"""Accuracy estimated while labels are late, from the model's own confidence; always marked as an estimate.

A calibrated confidence is the probability of being right, so its mean over answers without a label is their expected accuracy
(confidence-based estimation; Guillory et al. 2021, "average confidence", here after calibration). Calibrated on the answers whose
labels have come: isotonic regression (Zadrozny & Elkan 2002). It sees new inputs, not a new meaning of old ones: when the
relation of inputs to labels changes, it stays where it was.

So it is refused where the labelled answers themselves speak against it: where the waiting ones are of a kind that hardly a
labelled one is, and where the calibration of the older labels does not hold for the newer ones.
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
OUTSIDE = 0.05
"""So many of the waiting may lie beyond all labelled ones: of them the calibration says nothing."""
BINS = 10
SURE = 3.0
"""Standard errors by which the newer labels may miss what the older ones promise."""
BLIND = "an estimate: it sees new inputs, not a new meaning of the old ones"


def estimated_accuracy(confidence: Floats, right: npt.NDArray[np.bool_], waiting: Floats, seed: int = 1) -> Measure:
    """``confidence`` and ``right``: of labelled answers, oldest first; ``waiting``: confidence of those without a label.

    The interval: labelled answers drawn again (how well the calibration is known), and the answers' own chance.
    """
    if confidence.size < FEWEST or waiting.size == 0:
        why = f"{confidence.size} labels are too few to calibrate on" if waiting.size else "no answer waits for a label"
        return Measure("accuracy", None, n=waiting.size, note=why)
    hits = right.astype(np.float64)
    if why := _unlike(confidence, waiting) or _moved(confidence, hits, seed):
        return Measure("accuracy", None, n=waiting.size, note=f"not estimated: {why}")
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


def _unlike(confidence: Floats, waiting: Floats) -> str:
    """Why the labelled answers say little of those that wait, or nothing."""
    room = 1e-9 + 0.02 * float(np.ptp(confidence))
    below, above = (
        float(np.mean(waiting < confidence.min() - room)),
        float(np.mean(waiting > confidence.max() + room)),
    )
    if max(below, above) > OUTSIDE:
        how = "less" if below > above else "more"
        return f"{100 * max(below, above):.0f} % of the answers without a label are {how} sure of themselves than any with one"
    # How many labelled answers the estimate rests on, when they are weighted to be like the waiting ones (Kish 1965).
    edges = np.unique(np.quantile(waiting, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, confidence, side="right")
    mine = np.bincount(places, minlength=edges.size + 1)
    theirs = np.bincount(np.searchsorted(edges, waiting, side="right"), minlength=edges.size + 1) / waiting.size
    weights = (theirs / np.maximum(mine, 1))[places]
    alike = float(weights.sum() ** 2 / max(float(np.sum(weights**2)), 1e-300))
    return "" if alike >= FEWEST / 2 else f"labels like the answers that wait are too few ({alike:.0f})"


def _moved(confidence: Floats, hits: Floats, seed: int) -> str:
    """Why the newer labels speak against the calibration of the older ones, or nothing."""
    half = confidence.size // 2
    old, new = slice(0, half), slice(half, None)
    told = calibrated(confidence[old], hits[old], confidence[new])
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS // 4):
        chosen = rng.integers(0, half, half)
        drawn.append(float(calibrated(confidence[chosen], hits[chosen], confidence[new]).mean()))
    n = told.size
    error = sqrt(float(np.var(drawn)) + float(np.sum(np.clip(told * (1 - told), 0.25 / n, None))) / n**2)
    promised, kept = float(told.mean()), float(hits[new].mean())
    if abs(promised - kept) <= SURE * error:
        return ""
    return (
        f"by the older labels the newer answers would be right {100 * promised:.1f} % of the time, and {100 * kept:.1f} % are: "
        "what the model is sure of has changed its meaning"
    )


def calibrated(confidence: Floats, right: Floats, wanted: Floats) -> Floats:
    """Isotonic regression of right on confidence, read at ``wanted``: pool adjacent violators (Barlow et al. 1972)."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(confidence, kind="stable")
    fitted = isotonic_regression(right[order]).x
    return np.asarray(np.interp(wanted, confidence[order], fitted), dtype=np.float64)

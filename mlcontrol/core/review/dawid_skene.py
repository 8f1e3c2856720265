"""The likely truth from several raters of unequal care (Dawid & Skene 1979, Applied Statistics 28:20)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_ROUNDS = 100
CONVERGED = 1e-6
SMOOTHING = 0.01


@dataclass(frozen=True, slots=True)
class Consensus:
    """``posterior``: per item, probability by label. ``accuracy``: per rater, the share of items expected to be labelled right.
    ``prevalence``: share of each label."""

    posterior: Mapping[str, Mapping[str, float]]
    accuracy: Mapping[str, float]
    prevalence: Mapping[str, float]

    def label(self, item: str) -> str:
        """The most probable label; of equal ones the first by name."""
        shares = self.posterior[item]
        return max(sorted(shares), key=lambda name: shares[name])


def dawid_skene(answers: Sequence[tuple[str, str, str]]) -> Consensus:
    """Expectation-maximisation over (item, rater, label), started from the majority. Empty answers give an empty consensus.

    Confusion matrices are smoothed by `SMOOTHING` a cell, so that a rater with few items is not taken for perfect.
    """
    import numpy as np  # here, not above: a command that only reads the messages must start in a moment

    items = sorted({item for item, _, _ in answers})
    raters = sorted({rater for _, rater, _ in answers})
    labels = sorted({label for _, _, label in answers})
    if not items:
        return Consensus({}, {}, {})
    at = {name: i for i, name in enumerate(items)}
    who = {name: i for i, name in enumerate(raters)}
    what = {name: i for i, name in enumerate(labels)}
    rows = np.array([(at[item], who[rater], what[label]) for item, rater, label in answers])
    item_of, rater_of, label_of = rows[:, 0], rows[:, 1], rows[:, 2]
    truth = np.zeros((len(items), len(labels)))
    np.add.at(truth, (item_of, label_of), 1.0)
    truth /= truth.sum(axis=1, keepdims=True)
    for _ in range(MOST_ROUNDS):
        prevalence = truth.mean(axis=0)
        confusion = np.full((len(raters), len(labels), len(labels)), SMOOTHING)
        np.add.at(confusion.transpose(0, 2, 1), (rater_of, label_of), truth[item_of])
        confusion /= confusion.sum(axis=2, keepdims=True)
        log = np.tile(np.log(np.maximum(prevalence, 1e-300)), (len(items), 1))
        np.add.at(log, item_of, np.log(confusion[rater_of, :, label_of]))
        log -= log.max(axis=1, keepdims=True)
        fresh = np.exp(log)
        fresh /= fresh.sum(axis=1, keepdims=True)
        moved = float(np.abs(fresh - truth).max())
        truth = fresh
        if moved < CONVERGED:
            break
    accuracy = {name: float(truth[item_of[rater_of == i], label_of[rater_of == i]].mean()) for name, i in who.items()}
    return Consensus(
        {item: {label: float(truth[i, j]) for label, j in what.items()} for item, i in at.items()},
        accuracy,
        {label: float(truth[:, j].mean()) for label, j in what.items()},
    )

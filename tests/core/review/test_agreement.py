"""Agreement against published tables and an independent library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from mlcontrol.core.review.agreement import Level, cohen, cohen_matrix, fleiss, krippendorff
from mlcontrol.core.review.dawid_skene import dawid_skene

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: four observers, twelve units; 0 = missing.
KRIPPENDORFF_2011 = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3),
    (0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0),
)
UNITS = [{f"o{i}": row[u] for i, row in enumerate(KRIPPENDORFF_2011) if row[u]} for u in range(12)]
# Fleiss 1971 as printed in many textbooks: ten subjects, fourteen raters, five categories; kappa 0.210.
FLEISS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip


@pytest.mark.parametrize(
    ("level", "alpha"),
    [
        (Level.NOMINAL, 0.743421),
        (Level.ORDINAL, 0.815388),
        (Level.INTERVAL, 0.849107),
        (Level.RATIO, 0.797403),
    ],
)
def test_krippendorff_equals_his_table(level: Level, alpha: float) -> None:
    assert krippendorff(UNITS, level) == pytest.approx(alpha, abs=5e-7)


def test_fleiss_equals_the_printed_table_and_statsmodels() -> None:
    assert fleiss(FLEISS) == pytest.approx(0.210, abs=5e-4)
    assert fleiss(FLEISS) == pytest.approx(fleiss_kappa(np.array(FLEISS)), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
def test_cohen_equals_statsmodels(pairs: list[tuple[int, int]]) -> None:
    table = np.zeros((4, 4))
    for a, b in pairs:
        table[a, b] += 1
    mine = cohen(pairs)
    if mine is None:
        assert len({v for pair in pairs for v in pair}) == 1
    else:
        assert mine == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-9)


def test_undefined_is_neither_one_nor_zero() -> None:
    assert cohen([]) is None
    assert cohen([("x", "x")] * 9) is None
    assert fleiss([(3, 0), (3, 0)]) is None
    assert fleiss([]) is None
    assert krippendorff([{"ann": "x", "bob": "x"}] * 9) is None
    assert krippendorff([{"ann": "x"}, {"bob": "y"}]) is None  # no overlap
    assert cohen_matrix([{"ann": "x"}, {"bob": "y"}]) == {("ann", "bob"): (None, 0)}


def test_unequal_numbers_of_raters_are_refused_by_fleiss() -> None:
    with pytest.raises(ValueError):
        fleiss([(2, 0), (1, 0)])


def test_agreement_does_not_depend_on_the_order_of_raters() -> None:
    turned = [dict(reversed(list(unit.items()))) for unit in reversed(UNITS)]
    assert krippendorff(turned, Level.ORDINAL) == pytest.approx(krippendorff(UNITS, Level.ORDINAL))


def test_consensus_is_better_than_the_majority_when_care_differs() -> None:
    rng = np.random.default_rng(3)
    care = [0.95, 0.95, 0.55, 0.55, 0.55]
    truth = rng.integers(0, 2, 400)
    answers = [
        (f"i{i:03}", f"r{j}", str(t if rng.random() < c else 1 - t))
        for i, t in enumerate(truth)
        for j, c in enumerate(care)
    ]
    found = dawid_skene(answers)
    right = np.mean([found.label(f"i{i:03}") == str(t) for i, t in enumerate(truth)])
    votes = dict.fromkeys(range(400), 0)
    for item, _, label in answers:
        votes[int(item[1:])] += 1 if label == "1" else -1
    majority = np.mean([(votes[i] > 0) == bool(t) for i, t in enumerate(truth)])
    assert right > majority + 0.02
    assert found.accuracy["r0"] > 0.9 > 0.7 > found.accuracy["r4"]
    assert all(sum(p.values()) == pytest.approx(1) for p in found.posterior.values())


def test_one_sure_rater_is_followed_and_nobody_is_nothing() -> None:
    assert dawid_skene([]).posterior == {}
    assert dawid_skene([("i", "ann", "x"), ("j", "ann", "y")]).label("j") == "y"

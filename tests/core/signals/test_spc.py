"""Control charts equal published run lengths and Montgomery's worked example."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.signals import spc

MONTGOMERY_9_1 = np.fromstring(
    "9.45 7.99 9.29 11.66 12.16 10.18 8.04 11.46 9.2 10.34 9.03 11.47 10.51 9.4 10.08 9.37 10.62 10.31 8.52 10.84 10.9 9.33"
    " 12.29 11.5 10.6 11.08 10.38 11.62 11.31 10.52",
    sep=" ",
)


@pytest.mark.parametrize(("shift", "arl"), [(0, 370.4), (0.5, 155.2), (1, 43.89), (2, 6.30), (3, 2.00)])
def test_shewhart_run_lengths(shift: float, arl: float) -> None:
    assert spc.shewhart_arl(3.0, shift) == pytest.approx(arl, rel=2e-3)


@pytest.mark.parametrize(
    ("limit", "shift", "arl"),
    [
        (4, 0, 167.68),
        (4, 0.5, 26.63),
        (4, 1, 8.38),
        (4, 2, 3.34),
        (5, 0, 465.44),
        (5, 1, 10.38),
        (5, 3, 2.57),
        (4.774, 0, 370.06),
    ],
)
def test_cusum_run_lengths(limit: float, shift: float, arl: float) -> None:
    assert spc.cusum_arl(0.5, limit, shift) == pytest.approx(arl, abs=0.006)


@pytest.mark.parametrize(
    ("weight", "limit", "shift", "arl"),
    [
        (0.1, 2.814, 0, 499.6),
        (0.1, 2.7, 0, 368.98),
        (0.2, 2.962, 0, 499.7),
        (0.2, 2.86, 0, 371.1),
        (0.2, 2.962, 1, 10.54),
        (0.4, 3.054, 0, 500.0),
        (0.4, 3.054, 2, 3.52),
    ],
)
def test_ewma_run_lengths(weight: float, limit: float, shift: float, arl: float) -> None:
    assert spc.ewma_arl(weight, limit, shift) == pytest.approx(arl, rel=1e-3)


def test_montgomerys_cusum_signals_at_29() -> None:
    chart = spc.cusum(MONTGOMERY_9_1 - 10.0, 0.5, 5.0)
    assert chart.value[27] == pytest.approx(4.47, abs=1e-6)
    assert chart.value[28] == pytest.approx(5.28, abs=1e-6)
    assert chart.value[29] == pytest.approx(5.30, abs=1e-6)
    assert np.flatnonzero(chart.out).tolist() == [28, 29]


def test_montgomerys_ewma() -> None:
    chart = spc.ewma(MONTGOMERY_9_1 - 10.0, 0.1, 2.7)
    assert 10 + chart.value[0] == pytest.approx(9.945, abs=1e-6)
    assert 10 + chart.value[1] == pytest.approx(9.7495, abs=1e-6)
    assert 10 + chart.value[28] == pytest.approx(10.64682, abs=1e-5)
    assert 10 + chart.high[28] == pytest.approx(10.6194, abs=1e-3)
    assert chart.out[28]
    assert not chart.out[:28].any()


def test_limits_are_made_from_a_budget() -> None:
    """Two false alarms a week for 50 series a minute: each runs 252,000 readings; the limit gives that run length back."""
    arl0 = spc.arl_of_budget(2, 50, 60)
    assert arl0 == 252_000
    assert spc.shewhart_arl(spc.shewhart_limit(arl0)) == pytest.approx(arl0, rel=1e-3)
    assert spc.cusum_limit(370.06) == pytest.approx(4.774, abs=2e-3)
    assert spc.ewma_limit(500, 0.2) == pytest.approx(2.962, abs=2e-3)


def _first_signals(rules: tuple[int, ...], runs: int) -> float:
    rng = np.random.default_rng(7)
    lengths = []
    for _ in range(runs):
        z = rng.normal(size=2500)
        met = np.flatnonzero(np.logical_or.reduce(list(spc.nelson(z, rules).values())))
        lengths.append(int(met[0]) + 1 if met.size else 2500)
    return float(np.mean(lengths))


@pytest.mark.parametrize("rules", [(1, 2), (1, 5), (1, 6), (1, 2, 5, 6), tuple(range(1, 9))])
def test_nelson_rules_have_the_published_run_lengths(rules: tuple[int, ...]) -> None:
    """By simulation: within four standard errors (the run length's spread is about its mean)."""
    runs = 600
    arl = spc.NELSON_ARL0[rules]
    assert _first_signals(rules, runs) == pytest.approx(arl, rel=4 / runs**0.5)


def test_each_nelson_rule_sees_its_own_pattern_only() -> None:
    patterns = {
        1: [0, 3.5],
        2: [0.5, 0.2] * 4 + [0.5],
        3: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        4: [0.1, -0.1] * 7,
        5: [2.1, 0, 2.1],
        6: [1.1, 1.1, 0, 1.1, 1.1],
        7: [0.3, -0.3, 0.2, 0.2, -0.1] * 3,
        8: [1.2, -1.2, 1.1, 1.3, -1.1, -1.2, 1.2, -1.4],
    }
    for rule, z in patterns.items():
        met = {number for number, out in spc.nelson(np.array(z), tuple(range(1, 9))).items() if out[-1]}
        assert rule in met, (rule, met)
        assert not met - {rule, 2, 7}, (rule, met)


def test_a_gap_breaks_a_run_and_signals_nothing() -> None:
    z = np.array([0.5] * 8 + [np.nan] + [0.5] * 8)
    assert not spc.nelson(z)[2].any()
    assert not spc.cusum(np.full(5, np.nan)).out.any()
    assert not spc.ewma(np.full(5, np.nan)).out.any()

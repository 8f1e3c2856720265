"""When logged rows began to be otherwise: the interval holds the truth, narrows with the rows, and is silent where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mlcontrol.core.signals.log_columns import Column
from mlcontrol.core.signals.row_change import parted

BEGAN_S = 1000.0


def rows(seed: int, per_s: float, moved: float, after_s: float = 120.0) -> tuple[np.ndarray, np.ndarray]:
    """Times of independent requests, and the deciles of what they carry."""
    dice = np.random.default_rng(seed)
    at_s = np.sort(dice.uniform(BEGAN_S - 800, BEGAN_S + after_s, round(per_s * (800 + after_s))))
    values = dice.normal(size=at_s.size) + np.where(at_s > BEGAN_S, moved, 0.0)
    return at_s, Column("x", values).groups()


def test_a_large_change_is_known_to_some_seconds() -> None:
    found = parted(*rows(1, per_s=2.0, moved=3.0))
    assert found is not None
    assert found.low_s <= BEGAN_S <= found.high_s
    assert found.high_s - found.low_s < 12
    assert found.low_s <= found.at_s <= found.high_s


def test_the_interval_holds_the_moment_as_often_as_it_says() -> None:
    """Of 300 changes 95 % and no fewer; by chance some more or less."""
    found = [parted(*rows(seed, per_s=1.0, moved=1.5)) for seed in range(300)]
    held = [one for one in found if one is not None]
    assert len(held) > 290
    share = np.mean([one.low_s <= BEGAN_S <= one.high_s for one in held])
    assert 0.91 <= share <= 0.985


def test_more_rows_make_it_narrower() -> None:
    few, many = (parted(*rows(4, per_s, moved=2.0)) for per_s in (0.5, 8.0))
    assert few is not None
    assert many is not None
    assert many.high_s - many.low_s < (few.high_s - few.low_s) / 4


def test_where_nothing_began_nothing_is_said() -> None:
    assert sum(parted(*rows(seed, per_s=1.0, moved=0.0)) is not None for seed in range(200)) <= 4


def test_words_do_as_numbers_do() -> None:
    dice = np.random.default_rng(2)
    at_s = np.sort(dice.uniform(0, 600, 600))
    codes = np.where(at_s > 400, dice.integers(1, 4, 600), dice.integers(0, 3, 600))
    found = parted(at_s, codes)
    assert found is not None
    assert found.low_s <= 400 <= found.high_s


@pytest.mark.parametrize(("times", "codes"), [([], []), ([1.0] * 50, [0] * 25 + [1] * 25), ([1.0, 2.0], [0, 1])])
def test_too_few_rows_or_one_moment_say_nothing(times: list[float], codes: list[int]) -> None:
    assert parted(np.array(times), np.array(codes, dtype=np.int64)) is None


@given(seed=st.integers(0, 10_000), shift_s=st.floats(-1e6, 1e9), scale=st.floats(0.5, 100.0))
@settings(deadline=None, max_examples=30)
def test_neither_the_order_nor_the_clock_nor_the_names_of_categories_matter(
    seed: int, shift_s: float, scale: float
) -> None:
    at_s, codes = rows(seed, per_s=0.5, moved=2.5)
    found = parted(at_s, codes)
    mixed = np.random.default_rng(seed).permutation(at_s.size)
    other = parted(at_s[mixed] * scale + shift_s, 7 * codes[mixed] + 3)
    assert (found is None) is (other is None)
    if found is not None and other is not None:
        assert other.low_s == pytest.approx(found.low_s * scale + shift_s, abs=1e-3 * scale + 1e-5)
        assert other.high_s == pytest.approx(found.high_s * scale + shift_s, abs=1e-3 * scale + 1e-5)

"""What a prediction log's values are."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.logged_value import is_number, without_batch


@pytest.mark.parametrize(
    ("value", "alone"), [([[7]], 7), ([7], 7), (7, 7), ([[1, 2]], [1, 2]), ([], []), (None, None), ([["a"]], "a")]
)
def test_a_batch_of_one_is_what_is_in_it(value: Any, alone: Any) -> None:
    assert without_batch(value) == alone


def test_numbers_are_finite_and_fit_a_float() -> None:
    assert all(map(is_number, (0, -1.5, 10**300)))
    assert not any(map(is_number, (True, None, "1", float("nan"), float("inf"), 10**400)))

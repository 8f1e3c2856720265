"""One prediction out of a log and back: batches of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlcontrol.services.batching import batch_of_one, row_of_one
from mlcontrol.services.reviews.candidates import _as_logged


def test_a_logged_prediction_becomes_a_batch_of_one_and_a_batch_stays_one() -> None:
    once = batch_of_one({"image": [1, 2], "carat": 0.7})
    assert once == {"image": [[1, 2]], "carat": [[0.7]]}
    assert batch_of_one(once) == once
    assert batch_of_one({}) == {}


@pytest.mark.parametrize(
    ("answered", "logged", "wanted"),
    [
        ({"digit": [8]}, {"digit": 4}, {"digit": 8}),
        ({"digit": [[8]]}, {"digit": [4]}, {"digit": [8]}),
        ({"p": [[0.1, 0.9]]}, {"p": [0.5, 0.5]}, {"p": [0.1, 0.9]}),
        ({"p": [0.1, 0.9]}, {"p": [0.5, 0.5]}, {"p": [0.1, 0.9]}),
    ],
)
def test_an_answer_takes_the_nesting_of_the_log(answered: Any, logged: Any, wanted: Any) -> None:
    assert row_of_one(answered, logged) == wanted


def test_how_an_answer_is_written_down_does_not_tell_who_gave_it() -> None:
    logged = {"digit": 4, "p": [0.2, 0.8]}
    asked = {"p": [[0.7, 0.3]], "digit": [1], "took_ms": [3.0]}
    made = _as_logged(asked, logged)
    assert json.dumps(made) == json.dumps({"digit": 1, "p": [0.7, 0.3]})

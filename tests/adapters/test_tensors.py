"""Tensors between nested lists and the wire: nothing is rounded, nothing invented, ragged values are refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mlcontrol.adapters.serving.tensors import BadTensorError, decode, encode, query


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=4)
)
def test_what_is_sent_comes_back(rows: list[list[float]]) -> None:
    sent = encode("x", rows, "FP64")
    assert (sent["shape"], sent["datatype"]) == ([len(rows), 2], "FP64")
    assert decode(sent) == rows


@pytest.mark.parametrize(
    ("value", "kind", "data"),
    [
        ([[1, 2.5]], "FP32", [1.0, 2.5]),
        ([[1.0, 2.0]], "INT64", [1, 2]),
        ([True, 0], "BOOL", [True, False]),
        (["a", b"b"], "BYTES", ["a", "b"]),
        ([1, 2], None, [1, 2]),
        (3.5, None, [3.5]),
    ],
)
def test_values_become_what_their_type_wants(value: Any, kind: str | None, data: list[Any]) -> None:
    sent = encode("x", value, kind)["data"]
    assert (sent, [type(item) for item in sent]) == (data, [type(item) for item in data])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([[1.0], [1.0, 2.0]], "FP64"),
        ([[1.0], 2.0], "FP64"),
        ([1.0, [2.0]], "FP64"),
        ([1.0, math.nan], "FP64"),
        ([math.inf], "FP32"),
        ([1.0, None], "FP64"),
        ([1.5], "INT64"),
        ([True], "FP64"),
        (["a"], "FP64"),
    ],
)
def test_what_cannot_be_carried_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(BadTensorError):
        encode("x", value, kind)


def test_the_body_that_asks_is_json_as_the_protocol_wants_it() -> None:
    tensors = [encode("x", [[0.1, 1e300]], "FP64"), encode("n", [2**70], "INT64"), encode("t", ["ä"], "BYTES")]
    assert json.loads(query("q1", tensors)) == {"id": "q1", "inputs": tensors}


def test_half_a_character_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadTensorError, match="half a character"):
        query("q", [encode("x", ["\ud800"], "BYTES")])

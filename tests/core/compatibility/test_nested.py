"""Nested types are compared part by part, as MLflow reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.nested import holds, parse_nested, reads_nested
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Field, Signature

plain = st.sampled_from(["bool", "string", "float64", "int64"])
names = st.text("abcdef_", min_size=1, max_size=4)


def _object(parts: dict[str, tuple[bool, str]]) -> str:
    return "object{" + ",".join(f"{n}{'' if need else '?'}:{t}" for n, (need, t) in sorted(parts.items())) + "}"


types = st.recursive(
    plain,
    lambda inner: st.one_of(
        inner.map("array<{}>".format),
        inner.map("map<{}>".format),
        st.dictionaries(names, st.tuples(st.booleans(), inner), max_size=3).map(_object),
    ),
    max_leaves=8,
)
nested = st.one_of(
    types.map("array<{}>".format),
    types.map("map<{}>".format),
    st.dictionaries(names, st.tuples(st.booleans(), types), max_size=3).map(_object),
)


@given(nested)
def test_every_type_reads_itself(text: str) -> None:
    assert parse_nested(text) is not None
    assert reads_nested(text, text)


@given(st.text(alphabet="array<>map{}object:,?x", max_size=60))
def test_any_text_ends_well(text: str) -> None:
    assert isinstance(reads_nested(text, text), bool)
    assert isinstance(holds([1], text), bool)


@pytest.mark.parametrize(
    ("written", "read", "reads"),
    [
        ("object{a:string}", "object{a:string,b?:int64}", True),
        ("object{a:string,b:int64}", "object{a:string,b?:int64}", True),
        ("object{a:string,b?:int64}", "object{a:string,b:int64}", False),
        ("object{a:string,c:bool}", "object{a:string}", False),
        ("array<object{a:string}>", "array<object{a:string,b?:int64}>", True),
        ("array<int64>", "array<float64>", False),
        ("map<int64>", "array<int64>", False),
        ("array<array<int64>>", "array<int64>", False),
        ("float64", "array<float64>", False),
    ],
)
def test_reading(written: str, read: str, reads: bool) -> None:
    assert reads_nested(written, read) is reads
    old, new = (
        Signature("m", inputs=(Field("x", t, (-1,), True, False, tensor=False),), outputs=()) for t in (written, read)
    )
    deploy = compare(new, old, READERS["mlflow"]).deploy
    assert (deploy is Verdict.BLOCK) is not reads


def test_values() -> None:
    text = "object{a:string,b?:array<float64>}"
    assert holds({"a": "x"}, text)
    assert holds({"a": "x", "b": [1.5]}, text)
    for bad in ({}, {"a": 1}, {"a": "x", "b": [1]}, {"a": "x", "c": 1}, [], None):
        assert not holds(bad, text)

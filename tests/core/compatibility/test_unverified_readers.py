"""A reader that no real server was held against is never said to be compatible with a changed input."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.facts import ProbeFacts
from mlcontrol.core.compatibility.present import document, text
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Verdict
from tests.core.compatibility.rule_examples import BASE, column, model

UNVERIFIED = sorted(name for name, reader in READERS.items() if not reader.verified)
PASSING = (Verdict.PASS, Verdict.INFO, Verdict.WARN)
TYPES = ("int32", "int64", "float32", "float64", "string", "bool")


def test_which_readers_are_verified_is_stated() -> None:
    assert UNVERIFIED == ["mlserver-mlflow", "tfserving", "torchserve"]
    assert set(READERS) - set(UNVERIFIED) == {"mlflow", "triton", "mlserver", "onnxruntime", "strict"}


@given(
    st.sampled_from(UNVERIFIED),
    st.sampled_from(TYPES),
    st.sampled_from(TYPES),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_no_changed_input_is_compatible(
    name: str, old: str, new: str, tensor: bool, required: bool, more: bool
) -> None:
    before = model(column("a", old, tensor=tensor))
    extra = (column("b", required=False),) if more else ()
    after = model(column("a", new, tensor=tensor, required=required), *extra)
    report = compare(after, before, READERS[name])
    if after.inputs != before.inputs:
        assert report.deploy not in PASSING
        assert report.rollback not in (Verdict.PASS, Verdict.INFO)
        probe = ProbeFacts(loaded=True, answered=True, exact_binary=True)
        assert "R13" not in {f.rule for f in compare(after, before, READERS[name], probe=probe).findings}
    else:
        assert "R13" not in {f.rule for f in report.findings}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_without_the_mark_the_documented_table_would_be_believed(name: str) -> None:
    """The broken twin: the same change with the same table, taken for verified."""
    after = model(column("a", required=False))
    assert compare(after, BASE, READERS[name]).deploy is Verdict.UNKNOWN
    assert compare(after, BASE, replace(READERS[name], verified=True)).deploy in PASSING


def test_it_is_said_wherever_the_reader_is_named() -> None:
    report = compare(BASE, BASE, READERS["tfserving"])
    assert "read by tfserving, never held against a real server" in text(report)
    assert document(report)["reader_verified"] is False
    assert document(compare(BASE, BASE, READERS["triton"]))["reader_verified"] is True

"""What the checker says of a reader is what the real reader does: every request is really sent."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import requests

from mlcontrol.adapters.signatures.oip import read_metadata
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Field, Signature
from mlcontrol.testing.fleet import RunningFleet

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

WIRE = {
    "bool": "BOOL", "int8": "INT8", "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "float32": "FP32",
    "float64": "FP64", "string": "BYTES",
}  # fmt: skip


def _value(kind: str) -> Any:
    return {"bool": True, "string": "text"}.get(kind, 1.0 if kind.startswith("float") else 1)


def _tensor(field: Field) -> dict[str, Any]:
    assert field.type is not None
    assert field.shape is not None
    shape = [1 if size == -1 else size for size in field.shape]
    count = 1
    for size in shape:
        count *= size
    return {"name": field.name, "datatype": WIRE[field.type], "shape": shape, "data": [_value(field.type)] * count}


def _callers(served: Signature) -> list[Signature]:
    """Signatures of callers: the served one, and every single step away from it in type, shape, presence and name."""
    assert served.inputs is not None
    first, rest = served.inputs[0], served.inputs[1:]
    shape = first.shape or ()
    variants: list[tuple[Field, ...]] = [served.inputs, tuple(reversed(served.inputs)), rest]
    variants += [(replace(first, type=kind), *rest) for kind in WIRE]
    variants += [
        (replace(first, shape=s), *rest)
        for s in (shape[:-1], (*shape, 1), (*shape[:-1], shape[-1] + 1), (1, *shape[1:]))
    ]
    variants.append((*served.inputs, Field("surplus", "float32", (-1, 1), True, False, tensor=True)))
    variants.append((replace(first, name="renamed"), *rest))
    return [replace(served, inputs=fields) for fields in variants if fields]


@pytest.mark.parametrize("name", ["digits", "progression", "diamond-cut"])
def test_triton(running_fleet: RunningFleet, name: str) -> None:
    base = f"http://127.0.0.1:{running_fleet.ports['triton']}/v2/models/{name}"
    served = read_metadata(requests.get(base, timeout=10).json())
    disagreed = []
    for caller in _callers(served):
        report = compare(served, caller, READERS["triton"])
        body = {"inputs": [_tensor(f) for f in caller.inputs or ()]}
        answer = requests.post(f"{base}/infer", json=body, timeout=30)
        signature_refused = answer.status_code == 400
        said_no = report.deploy is Verdict.BLOCK
        # A fixed batch of one is a size the server happens to take, and callers that must send it may not grow: stricter is right.
        fixed_batch = any(f.rule == "I17" for f in report.findings) and answer.ok
        if signature_refused and not said_no:
            disagreed.append(("called compatible, refused", body, answer.text[:200]))
        if said_no and answer.ok and not fixed_batch:
            disagreed.append(("called incompatible, answered", body, report.findings[0].title))
    assert not disagreed


ASK_MLFLOW = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
from mlflow.models.utils import _enforce_schema
from mlflow.types.schema import ColSpec, Schema, TensorSpec
NAMES = {"int32": "integer", "int64": "long", "float32": "float", "float64": "double", "string": "string", "bool": "boolean"}
def takes(value, schema):
    try:
        _enforce_schema(value, Schema(schema))
    except Exception:
        return False
    return True
def column(kind):
    values = {"string": ["a", "b"], "bool": [True, False]}.get(kind, [3, 7])
    return pd.DataFrame({"a": pd.Series(values, dtype="object" if kind == "string" else kind)})
answers = {"column": {}, "tensor": {}, "shape": {}}
asked = json.load(sys.stdin)
for written, read in asked["column"]:
    answers["column"][written + ">" + read] = takes(column(written), [ColSpec(NAMES[read], "a")])
for written, read in asked["tensor"]:
    spec = TensorSpec(np.dtype(read), (-1, 3), "a")
    answers["tensor"][written + ">" + read] = takes({"a": np.zeros((2, 3), dtype=written)}, [spec])
extra = pd.DataFrame({"a": [1.0], "b": [1.0]})
answers["extra"] = takes(extra, [ColSpec("double", "a")])
answers["missing"] = takes(extra[["a"]], [ColSpec("double", "a"), ColSpec("double", "b")])
answers["optional"] = takes(extra[["a"]], [ColSpec("double", "a"), ColSpec("double", "b", required=False)])
answers["reordered"] = takes(extra[["b", "a"]], [ColSpec("double", "a"), ColSpec("double", "b")])
answers["rank"] = takes({"a": np.zeros((2, 3, 1))}, [TensorSpec(np.dtype("float64"), (-1, 3), "a")])
answers["size"] = takes({"a": np.zeros((2, 4))}, [TensorSpec(np.dtype("float64"), (-1, 3), "a")])
answers["free"] = takes({"a": np.zeros((2, 4))}, [TensorSpec(np.dtype("float64"), (-1, -1), "a")])
print(json.dumps(answers))
"""
NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
# MLflow passes an object column through for a boolean, as it may hold nulls, and does not look whether it holds text.
LENIENT = {"string>bool"}


def test_mlflow(running_fleet: RunningFleet) -> None:
    columns = list(product((*NUMBERS, "string", "bool"), ("int32", "int64", "float32", "float64", "string", "bool")))
    tensors = list(product(NUMBERS, NUMBERS))
    done = subprocess.run(
        [str(running_fleet.layout.env / "bin" / "python"), "-c", ASK_MLFLOW],
        input=json.dumps({"column": columns, "tensor": tensors}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    reader = READERS["mlflow"]
    for kind, pairs in (("column", columns), ("tensor", tensors)):
        said = {f"{w}>{r}": reader.casts(w, r, kind == "tensor") for w, r in pairs}
        differ = {p: (said[p], real) for p, real in answers[kind].items() if said[p] != real and p not in LENIENT}
        assert not differ, (kind, differ)
    assert answers["extra"] is (reader.extras == "ignore")
    assert answers["missing"] is False
    assert answers["optional"] is True
    assert answers["reordered"] is (reader.matched_by == "name")
    assert (answers["rank"], answers["size"], answers["free"]) == (False, False, True)

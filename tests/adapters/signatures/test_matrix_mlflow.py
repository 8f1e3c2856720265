"""MLflow's scoring server reads what the checker says it reads: columns, nested columns, parameters and tensors."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.signature import Signature
from mlcontrol.testing.servers import RunningServer, mlflow_scoring, sandbox_environment
from tests.adapters.signatures.matrix import ABSENT, Heard, Sent, judge, requests_for, shapes_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ECHO = '''
import json
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Echo(PythonModel):
    """Answers what it received."""

    def predict(self, context, model_input, params=None):
        if isinstance(model_input, dict):
            return [json.dumps({name: array.tolist() for name, array in model_input.items()}, default=str)]
        row = {name: model_input[name].tolist()[0] for name in model_input.columns}
        return [json.dumps({**row, **{f"params.{k}": v for k, v in (params or {}).items()}}, default=str)]

set_model(Echo())
'''
MAKE = """
import sys, warnings
warnings.filterwarnings("ignore")
import mlflow.pyfunc, numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, Map, Object, ParamSchema, ParamSpec, Property, Schema, TensorSpec
folder = sys.argv[1]
TYPES = ["boolean", "integer", "long", "float", "double", "string", "binary", "datetime"]
columns = [ColSpec(t, "need_" + t) for t in TYPES] + [ColSpec(t, "may_" + t, required=False) for t in TYPES]
columns += [ColSpec(Array("double"), "list"), ColSpec(Map("double"), "map", required=False)]
columns += [ColSpec(Object([Property("a", "string"), Property("b", "long", required=False)]), "object", required=False)]
params = ParamSchema([ParamSpec("beam", "long", 3), ParamSpec("heat", "float", 0.5), ParamSpec("style", "string", "x")])
text = Schema([ColSpec("string")])
tensors = [TensorSpec(np.dtype(t), (-1, 2), t) for t in ("float32", "float64", "int32", "int64", "bool")]
tensors.append(TensorSpec(np.dtype("float64"), (-1, -1), "free"))
for name, inputs, more in (("columns", Schema(columns), params), ("tensors", Schema(tensors), None)):
    signature = ModelSignature(inputs, text, more)
    mlflow.pyfunc.save_model(f"{folder}/{name}", python_model=f"{folder}/echo.py", signature=signature, pip_requirements=["mlflow"])
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that answer what they received."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "echo.py").write_text(ECHO)
    layout = sandbox_environment(folder)
    done = subprocess.run(
        [str(layout.env / "bin" / "python"), "-c", MAKE, str(folder)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def columns(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with mlflow_scoring(models / "columns", tmp_path_factory.mktemp("scoring")) as server:
        yield server


@pytest.fixture(scope="module")
def tensors(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with mlflow_scoring(models / "tensors", tmp_path_factory.mktemp("scoring")) as server:
        yield server


def _heard(answer: tuple[int, str], changed: str) -> Heard:
    status, text = answer
    if status != 200:
        return Heard(False, None, text)
    received = json.loads(json.loads(text)["predictions"][0])
    return Heard(True, received.get(changed, ABSENT))


# Where the checker is stricter than the server on purpose (docs/adr/0015): what JSON hides from the server, MLflow itself refuses
# of a table or an array; a number as a moment, and a null where one was asked for, are read and make no sense.
STRICTER = re.compile(
    r"""signature\ [\w.]+:\ (u?int|float)\d+
      | request\ \w+_datetime:\ float\d+
      | request\ (need_\w+|float\d+|free):\ null
      | request\ params\.\w+:\ (u?int|float)64""",
    re.X,
)
ROW: dict[str, Any] = {
    "need_boolean": True, "need_integer": 1, "need_long": 1, "need_float": 0.5, "need_double": 0.5, "need_string": "a",
    "need_binary": "dGV4dA==", "need_datetime": "2026-01-01T00:00:00", "list": [1.0, 2.0],
}  # fmt: skip


def test_columns(models: Path, columns: RunningServer) -> None:
    served = read_path(models / "columns")

    def send(one: Sent) -> Heard:
        parameters = {k.removeprefix("params."): v for k, v in one.payload.items() if k.startswith("params.")}
        row = {k: v for k, v in one.payload.items() if not k.startswith("params.")}
        body = {"dataframe_records": [row], "params": parameters}
        return _heard(columns.ask("POST", "/invocations", body), one.changed)

    judged = judge(served, READERS["mlflow"], (*requests_for(served, ROW), *_nested(served)), send)
    assert judged.sent > 500
    assert not judged.compatible, judged.compatible
    assert not [one for one in judged.strict if not STRICTER.fullmatch(one)]


def _nested(served: Signature) -> list[Sent]:
    fields = {f.name: f for f in served.inputs or ()}
    changes: list[tuple[str, str, Any]] = [
        ("list", "array<int64>", [1, 2]),
        ("list", "array<string>", ["a"]),
        ("list", "float64", 1.5),
        ("list", "array<array<float64>>", [[1.5]]),
        ("map", "map<float64>", {"k": 1.5}),
        ("map", "map<string>", {"k": "a"}),
        ("object", "object{a:string}", {"a": "x"}),
        ("object", "object{a:string,b:int64}", {"a": "x", "b": 2}),
        ("object", "object{a:string,b?:int64,c?:string}", {"a": "x", "c": "y"}),
        ("object", "object{b?:int64}", {"b": 2}),
        ("object", "object{a:int64,b?:int64}", {"a": 2}),
    ]
    return [
        Sent(
            f"{name}: {kind}",
            replace(served, inputs=tuple(replace(f, type=kind) if f.name == name else f for f in fields.values())),
            {**ROW, name: value},
            name,
        )
        for name, kind, value in changes
    ]


def test_tensors(models: Path, tensors: RunningServer) -> None:
    served = read_path(models / "tensors")
    base = {f.name: [True, False] if f.type == "bool" else [1, 2] for f in served.inputs or ()}

    def send(one: Sent) -> Heard:
        heard = _heard(
            tensors.ask("POST", "/invocations", {"inputs": {k: [v] for k, v in one.payload.items()}}), one.changed
        )
        return replace(heard, received=heard.received[0]) if isinstance(heard.received, list) else heard

    sizes = {"float32": [(-1, 3), (-1, 1), (-1, 2, 1)], "free": [(-1, 3)]}
    requests = (*requests_for(served, base, lambda _, v: [v, v]), *shapes_for(served, base, sizes))
    judged = judge(served, READERS["mlflow"], requests, send)
    assert judged.sent > 150
    assert not judged.compatible, judged.compatible
    assert not [one for one in judged.strict if not STRICTER.fullmatch(one)]

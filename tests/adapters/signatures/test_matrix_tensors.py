"""Triton, MLServer and ONNX Runtime read what the checker says they read, tensor by tensor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.adapters.signatures.oip import read_metadata
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.signature import Field, Signature
from mlcontrol.testing.servers import RunningServer, installed, mlserver, triton
from tests.adapters.signatures.matrix import ABSENT, Heard, Sent, judge, requests_for, shapes_for, values_for

WIRE = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "uint16": "UINT16",
    "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float32": "FP32", "float64": "FP64", "string": "BYTES",
}  # fmt: skip
NO_JSON = "float16"  # the protocol's JSON has no half floats
TRITON_ECHO = '''
import json
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    """Answers what it received."""

    def initialize(self, args):
        self.names = [tensor["name"] for tensor in json.loads(args["model_config"])["input"]]

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        tensors = {name: pb_utils.get_input_tensor_by_name(request, name) for name in self.names}
        seen = {name: tensor.as_numpy().tolist() for name, tensor in tensors.items() if tensor is not None}
        text = json.dumps(seen, default=lambda value: value.decode())
        return pb_utils.InferenceResponse([pb_utils.Tensor("seen", np.array([text.encode()], dtype=object))])
'''


def _declared(sent: Sent, served: Signature) -> dict[str, Field]:
    """The fields as the callers of this request declare them; what they do not, as the server does."""
    return {f.name: f for f in (*(served.inputs or ()), *(sent.caller.inputs or ()))}


def _twice(_field: Field, value: Any) -> list[Any]:
    return [value, value]


def _tensor(name: str, kind: str, value: Any) -> dict[str, Any]:
    shape, data = [], value
    while isinstance(data, list):
        shape.append(len(data))
        data = data[0]
    flat = value
    while flat and isinstance(flat[0], list):
        flat = [leaf for one in flat for leaf in one]
    return {"name": name, "datatype": WIRE[kind], "shape": shape, "data": flat}


@pytest.fixture(scope="module")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("triton")
    kinds = [kind for kind in WIRE if kind != NO_JSON]
    rows = [f'{{ name: "{k}" data_type: TYPE_{WIRE[k].replace("BYTES", "STRING")} dims: [2] }}' for k in kinds]
    rows += ['{ name: "free" data_type: TYPE_FP64 dims: [-1] optional: true }']
    rows += ['{ name: "spare" data_type: TYPE_INT32 dims: [2] optional: true }']
    model = folder / "fleet" / "triton" / "echo"
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.py").write_text(TRITON_ECHO)
    inputs = ", ".join(rows)
    (model / "config.pbtxt").write_text(
        f'name: "echo"\nbackend: "python"\nmax_batch_size: 4\ninput [ {inputs} ]\n'
        'output [ { name: "seen" data_type: TYPE_STRING dims: [1] } ]\n'
    )
    with triton(folder) as server:
        status, text = server.ask("POST", "/v2/repository/models/echo/load", {}, 60.0)
        assert status == 200, text
        yield server


@pytest.mark.real
@pytest.mark.timeout(600)
def test_triton(triton_server: RunningServer) -> None:
    served = read_path(triton_server.folder / "echo" / "config.pbtxt")
    told = read_metadata(json.loads(triton_server.ask("GET", "/v2/models/echo")[1]))
    assert [(f.name, f.type, f.shape) for f in told.inputs or ()] == [
        (f.name, f.type, f.shape) for f in served.inputs or ()
    ]
    base = {
        f.name: {"bool": [True, False], "string": ["a", "b"]}.get(f.type or "", [1, 2]) for f in served.inputs or ()
    }

    def send(one: Sent) -> Heard:
        fields = _declared(one, served)
        tensors = [_tensor(name, fields[name].type or "", [value]) for name, value in one.payload.items()]
        status, text = triton_server.ask("POST", "/v2/models/echo/infer", {"inputs": tensors})
        if status != 200:
            return Heard(False, None, text)
        seen = json.loads(json.loads(text)["outputs"][0]["data"][0])
        return Heard(True, seen[one.changed][0] if one.changed in seen else ABSENT)

    sizes = {"float32": [(-1, 3), (-1, 1), (-1, 2, 1)], "free": [(-1, 3)]}
    requests = [
        one
        for one in (
            *requests_for(served, base, _twice),
            *shapes_for(served, base, sizes),
            *values_for(served, base, _twice),
        )
        if not one.what.endswith(NO_JSON)
    ]
    judged = judge(served, READERS["triton"], requests, send, typed_wire=True)
    assert judged.sent > 250
    assert not judged.compatible, judged.compatible
    assert not judged.strict


@pytest.fixture(scope="module")
def sklearn_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("mlserver")
    for name in ("one", "table"):
        (folder / name).mkdir()
    fit = f"""
import joblib, numpy as np, pandas as pd
from sklearn.linear_model import LinearRegression
x = np.eye(2)
one = LinearRegression(fit_intercept=False).fit(x, x); one.coef_ = np.eye(2)
joblib.dump(one, r"{folder}/one/model.joblib")
table = LinearRegression(fit_intercept=False).fit(pd.DataFrame(x, columns=["a", "b"]), x); table.coef_ = np.eye(2)
joblib.dump(table, r"{folder}/table/model.joblib")
"""
    subprocess.run([str(installed("mlserver") / "bin" / "python"), "-c", fit], check=True, timeout=300)
    column = {"datatype": "FP64", "shape": [-1, 1]}
    for name, inputs, more in (
        ("one", [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}], {}),
        ("table", [{"name": "a", **column}, {"name": "b", **column}], {"content_type": "pd"}),
    ):
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "1", **more},
            "inputs": inputs,
            "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 2]}],
        }
        (folder / name / "model-settings.json").write_text(json.dumps(settings))
    with mlserver(folder) as server:
        yield server


@pytest.mark.real
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["one", "table"])
def test_mlserver(sklearn_server: RunningServer, model: str) -> None:
    served = read_metadata(json.loads(sklearn_server.ask("GET", f"/v2/models/{model}")[1]))
    base = {"x": [1.0, 2.0]} if model == "one" else {"a": [1.0], "b": [2.0]}

    def send(one: Sent) -> Heard:
        fields = _declared(one, served)
        tensors = [_tensor(name, fields[name].type or "", [value]) for name, value in one.payload.items()]
        status, text = sklearn_server.ask("POST", f"/v2/models/{model}/infer", {"inputs": tensors})
        if status != 200:
            return Heard(False, None, text)
        data = json.loads(text)["outputs"][0]["data"]
        received = {"x": data} if model == "one" else {"a": data[:1], "b": data[1:]}
        return Heard(True, received[one.changed])

    sizes = {"x": [(-1, 3), (-1, 1), (-1, 2, 1)], "a": [(-1, 2)]}
    requests = (
        *requests_for(served, base, lambda f, v: [v] * abs((f.shape or (1,))[-1])),
        *values_for(served, base, lambda f, v: [v] * abs((f.shape or (1,))[-1])),
        *shapes_for(served, base, sizes),
    )
    judged = judge(served, READERS["mlserver"], requests, send, typed_wire=True)
    assert judged.sent > 30
    assert not judged.compatible, judged.compatible


ONNX_KINDS = {"string": 8, "bool": 9, "float32": 1, "float64": 11, "float16": 10,
    "int8": 3, "int16": 5, "int32": 6, "int64": 7, "uint8": 2, "uint16": 4, "uint32": 12, "uint64": 13}  # fmt: skip


def test_onnx_runtime(tmp_path: Path) -> None:
    """An identity of every type, a free size, and an initializer that callers may give: what is said is what `run` does."""
    import onnx
    import onnxruntime

    make = onnx.helper.make_tensor_value_info
    nodes, inputs, outputs = [], [], []
    for kind, number in ONNX_KINDS.items():
        nodes.append(onnx.helper.make_node("Identity", [kind], [f"{kind}_out"]))
        inputs.append(make(kind, number, ["batch", 2]))
        outputs.append(make(f"{kind}_out", number, ["batch", 2]))
    for name, shape in (("free", ["batch", "length"]), ("spare", [1, 2])):
        nodes.append(onnx.helper.make_node("Identity", [name], [f"{name}_out"]))
        inputs.append(make(name, 11, shape))
        outputs.append(make(f"{name}_out", 11, shape))
    stored = [onnx.numpy_helper.from_array(np.array([[5.0, 6.0]]), "spare")]
    graph = onnx.helper.make_graph(nodes, "echo", inputs, outputs, stored)
    file = tmp_path / "echo.onnx"
    onnx.save(onnx.helper.make_model(graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 19)]), file)
    served = read_path(file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    assert {f.name for f in served.inputs or () if f.required} == {one.name for one in session.get_inputs()}
    base = {
        f.name: {"bool": [True, False], "string": ["a", "b"]}.get(f.type or "", [1, 2]) for f in served.inputs or ()
    }

    def send(one: Sent) -> Heard:
        fields = _declared(one, served)
        try:
            arrays = {n: _array([v], fields[n].type or "", fields[n].nullable) for n, v in one.payload.items()}
            answers = session.run([f"{one.changed}_out"], arrays)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises types of its own for each reason
            return Heard(False, None, str(error))
        return Heard(True, answers[0].tolist()[0])

    sizes = {"float32": [(-1, 3), (-1, 1), (-1, 2, 1)], "free": [(-1, 3)]}
    requests = [*requests_for(served, base, _twice), *shapes_for(served, base, sizes)]
    judged = judge(served, READERS["onnxruntime"], requests, send, typed_wire=True)
    assert judged.sent > 300
    assert not judged.compatible, judged.compatible
    assert not judged.strict


def _array(value: Any, kind: str, nullable: bool | None) -> Any:
    return np.array(value, dtype=object if kind == "string" or nullable else kind)

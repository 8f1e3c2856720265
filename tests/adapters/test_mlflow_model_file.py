"""Types read from the model file of a version that a real MLflow holds, laid over what its MLmodel declares."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Level
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fleet import RunningFleet

pytestmark = pytest.mark.real

MODEL = "wheat-grader"
FLOAT32, INT64 = 1, 7  # as ONNX numbers them
MLMODEL = """
flavors:
  onnx:
    onnx_version: 1.16.0
    data: model.onnx
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}, "name": "x"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}, "name": "y"}]'
"""
REGISTER = """
    import sys
    import mlflow
    uri, model, *folders = sys.argv[1:]
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    client.create_registered_model(model)
    for folder in folders:
        with mlflow.start_run(run_name=model) as run:
            mlflow.log_artifacts(folder, "model")
        client.create_model_version(model, f"{run.info.artifact_uri}/model", run.info.run_id)
"""


def onnx_file(place: Path, kind: int = FLOAT32) -> None:
    make = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Identity", ["x"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "grader", [make("x", kind, ["batch", 4])], [make("y", kind, ["batch", 4])])
    onnx.save(onnx.helper.make_model(graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 19)]), place)


@pytest.fixture(scope="module")
def registered(running_fleet: RunningFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Version 1 with a model file, version 2 with a broken one, version 3 with none that is read."""
    folders = [tmp_path_factory.mktemp("version") for _ in range(3)]
    for folder in folders:
        (folder / "MLmodel").write_text(MLMODEL)
    onnx_file(folders[0] / "model.onnx")
    (folders[1] / "model.onnx").write_bytes(b"\xff" * 40)
    (folders[2] / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/run'\ntR.")
    uri = f"http://127.0.0.1:{running_fleet.ports['mlflow']}"
    python = str(running_fleet.layout.env / "bin" / "python")
    script = textwrap.dedent(REGISTER)
    subprocess.run([python, "-c", script, uri, MODEL, *map(str, folders)], check=True, capture_output=True, timeout=100)
    yield MODEL
    forget = f"import mlflow; mlflow.MlflowClient({uri!r}).delete_registered_model({MODEL!r})"
    subprocess.run([python, "-c", forget], check=True, capture_output=True, timeout=60)


@pytest.fixture
def adapter(connection: Callable[[str], ConnectionSettings]) -> Iterator[MlflowRegistry]:
    made = MlflowRegistry(connection("registry"), no_secret)
    yield made
    made.close()


def test_the_file_is_right_where_the_declaration_says_otherwise(
    adapter: MlflowRegistry, registered: str, tmp_path: Path
) -> None:
    read = adapter.signature(registered, "1", 30.0)
    assert [(f.name, f.type) for f in read.inputs or ()] == [("x", "float32")]
    assert {"inputs.x", "outputs.y", "runtime"} <= read.inferred
    assert any("declared float64, model.onnx reads float32" in note for note in read.sources)
    onnx_file(tmp_path / "model.onnx", INT64)
    found = [f for f in compare(read_path(tmp_path), read, READERS["onnxruntime"]).findings if f.subject == "inputs.x"]
    assert found
    assert {f.evidence.level for f in found} == {Level.INFERRED}


def test_a_file_that_cannot_be_read_is_said_and_leaves_the_declaration(
    adapter: MlflowRegistry, registered: str
) -> None:
    read = adapter.signature(registered, "2", 30.0)
    assert [(f.name, f.type) for f in read.inputs or ()] == [("x", "float64")]
    assert any("model.onnx could not be read" in note for note in read.sources)


def test_files_of_other_kinds_are_not_opened(adapter: MlflowRegistry, registered: str) -> None:
    read = adapter.signature(registered, "3", 30.0)
    assert read.inferred == frozenset()
    assert read.sources == ()


def test_a_file_over_the_cap_is_not_fetched(
    adapter: MlflowRegistry, registered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.adapters.registry.mlflow_model_file.CAP_BYTES", 8)
    read = adapter.signature(registered, "1", 30.0)
    assert any("it has more than" in note for note in read.sources)
    assert read.inferred == frozenset()

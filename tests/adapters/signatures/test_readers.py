"""Each format gives the signature its text states, and nothing more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.adapters.signatures.mlmodel import read_mlmodel
from mlcontrol.adapters.signatures.native import read_native, write_native
from mlcontrol.adapters.signatures.oip import read_metadata
from mlcontrol.adapters.signatures.tensorflow import read_saved_model, read_tfserving
from mlcontrol.adapters.signatures.text_format import parse_text_format
from mlcontrol.adapters.signatures.triton_config import read_triton_config
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Signature

MLMODEL = """
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.7}
  sklearn: {sklearn_version: 1.9.1, serialization_format: skops, pickled_model: model.skops}
metadata:
  mlcontrol:
    features:
      price: {semantic: money, unit: USD, source: shop.price, min: 0}
    training_statistics:
      price: {count: 10, mean: 4.5}
    trained_at: '2026-11-20T10:00:00Z'
    slices: [region=north]
model_size_bytes: 11055
signature:
  inputs: '[{"type": "double", "name": "price", "required": true}, {"type": "string", "name": "cut", "required": false},
    {"type": "array", "items": {"type": "long"}, "name": "ids", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: '[{"name": "top", "type": "integer", "default": 3, "shape": null}]'
utc_time_created: '2026-11-23 09:00:00.123456'
"""


def test_mlmodel() -> None:
    s = read_mlmodel(MLMODEL, "diamonds", "4")
    assert s.inputs is not None
    assert [(f.name, f.type, f.required) for f in s.inputs] == [
        ("price", "float64", True),
        ("cut", "string", False),
        ("ids", "array<int64>", True),
        ("params.top", "int32", False),
    ]
    price = s.inputs[0]
    assert (price.semantic, price.unit, price.source, price.domain and price.domain.min) == (
        "money",
        "USD",
        "shop.price",
        0,
    )
    assert s.outputs is not None
    assert (s.outputs[0].type, s.outputs[0].shape, s.outputs[0].tensor) == ("int64", (-1,), True)
    assert s.runtime is not None
    assert (s.runtime.framework, s.runtime.version, s.runtime.python, s.runtime.format) == (
        "sklearn",
        "1.9.1",
        "3.11.7",
        "skops",
    )
    assert (s.size_bytes, s.slices, s.version) == (11055, ("region=north",), "4")
    assert s.created_s == 1795168800.0
    assert s.statistics == {"price": {"count": 10, "mean": 4.5}}


def test_mlmodel_without_signature_is_unknown() -> None:
    s = read_mlmodel("flavors: {sklearn: {sklearn_version: 1.0.0}}", "m")
    assert s.inputs is None
    assert s.outputs is None
    assert "signature" in s.sources[0]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "a: b: c", "- " * 100_000, "signature: 7", "signature: {inputs: '[1'}", "signature: {inputs: '{}'}",
     "a: &a [x, x]\nb: &b [*a, *a]\nc: [" + "*b, " * 40 + "]", "x: !!python/object:os.system {}", "[" * 100_000,
     'signature: {inputs: \'[{"name": "a", "type": "long"}, {"name": "a", "type": "long"}]\'}'],
)  # fmt: skip
def test_hostile_mlmodel(text: str) -> None:
    with pytest.raises(Unreadable):
        read_mlmodel(text, "m")


def test_oip() -> None:
    s = read_metadata(
        {
            "name": "fraud",
            "versions": ["3"],
            "inputs": [
                {"name": "x", "datatype": "FP32", "shape": [-1, 4]},
                {"name": "t", "datatype": "BYTES", "shape": ["-1"]},
            ],
            "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1, 1]}],
        }
    )
    assert s.inputs is not None
    assert [(f.name, f.type, f.shape, f.required) for f in s.inputs] == [
        ("x", "float32", (-1, 4), True),
        ("t", "string", (-1,), True),
    ]
    assert s.version == "3"


CONFIG = """
# a comment
name: "fraud"  backend: 'python'
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }, # another
        { name: "maybe" ; data_type: TYPE_STRING ; dims: 1 dims: -1 , optional: true } ]
output < name: "y" data_type: TYPE_INT64 dims: [ 1 ] label_filename: "a" "b.txt" >
version_policy: { specific { versions: [1, 2] } }
instance_group [ { count: 2 kind: KIND_CPU } ]
parameters: { key: "k" value: { string_value: "quote \\" and \\\\ brace }" } }
"""


def test_triton_config() -> None:
    s = read_triton_config(CONFIG, "stand-in")
    assert s.name == "fraud"
    assert s.inputs is not None
    assert [(f.name, f.type, f.shape, f.required) for f in s.inputs] == [
        ("x", "float32", (-1, 4), True),
        ("maybe", "string", (-1, 1, -1), False),
    ]
    assert s.outputs is not None
    assert s.outputs[0].shape == (-1, 1)
    tree = parse_text_format(CONFIG)
    assert tree["version_policy"][0]["specific"][0]["versions"] == [1, 2]
    assert tree["parameters"][0]["value"][0]["string_value"] == ['quote " and \\ brace }']
    assert tree["output"][0]["label_filename"] == ["ab.txt"]


@pytest.mark.parametrize(
    ("written", "read"),
    [("x\\101", "xA"), ("\\x62c", "bc"), ("\\303\\244", "ä"), ("\\u00e4", "ä"), ("\\U0001F600", "😀"), ("a\\?\\'\\\\", "a?'\\"),
     ("\\777", "\ufffd"), ("\\Uffffffff", "?"), ("\\ud800", "?"), ("\\n\\v", "\n\v"), ("ä", "ä")],
)  # fmt: skip
def test_escapes_of_the_text_format(written: str, read: str) -> None:
    assert parse_text_format(f'name: "{written}"') == {"name": [read]}


def test_triton_config_without_inputs_is_unknown() -> None:
    assert read_triton_config('name: "x"', "x").inputs is None


@pytest.mark.parametrize(
    "text", ["a", "a: ", "a {", "a: [1", "}", "a: }", "{", '"x"', "a {" * 500, "a: 'x", "a: [ ] ]", "a: @"]
)
def test_hostile_text_format(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_text_format(text)


TFSERVING = {
    "model_spec": {"name": "half", "signature_name": "", "version": "123"},
    "metadata": {"signature_def": {"signature_def": {
        "serving_default": {
            "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "4"}]}}},
            "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [], "unknown_rank": True}}}},
        "__saved_model_init_op": {"inputs": {}, "outputs": {}}}}},
}  # fmt: skip


def test_tfserving() -> None:
    s = read_tfserving(TFSERVING)
    assert s.inputs is not None
    assert s.outputs is not None
    assert (s.inputs[0].type, s.inputs[0].shape, s.outputs[0].shape) == ("float32", (-1, 4), None)
    assert (s.version, s.endpoints) == ("123", ("serving_default",))


def test_a_second_signature_that_changes_is_another_way_to_ask() -> None:
    def served(
        kind: str, method: str = "tensorflow/serving/predict", first: str = "tensorflow/serving/predict"
    ) -> Signature:
        document = json.loads(json.dumps(TFSERVING))
        signatures = document["metadata"]["signature_def"]["signature_def"]
        signatures["serving_default"]["method_name"] = first
        second = {"inputs": {"t": {"dtype": kind}}, "outputs": {}, "method_name": method}
        signatures["tokens"] = second
        return read_tfserving(document)

    base = served("DT_STRING")
    assert base.endpoints == ("serving_default", "tokens(t string ?) -> ")
    others = (served("DT_INT64"), served("DT_STRING", "x/classify"), served("DT_STRING", first="x/regress"))
    for other in others:
        told = {(f.rule, f.verdict) for f in compare(other, base, READERS["tfserving"]).findings}
        assert ("R7", Verdict.BLOCK) in told


def test_a_parameter_takes_null_and_a_list_of_them_does_not() -> None:
    """As `_enforce_param_datatype` does; two versions alike must not be unknown for it."""
    text = MLMODEL.replace(
        '"shape": null}]', '"shape": null}, {"name": "l", "type": "long", "default": [1], "shape": [-1]}]'
    )
    s = read_mlmodel(text, "m")
    assert [f.nullable for f in s.inputs or () if f.name.startswith("params.")] == [True, False]
    assert not compare(s, s, READERS["mlflow"]).findings


def _varint(n: int) -> bytes:
    out = b""
    while True:
        out += bytes([(n & 0x7F) | (0x80 if n > 0x7F else 0)])
        n >>= 7
        if not n:
            return out


def number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value % 2**64)


def block(field: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def onnx_bytes() -> bytes:
    def value(name: str, elem: int, dims: list[bytes]) -> bytes:
        return block(1, name.encode()) + block(2, block(1, number(1, elem), block(2, *(block(1, d) for d in dims))))

    graph = (
        block(5, number(2, 1), block(8, b"w")) * 1
        + block(11, value("x", 1, [block(2, b"batch"), number(1, 4)]))
        + block(11, value("w", 1, [number(1, 4)]))
        + block(12, value("y", 7, [block(2, b"batch")]))
    )
    return number(1, 9) + block(2, b"test") + block(7, graph) + block(8, block(1, b""), number(2, 19))


def test_onnx(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes())
    s = read_path(path)
    assert s.inputs is not None
    assert s.outputs is not None
    told = [(f.name, f.type, f.shape, f.required, f.has_default) for f in s.inputs]
    assert told == [("x", "float32", (-1, 4), True, None), ("w", "float32", (4,), False, True)]
    assert [(f.name, f.type, f.shape) for f in s.outputs] == [("y", "int64", (-1,))]
    assert s.runtime is not None
    assert (s.runtime.ir_version, s.runtime.opsets, s.name) == (9, {"": 19}, "net")


def test_weights_in_other_files_leave_the_size_unknown(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for where, size in ((0, True), (1, False)):
        graph = block(5, block(8, b"w"), number(14, where)) + block(12, block(1, b"y"))
        path.write_bytes(number(1, 9) + block(7, graph))
        s = read_path(path)
        assert (s.size_bytes is not None) is size
        assert any("other files" in note for note in s.sources) is not size


def test_what_a_converted_classifier_answers_with_has_a_type(tmp_path: Path) -> None:
    """scikit-learn's converter answers with a sequence of maps, class to probability."""
    number_tensor = block(1, number(1, 1))
    answers = block(2, block(4, block(1, block(5, number(1, 7), block(2, number_tensor)))))
    optional = block(2, block(9, block(1, number_tensor)))
    graph = block(11, block(1, b"x"), optional) + block(12, block(1, b"probabilities"), answers)
    path = tmp_path / "net.onnx"
    path.write_bytes(number(1, 9) + block(7, graph) + block(8, block(1, b""), number(2, 19)))
    s = read_path(path)
    assert s.outputs is not None
    assert s.inputs is not None
    assert [(f.name, f.type) for f in s.outputs] == [("probabilities", "array<map<int64,float32>>")]
    assert [(f.name, f.type, f.required) for f in s.inputs] == [("x", "float32", False)]
    deep = number_tensor
    for _ in range(40):
        deep = block(4, block(1, deep))
    path.write_bytes(number(1, 9) + block(7, block(12, block(1, b"y"), block(2, deep))))
    with pytest.raises(Unreadable):
        read_path(path)


def test_saved_model(tmp_path: Path) -> None:
    def tensor(name: str, dtype: int, dims: list[int]) -> bytes:
        shape = block(3, *(block(2, number(1, d)) for d in dims))
        return block(1, name.encode()) + block(2, block(1, b"x:0"), number(2, dtype), shape)

    signature = block(1, tensor("x", 1, [-1, 4])) + block(2, tensor("y", 9, [-1]))
    graph = block(1, block(5, b"2.16.1")) + block(5, block(1, b"serving_default"), block(2, signature))
    (tmp_path / "saved_model.pb").write_bytes(number(1, 1) + block(2, graph))
    s = read_path(tmp_path)
    assert s.inputs is not None
    assert s.outputs is not None
    assert (s.inputs[0].type, s.inputs[0].shape, s.outputs[0].type) == ("float32", (-1, 4), "int64")
    assert s.runtime is not None
    assert s.runtime.version == "2.16.1"
    with pytest.raises(Unreadable):
        read_saved_model(memoryview(b"\x08\x01"), "m")


def test_native_round_trip() -> None:
    s = read_mlmodel(MLMODEL, "diamonds", "4")
    again = read_native(json.loads(json.dumps(write_native(s))))
    assert again == s


@pytest.mark.parametrize(
    "change",
    [{"schema": "x/2"}, {"inputs": 3}, {"inputs": [{}]}, {"name": ""}, {"extras": "maybe"},
     {"inputs": [{"name": "a", "required": "yes"}]}, {"inputs": [{"name": "a", "shape": ["x"]}]}],
)  # fmt: skip
def test_native_refuses_what_it_does_not_understand(change: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read_native({"schema": "mlcontrol.signature/1", "name": "m", **change})


def test_directory_and_missing(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MLMODEL)
    assert read_path(tmp_path).name == tmp_path.name
    with pytest.raises(Unreadable, match="does not exist"):
        read_path(tmp_path / "nothing")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Unreadable, match="holds no model"):
        read_path(empty)


def test_a_directory_is_also_read_from_its_model_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(onnx_bytes())
    of_file = (read_path(tmp_path / "model.onnx").inputs or ())[0]
    assert of_file.type == "float32"
    inputs = [{"name": of_file.name, "type": "float64", "shape": list(of_file.shape or ()), "tensor": True}]
    declared = {"schema": "mlcontrol.signature/1", "name": "m", "inputs": inputs}
    (tmp_path / "signature.json").write_text(json.dumps(declared))
    found = read_path(tmp_path)
    assert [(f.name, f.type) for f in found.inputs or ()] == [(of_file.name, "float32")]
    assert {f"inputs.{of_file.name}", "runtime"} <= found.inferred
    assert any("declared float64, model.onnx reads float32" in note for note in found.sources)
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 40)
    broken = read_path(tmp_path)
    assert [(f.name, f.type) for f in broken.inputs or ()] == [(of_file.name, "float64")]
    assert any("model.onnx could not be read" in note for note in broken.sources)
    assert read_path(tmp_path / "signature.json").inferred == frozenset()


def test_a_default_that_is_a_list_is_compared() -> None:
    def told(default: object) -> object:
        row = {"name": "a", "has_default": True, "default": default}
        inputs = read_native({"schema": "mlcontrol.signature/1", "name": "m", "inputs": [row]}).inputs
        return inputs[0].default if inputs else None

    assert told([1, 2]) != told([1, 3])
    assert told([1, 2]) == told([1, 2])


def test_sizes_no_file_has_are_not_known() -> None:
    assert read_native({"schema": "mlcontrol.signature/1", "name": "m", "size_bytes": 10**400}).size_bytes is None
    with pytest.raises(Unreadable):
        read_native({"schema": "mlcontrol.signature/1", "name": "m", "inputs": [{"name": "a", "shape": [10**400]}]})


def test_the_files_beside_a_stray_mlmodel_are_not_its_weight(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"x" * 100)
    for name in ("candidate.yaml", "MLmodel"):
        (tmp_path / name).write_text("flavors: {sklearn: {}}\n")
    assert read_path(tmp_path / "candidate.yaml").size_bytes is None
    assert read_path(tmp_path / "MLmodel").size_bytes is not None


def test_a_word_a_signature_file_misspells_is_told() -> None:
    row = {"name": "a", "domian": {"min": 3}}
    s = read_native({"schema": "mlcontrol.signature/1", "name": "m", "inputs": [row]})
    assert any("'domian'" in note and "inputs.a" in note for note in s.sources)
    assert any("domian" in what for what in compare(s, s, READERS["strict"]).unknowns)
    for wrong in ({"inputs": [{"name": "a", "domain": {"min": "3"}}]}, {"created_at": "yesterday"}):
        with pytest.raises(Unreadable):
            read_native({"schema": "mlcontrol.signature/1", "name": "m", **wrong})

"""Schemas where a team keeps them, and skops headers: what they say of inputs, and what they leave unknown."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.signature import Domain, Signature


def _written(path: Path, document: Any) -> Signature:
    path.write_text(json.dumps(document))
    return read_path(path)


AVRO = {
    "type": "record",
    "name": "Fraud",
    "fields": [
        {"name": "amount", "type": "double", "unit": "EUR", "semantic": "money"},
        {"name": "age", "type": ["null", "int"], "default": None},
        {"name": "country", "type": {"type": "enum", "name": "Country", "symbols": ["at", "de"]}, "aliases": ["land"]},
        {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "place", "type": {"type": "record", "name": "Place", "fields": [
            {"name": "lat", "type": "double"}, {"name": "note", "type": ["null", "string"], "default": None}]}},
        {"name": "either", "type": ["int", "string"]},
    ],
}  # fmt: skip


def test_avro(tmp_path: Path) -> None:
    s = _written(tmp_path / "fraud.avsc", AVRO)
    assert s.inputs is not None
    told = {f.name: (f.type, f.required, f.nullable) for f in s.inputs}
    assert told == {
        "amount": ("float64", True, False),
        "age": ("int32", False, True),
        "country": ("string", True, False),
        "seen": ("datetime", True, False),
        "tags": ("array<string>", True, False),
        "place": ("object{lat:float64,note?:nullable<string>}", True, False),
        "either": ("union<int32,string>", True, False),
    }
    by_name = {f.name: f for f in s.inputs}
    assert (by_name["amount"].unit, by_name["amount"].semantic) == ("EUR", "money")
    assert by_name["country"].domain == Domain(("at", "de"))
    assert by_name["country"].aliases == ("land",)
    assert (s.name, s.extras, s.matched_by, s.outputs) == ("Fraud", "ignore", "name", None)
    assert "outputs" in s.sources[0]


def test_avro_with_both_halves(tmp_path: Path) -> None:
    inner = {"type": "record", "name": "In", "fields": [{"name": "x", "type": "float"}]}
    outer = {"type": "record", "name": "Out", "fields": [{"name": "y", "type": "long"}]}
    both = {
        "type": "record",
        "name": "M",
        "fields": [{"name": "inputs", "type": inner}, {"name": "outputs", "type": outer}],
    }
    s = _written(tmp_path / "schema.avsc", both)
    assert s.inputs is not None
    assert s.outputs is not None
    assert [(f.name, f.type) for f in (*s.inputs, *s.outputs)] == [("x", "float32"), ("y", "int64")]
    assert read_path(tmp_path) == s


def test_avro_resolution_decides(tmp_path: Path) -> None:
    """A field added without a default cannot be read; with one it can, and so can one less."""
    old = _written(tmp_path / "old.avsc", {"type": "record", "name": "M", "fields": AVRO["fields"][:1]})
    bare = _written(tmp_path / "bare.avsc", {"type": "record", "name": "M", "fields": [
        *AVRO["fields"][:1], {"name": "n", "type": "int"}]})  # fmt: skip
    findings = {(f.rule, f.direction): f.verdict for f in compare(bare, old, READERS["strict"]).findings}
    assert findings["I1", Direction.DEPLOY] is Verdict.BLOCK
    assert findings["O1", Direction.DEPLOY] is Verdict.UNKNOWN  # no outputs stated: never passed
    easy = _written(tmp_path / "easy.avsc", {"type": "record", "name": "M", "fields": AVRO["fields"][:2]})
    findings = {(f.rule, f.direction): f.verdict for f in compare(easy, old, READERS["strict"]).findings}
    assert findings["I2", Direction.DEPLOY] is Verdict.INFO


def _avro(path: Path, kind: Any) -> Signature:
    return _written(path, {"type": "record", "name": "M", "fields": [{"name": "a", "type": kind}]})


def _logical(kind: str, logical: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logical, **more}


def _holding(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Inner", "fields": [{"name": "z", "type": kind}]}


def _enum(*symbols: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "enum", "name": "E", "symbols": symbols}}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (_holding("string"), _holding(["null", "string"])),
        ({"type": "array", "items": "string"}, {"type": "array", "items": ["null", "string"]}),
        (_logical("long", "timestamp-micros"), _logical("long", "timestamp-millis")),
        (_logical("long", "timestamp-millis"), _logical("int", "date")),
        (_logical("long", "time-micros"), _logical("int", "time-millis")),
        (_holding(_logical("long", "timestamp-micros")), _holding(_logical("long", "timestamp-millis"))),
        (
            _logical("bytes", "decimal", precision=10, scale=4),
            _logical("bytes", "decimal", precision=10, scale=2),
        ),
        ({"type": "fixed", "name": "F", "size": 8}, {"type": "fixed", "name": "F", "size": 16}),
        (_enum("a"), _enum("a", "b")),
    ],
)
def test_avro_types_that_look_alike_are_told_apart(new: Any, old: Any, tmp_path: Path) -> None:
    a, b = _avro(tmp_path / "new.avsc", new), _avro(tmp_path / "old.avsc", old)
    blocked = {f.rule for f in compare(a, b, READERS["mlflow"]).findings if f.verdict is Verdict.BLOCK}
    assert blocked & {"I12", "I26"}
    same = {f.rule for f in compare(a, a, READERS["mlflow"]).findings}
    assert same <= {"O1", "R1"}, "what is unknown of any Avro schema"


def test_avro_null_inside_may_be_added(tmp_path: Path) -> None:
    a = _avro(tmp_path / "new.avsc", _holding(["null", "string"]))
    b = _avro(tmp_path / "old.avsc", _holding("string"))
    rules = {(f.rule, f.direction.value, f.verdict.value) for f in compare(a, b, READERS["mlflow"]).findings}
    assert {r for r in rules if r[0][0] == "I"} == {("I12", "rollback", "block")} or (
        "I9",
        "rollback",
        "block",
    ) in rules


def _one(path: Path, kind: dict[str, Any], **more: Any) -> Signature:
    return _written(path, {"type": "object", "properties": {"a": kind}, "required": ["a"], **more})


_TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [
        ({**_TEXT, "pattern": "^x$"}, _TEXT, "unknown"),
        ({**_TEXT, "minLength": 4}, {**_TEXT, "minLength": 3}, "unknown"),
        ({"type": "number", "exclusiveMinimum": 4}, {"type": "number"}, "unknown"),
        ({**_TEXT, "const": "x"}, _TEXT, "unknown"),
        ({**_TEXT, "format": "email"}, _TEXT, "unknown"),
        ({**_TEXT, "not": {"enum": ["x"]}}, _TEXT, "unknown"),
        ({"type": "array", "items": {**_TEXT, "enum": ["x"]}}, {"type": "array", "items": _TEXT}, "unknown"),
        ({"type": "array"}, {"type": "array"}, "unknown"),
        ({"type": "array", "items": _TEXT}, {"type": "array", "items": {"type": ["string", "null"]}}, "block"),
        ({**_TEXT, "format": "date-time"}, {**_TEXT, "format": "date"}, "block"),
    ],
)
def test_json_schema_constraints_are_never_passed_over(
    new: dict[str, Any], old: dict[str, Any], verdict: str, tmp_path: Path
) -> None:
    a, b = _one(tmp_path / "new.json", new), _one(tmp_path / "old.json", old)
    report = compare(a, b, READERS["mlflow"])
    there = {f.verdict.value for f in report.findings if f.rule[0] == "I" and f.direction is Direction.DEPLOY}
    assert there == {verdict}
    if new != old:
        same = compare(a, a, READERS["mlflow"]).findings
        assert not [f for f in same if f.rule[0] == "I"]


def test_a_constraint_that_is_gone_may_be_missed_after_a_rollback(tmp_path: Path) -> None:
    a, b = _one(tmp_path / "new.json", _TEXT), _one(tmp_path / "old.json", {**_TEXT, "pattern": "^x$"})
    told = {(f.rule, f.direction, f.verdict) for f in compare(a, b, READERS["mlflow"]).findings if f.rule[0] == "I"}
    assert told == {("I19", Direction.ROLLBACK, Verdict.UNKNOWN)}


def test_json_schemas_of_generators_are_read(tmp_path: Path) -> None:
    """What may be null is written as a choice, what has a comment as a list of one."""
    either = {"anyOf": [{"type": "number", "maximum": 9}, {"type": "null"}], "default": None}
    place = {"allOf": [{"$ref": "#/$defs/p"}], "description": "where"}
    s = _written(
        tmp_path / "x.json",
        {
            "type": "object",
            "properties": {"a": either, "p": place},
            "$defs": {"p": {"type": "object", "properties": {"lat": either}}},
        },
    )
    assert s.inputs is not None
    assert [(f.name, f.type, f.nullable) for f in s.inputs] == [
        ("a", "float64", True),
        ("p", "object{lat?:nullable<float64>}", False),
    ]
    assert s.inputs[0].domain == Domain(None, None, 9.0)
    for word in ("allOf", "minProperties", "dependentRequired"):
        with pytest.raises(Unreadable, match=word):
            _one(tmp_path / "y.json", _TEXT, **{word: 4})


def test_json_schema(tmp_path: Path) -> None:
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fraud",
        "type": "object",
        "additionalProperties": False,
        "required": ["amount", "place"],
        "properties": {
            "amount": {"type": "number", "minimum": 0, "x-unit": "EUR"},
            "age": {"type": ["integer", "null"], "default": 30},
            "country": {"enum": ["at", "de", None]},
            "seen": {"type": "string", "format": "date-time"},
            "note": {"type": "string", "maxLength": 9},
            "place": {"$ref": "#/$defs/place"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        },
        "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]}},
    }
    s = _written(tmp_path / "schema.json", document)
    assert s.inputs is not None
    told = {f.name: (f.type, f.required, f.nullable, f.has_default) for f in s.inputs}
    assert told == {
        "amount": ("float64", True, False, None),
        "age": ("int64", False, True, True),
        "country": ("string", False, True, None),
        "seen": ("datetime", False, False, None),
        "note": ("string", False, False, None),
        "place": ("object{lat:float64}", True, False, None),
        "tags": ("array<string>", False, False, None),
    }
    domains = {f.name: f.domain for f in s.inputs if f.domain}
    assert domains["amount"] == Domain(None, 0.0, None)
    assert domains["country"] == Domain(("at", "de"))
    assert (domains["note"].max_length, domains["tags"].max_length) == (9, 3)
    assert (s.name, s.extras, s.outputs) == ("fraud", "reject", None)
    both = {"type": "object", "properties": {
        "inputs": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
        "outputs": {"type": "object", "properties": {"y": {"type": "number"}}}}}  # fmt: skip
    s = _written(tmp_path / "both.json", both)
    assert [(f.name, f.type) for f in (*(s.inputs or ()), *(s.outputs or ()))] == [("x", "int64"), ("y", "float64")]


def _node(value: Any) -> dict[str, Any]:
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def test_skops_header(tmp_path: Path) -> None:
    names = {
        "__class__": "ndarray",
        "__loader__": "NdArrayNode",
        "type": "json",
        "content": [_node("amount"), _node("age")],
    }
    state = {"feature_names_in_": names, "_sklearn_version": _node("1.9.1")}
    header = {"__class__": "Pipeline", "content": {"content": state}, "protocol": 2, "_skops_version": "0.16.0"}
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(header))
    s = read_path(tmp_path)
    assert [(f.name, f.type, f.required) for f in s.inputs or ()] == [("amount", None, True), ("age", None, True)]
    assert s.runtime is not None
    assert (s.runtime.framework, s.runtime.version, s.runtime.format) == ("sklearn", "1.9.1", "skops")
    assert (s.outputs, s.name) == (None, tmp_path.name)
    report = compare(s, s, READERS["mlserver"])
    assert (report.deploy, report.rollback) == (Verdict.UNKNOWN, Verdict.UNKNOWN)  # names without types are not enough


WATCH = """
import sys
FORBIDDEN = {"pickle", "_pickle", "joblib", "cloudpickle", "dill", "sklearn", "skops", "mlflow", "onnx", "onnxruntime",
             "tensorflow", "torch", "numpy", "pandas", "google", "PySide6", "requests", "urllib3"}
DEEDS = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.", "ctypes.")
watching = False
def watch(event, args):
    if not watching:
        return
    if event == "exec" and not getattr(args[0], "co_filename", "").endswith(".py"):
        raise SystemExit(f"executed {args!r:.200}")
    if event.startswith(DEEDS):
        raise SystemExit(f"did {event} {args!r:.200}")
    if event == "import" and args[0].partition(".")[0] in FORBIDDEN:
        raise SystemExit(f"imported {args[0]}")
sys.addaudithook(watch)
import yaml, zipfile  # what the readers load late; its own named tuples are made by exec
import mlcontrol.adapters.signatures.files as files
from pathlib import Path
from mlcontrol.adapters.signatures.bounds import Unreadable
deed = compile(sys.argv[2], "twin.py", "exec") if sys.argv[1] == "--twin" else None
watching = True
if deed is not None:
    exec(deed)
for name in sys.argv[1:]:
    try:
        files.read_path(Path(name))
    except Unreadable:
        pass
"""

HOSTILE = {
    "MLmodel": b"!!python/object/apply:os.system ['true']\n",
    "tagged/MLmodel": b"flavors:\n  sklearn: !!python/object/new:subprocess.Popen [[true]]\n",
    "good/MLmodel": b"flavors:\n  sklearn: {sklearn_version: '1.5', pickled_model: model.pkl}\n",
    "good/model.pkl": b"cos\nsystem\n(S'true'\ntR.",
    "model.onnx": b"\x80\x04\x95cposix\nsystem\n(S'true'\ntR.",
    "saved_model.pb": b"\x80\x04\x95cposix\nsystem\n(S'true'\ntR.",
    "config.pbtxt": b'name: "x" parameters { key: "EXECUTION_ENV_PATH" value { string_value: "$(true)" } }',
    "x.json": b'{"__reduce__": ["os.system", ["true"]], "schema": "mlcontrol.signature/1", "name": "x"}',
    "x.avsc": b'{"type": "record", "name": "__import__(\'os\')", "fields": []}',
}


def _hostile(folder: Path) -> list[str]:
    made = []
    for name, data in HOSTILE.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        if path.suffix != ".pkl":
            made.append(str(path))
    with zipfile.ZipFile(folder / "x.skops", "w") as archive:
        archive.writestr(
            "schema.json", json.dumps({"__class__": "system", "__module__": "os", "__loader__": "OperatorFuncNode"})
        )
        archive.writestr("1.npy", b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    return [*made, str(folder / "x.skops")]


def _watched(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCH, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_nothing_in_a_file_is_executed_and_no_framework_imported(tmp_path: Path) -> None:
    done = _watched(*_hostile(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "deed",
    [
        "import pickle",
        "import numpy",
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.socket()",
        "exec('1')",
    ],
)
def test_the_watch_notices(deed: str) -> None:
    """The twin: a reader that did such a thing would be caught."""
    assert _watched("--twin", deed).returncode == 1

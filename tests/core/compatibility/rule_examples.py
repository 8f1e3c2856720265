"""One or more cases for every rule that make it speak, and one where all is well."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mlcontrol.core.compatibility.facts import (
    ArtifactFacts,
    Binary,
    Consumers,
    DataFacts,
    GoldenFacts,
    OperationFacts,
    ProbeFacts,
    QualityFacts,
)
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.signature import Domain, Field, Preprocessing, Runtime, Signature


def column(name: str, type_: str | None = "float64", **more: Any) -> Field:
    return Field(name, type_, **{"shape": (-1,), "required": True, "nullable": False, "tensor": False, **more})


def tensor(name: str, type_: str = "float32", shape: tuple[int, ...] = (-1, 4), **more: Any) -> Field:
    return Field(name, type_, **{"shape": shape, "required": True, "nullable": False, "tensor": True, **more})


def model(
    *inputs: Field, outputs: tuple[Field, ...] | None = (column("y"),), version: str = "1", **more: Any
) -> Signature:
    stated = {"size_bytes": 1000, "runtime": Runtime("sklearn", "1.5.0", "3.11.7", format="pickle"), **more}
    return Signature(**{"name": "m", "version": version, "inputs": inputs, "outputs": outputs, **stated})


@dataclass(frozen=True)
class Example:
    """``deploy``/``rollback``: the verdict the rule must give; `None`: no finding in that direction; ``quiet``: must not fire."""

    rule: str
    candidate: Signature
    current: Signature
    deploy: str | None = None
    rollback: str | None = None
    reader: str = "mlflow"
    quiet: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ""


A, B = column("a"), column("b")
BASE = model(A)
RUN = Runtime("sklearn", "1.5.0", "3.11.7", format="pickle")


def _with(f: Field, **more: Any) -> Signature:
    return model(replace(f, **more))


def _out(*outputs: Field) -> Signature:
    return model(A, outputs=outputs)


def _runtime(runtime: Runtime) -> Signature:
    return model(A, runtime=runtime)


_BINARY = Binary("b", {"sklearn": "1.5.2"}, "3.11.9")
_BARE = Binary("bare", {"onnxruntime": "1.18"})
_ONNX = Runtime("onnx", format="onnx", ir_version=99, opsets={"": 99})
_SKOPS = replace(RUN, format="skops")
_SEEN_A = observe([{"a": 1.5}] * 10)
_SEEN_AB = observe([{"a": 1.5, "b": 2.0}] * 10)
_VALUES = column("c", "string", domain=Domain(("x", "y")))
_PRE = Preprocessing(False, "one")
_STATS = {"a": {"median": 1500.0}}

FIRES = (
    Example("I1", model(A, B), BASE, "block", "pass"),
    Example("I1", model(A, B), BASE, "block", "block", reader="triton"),
    Example("I1", model(A, B), BASE, "info", "pass", facts={"observed": _SEEN_AB}),
    Example("I1", model(A, replace(B, required=None)), BASE, "unknown", "pass"),
    Example("I2", model(A, replace(B, required=False)), BASE, "info", "warn"),
    Example("I2", model(A, replace(B, required=False)), BASE, "info", "block", reader="triton"),
    Example("I3", model(A, replace(B, has_default=True)), BASE, "warn", "warn"),
    Example("I3", model(A, replace(B, has_default=True)), BASE, "info", "warn",
            facts={"probe": ProbeFacts(True, answered=True, exact_binary=True, fills_defaults=True)}),
    Example("I4", BASE, model(A, B), "warn", "block"),
    Example("I4", BASE, model(A, B), "block", "block", reader="triton"),
    Example("I4", BASE, model(A, B), "warn", "warn", facts={"observed": _SEEN_AB}),
    Example("I4", BASE, model(A, B), "warn", "block", facts={"observed": _SEEN_A}),
    Example("I5", BASE, model(A, replace(B, required=False)), "info", "pass"),
    Example("I5", BASE, model(A, replace(B, required=False)), "block", "pass", reader="onnxruntime"),
    Example("I6", model(A, column("ltg")), model(A, column("s5")), "block", "block"),
    Example("I6", model(A, column("ltg", aliases=("s5",))), model(A, column("s5", aliases=("ltg",))), "info", "info"),
    Example("I7", model(A, B), model(B, A), "pass", "pass"),
    Example("I8", model(A, B, matched_by="position"), model(B, A), "block", "block"),
    Example("I8", model(A, column("x", required=False), B, matched_by="position"), model(A, B), "block", "block",
            note="everything behind it moves"),
    Example("I8", model(A, B, matched_by="position"), model(A, column("x", required=False), B), "block", "block"),
    Example("I8", model(A, B, column("x", required=False), matched_by="position"), model(A, B), None, None,
            note="at the end it moves nothing"),
    Example("I9", _with(A, type="float64"), _with(A, type="float32"), "pass", "block"),
    Example("I9", model(tensor("a", "float64")), model(tensor("a", "float32")), "block", "block", reader="triton"),
    Example("I9", model(tensor("a", "float64")), model(tensor("a", "float32")), "block", "block"),
    Example("I10", _with(A, type="float64"), _with(A, type="int64"), "block", "block"),
    Example("I10", _with(A, type="float64"), _with(A, type="int64"), "warn", "block", reader="tfserving"),
    Example("I11", _with(A, type="float32"), _with(A, type="float64"), "block", "pass"),
    Example("I12", _with(A, type="string"), _with(A, type="float64"), "block", "block"),
    Example("I12", _with(A, type=None), _with(A, type="float64"), "unknown", "unknown"),
    Example("I12", _with(A, type="array<?>"), _with(A, type="array<?>"), "unknown", "unknown"),
    Example("I13", _with(A, has_default=True, default=1.0), BASE, "pass", "warn"),
    Example("I13", _with(A, required=False, nullable=True), BASE, "pass", "warn"),
    Example("I13", _with(A, nullable=True), BASE, "pass", "block",
            facts={"observed": observe([{"a": None}, {"a": 1.0}])}),
    Example("I14", BASE, _with(A, required=False, nullable=True), "warn", "pass"),
    Example("I14", BASE, _with(A, nullable=True), "block", "pass",
            facts={"observed": observe([{"a": None}, {"a": 1.0}])}),
    Example("I14", BASE, _with(A, has_default=True, default=1.0), "warn", "pass", note="its default is withdrawn"),
    Example("I15", model(tensor("t", shape=(-1, -1))), model(tensor("t", shape=(-1, 4))), "pass", "block"),
    Example("I15", model(tensor("t", shape=(-1, -1))), model(tensor("t", shape=(-1, 2))), "pass", "warn",
            facts={"observed": observe([{"t": [1.0, 2.0]}])}),
    Example("I16", model(tensor("t", shape=(-1, 4))), model(tensor("t", shape=(-1, -1))), "block", "pass"),
    Example("I17", model(tensor("t", shape=(-1, 5))), model(tensor("t", shape=(-1, 4))), "block", "block"),
    Example("I17", model(tensor("t", shape=(1, 4))), model(tensor("t", shape=(-1, 4))), "block", "block"),
    Example("I17", model(tensor("t", shape=(-1, 4, 4))), model(tensor("t", shape=(-1, 4))), "block", "block"),
    Example("I18", _with(A, domain=Domain(max=10)), _with(A, domain=Domain(max=20)), "warn", "pass"),
    Example("I18", _with(A, domain=Domain(max=1)), BASE, "block", "pass", facts={"observed": _SEEN_A}),
    Example("I19", _with(A, domain=Domain(max=20)), _with(A, domain=Domain(max=10)), "pass", "warn"),
    Example("I20", _with(_VALUES, domain=Domain(("x", "y", "z"))), model(_VALUES), "pass", "warn"),
    Example("I21", _with(_VALUES, domain=Domain(("x",))), model(_VALUES), "warn", "pass"),
    Example("I21", _with(_VALUES, domain=Domain(("x",))), model(_VALUES), "block", "pass",
            facts={"observed": observe([{"c": "y"}])}),
    Example("I22", _with(_VALUES, domain=Domain(("y", "x"))), model(_VALUES), "block", "block"),
    Example("I23", _with(A, has_default=True, default=1.0), _with(A, has_default=True, default=2.0), "warn", "warn"),
    Example("I24", model(A, preprocessing=Preprocessing(False, "two")), model(A, preprocessing=_PRE), "block", "block"),
    Example("I24", model(A, preprocessing=Preprocessing(False)), model(A, preprocessing=_PRE), "unknown", "unknown"),
    Example("I25", model(A, preprocessing=Preprocessing(True, "x")),
            model(A, preprocessing=Preprocessing(True, "y")), "info", "pass"),
    Example("I26", _with(A, encoding="rgb"), _with(A, encoding="gray"), "block", "block"),
    Example("I27", _with(A, semantic="postal_code"), _with(A, semantic="money", unit="USD"), "block", "block"),
    Example("I27", _with(A, unit="km"), _with(A, unit="m"), "block", "block"),
    Example("I28", model(A, B, tombstones=("b",)), BASE, "block", "block"),
    Example("I29", model(A, statistics=_STATS), BASE, "block", "warn", facts={"observed": _SEEN_A}),
    Example("O1", _out(), BASE, "block", "pass"),
    Example("O1", _out(column("y", None)), BASE, "unknown", "unknown"),
    Example("O1", _out(column("y", None)), _out(column("y", None)), "unknown", "unknown"),
    Example("O1", _out(column("y", shape=None)), BASE, "unknown", "unknown"),
    Example("O2", _out(column("y"), column("z")), BASE, "pass", "warn"),
    Example("O2", _out(column("y"), column("z")), BASE, "pass", "block",
            facts={"consumers": Consumers(frozenset({"z"}))}),
    Example("O3", _out(column("z")), BASE, "block", "block"),
    Example("O4", _out(column("y", "float64")), _out(column("y", "float32")), "warn", "pass"),
    Example("O4", _out(column("y", "float64")), _out(column("y", "float32")), "block", "pass",
            facts={"consumers": Consumers(typed=True)}),
    Example("O5", _out(column("y", "float32")), BASE, "info", "warn"),
    Example("O6", _out(column("y", nullable=True)), BASE, "block", "pass"),
    Example("O7", _out(tensor("y", shape=(-1, 5))), _out(tensor("y", shape=(-1, 4))), "block", "block"),
    Example("O8", _out(column("y", classes=("a", "b"))), _out(column("y", classes=("a",))), "block", "pass"),
    Example("O9", _out(column("y", classes=("a",))), _out(column("y", classes=("a", "b"))), "warn", "warn"),
    Example("O10", _out(column("y", classes=("b", "a"))), _out(column("y", classes=("a", "b"))), "block", "block"),
    Example("O11", _out(column("y", meaning="logit")), _out(column("y", meaning="probability")), "block", "block"),
    Example("O12", BASE, BASE, "warn", "info",
            facts={"quality": QualityFacts(True, True, positive_rate=0.5, positive_rate_band=(0.1, 0.2))}),
    Example("R1", _runtime(Runtime("xgboost", "2.0")), _runtime(RUN), "block", "pass", facts={"binary": _BINARY}),
    Example("R1", _runtime(Runtime("sklearn", None)), _runtime(RUN), "unknown", "pass", facts={"binary": _BINARY}),
    Example("R1", _runtime(Runtime("xgboost", "2.0")), _runtime(RUN), "unknown", "pass"),
    Example("R2", _runtime(replace(RUN, version="1.6.0")), _runtime(RUN), "block", "pass", facts={"binary": _BINARY}),
    Example("R2", _runtime(replace(_SKOPS, version="1.6.0")), _runtime(_SKOPS), "block", "pass", facts={"binary": _BINARY},
            note="skops asks for the same scikit-learn"),
    Example("R3", _runtime(replace(_SKOPS, version="1.4.0")), _runtime(_SKOPS), "warn", "pass", facts={"binary": _BINARY}),
    Example("R6", _runtime(replace(_SKOPS, python="3.12.1")), _runtime(_SKOPS), "warn", "pass", facts={"binary": _BINARY}),
    Example("R1", _runtime(replace(_SKOPS, version=None)), _runtime(_SKOPS), "unknown", "unknown"),
    Example("R3", _runtime(replace(RUN, version="1.4.0")), _runtime(RUN), "warn", "pass", facts={"binary": _BINARY}),
    Example("R4", _runtime(Runtime("onnx", ir_version=11)), _runtime(Runtime("onnx", ir_version=9)), "block", "pass",
            facts={"binary": Binary(frameworks={"onnxruntime": "1.18"}, max_ir_version=10)}),
    Example("R5", _runtime(Runtime("onnx", opsets={"": 22})), _runtime(Runtime("onnx", opsets={"": 17})), "block", "pass",
            facts={"binary": Binary(frameworks={"onnxruntime": "1.18"}, opsets={"": 21})}),
    Example("R4", _runtime(_ONNX), _runtime(_ONNX), "unknown", "unknown", facts={"binary": _BARE}),
    Example("R5", _runtime(_ONNX), _runtime(_ONNX), "unknown", "unknown", facts={"binary": _BARE}),
    Example("R6", _runtime(replace(RUN, python=None)), _runtime(RUN), "unknown", "pass", facts={"binary": _BINARY}),
    Example("R6", _runtime(RUN), _runtime(RUN), "unknown", "unknown", facts={"binary": Binary("b", {"sklearn": "1.5.2"})}),
    Example("R6", _runtime(replace(RUN, python="3.12.1")), _runtime(RUN), "block", "pass", facts={"binary": _BINARY}),
    Example("R7", model(A, endpoints=("v2",)), model(A, endpoints=("v1",)), "block", "block"),
    Example("R8", _runtime(replace(RUN, version="1.6.0")), _runtime(RUN), "warn", "warn",
            facts={"binary": Binary("new", {"sklearn": "1.6.1"}), "previous_binary": Binary("old", {"sklearn": "1.5.1"})}),
    Example("R8", BASE, BASE, "unknown", "unknown", facts={"binary": _BINARY, "previous_binary": Binary("old")}),
    Example("R9", _runtime(RUN), _runtime(Runtime()), "unknown", "unknown",
            facts={"binary": _BINARY, "previous_binary": _BINARY}),
    Example("R9", _runtime(replace(RUN, version="2.0.0")), _runtime(RUN), "warn", "warn",
            facts={"binary": Binary("new", {"sklearn": "2.0.0"}), "previous_binary": Binary("old", {"sklearn": "1.5.1"})}),
    Example("R10", _runtime(RUN), _runtime(RUN), "block", "block",
            facts={"operation": OperationFacts(replica_binaries=(_BINARY, Binary("c", {"sklearn": "1.4.0"})))}),
    Example("R11", BASE, BASE, "block", None, facts={"probe": ProbeFacts(False, "no such class")}),
    Example("R11", BASE, BASE, "block", None,
            facts={"probe": ProbeFacts(True, load_s=9, max_load_s=5, answered=True, exact_binary=True)}),
    Example("R11", BASE, BASE, None, "block", facts={"current_probe": ProbeFacts(False, "gone")}),
    Example("R12", BASE, BASE, "block", "pass", facts={"probe": ProbeFacts(True, answered=False, exact_binary=True)}),
    Example("R13", BASE, BASE, "unknown", "warn", facts={"probe": ProbeFacts(True, answered=True)}),
    Example("R13", _with(A, nullable=True), BASE, "unknown", "warn", "tfserving"),
    Example("R13", BASE, BASE, None, None, "torchserve", note="the same inputs are read the same"),
    Example("R13", _with(A, nullable=True), BASE, None, None, "tfserving",
            facts={"probe": ProbeFacts(True, answered=True, exact_binary=True)}),
    Example("R14", BASE, BASE, "block", "pass",
            facts={"probe": ProbeFacts(True, answered=True, exact_binary=True, memory_bytes=9, memory_limit_bytes=5)}),
    Example("R15", BASE, BASE, "block", "pass", facts={"artifact": ArtifactFacts("sha256:a", "sha256:b", True)}),
    Example("R15", BASE, BASE, "unknown", "pass", facts={"artifact": ArtifactFacts(None, "sha256:b", True)}),
    Example("R16", BASE, BASE, "block", None, facts={"artifact": ArtifactFacts(files_present=False)}),
    Example("R16", BASE, BASE, None, "block", facts={"current_artifact": ArtifactFacts(files_present=False)}),
    Example("R17", BASE, BASE, "warn", "warn", facts={"operation": OperationFacts(controller="argo")}),
    Example("S1", model(A, size_bytes=1400), BASE, "warn", "info"),
    Example("S1", model(A, size_bytes=None), BASE, "unknown", "info"),
    Example("S2", model(A, size_bytes=1600), BASE, "block", "info"),
    Example("S2", model(A, size_bytes=0), BASE, "block", "info"),
    Example("S3", BASE, BASE, "warn", "info", facts={"data": DataFacts(examples=5, examples_band=(10, 20))}),
    Example("S4", model(A, created_s=1.0), model(A, created_s=2.0), "block", None),
    Example("S5", BASE, BASE, None, "warn",
            facts={"operation": OperationFacts(target_age_s=200.0, freshness_slo_s=100.0)}),
    Example("D1", BASE, BASE, "warn", "info", facts={"data": DataFacts(distances={"a": (0.3, 0.1)})}),
    Example("D1", BASE, BASE, "block", "info",
            facts={"data": DataFacts(distances={"a": (0.3, 0.1)}, important=frozenset("a"))}),
    Example("D2", model(A, slices=("r=n",)), BASE, "warn", "pass",
            facts={"data": DataFacts(serving_slices=frozenset({"r=s"}))}),
    Example("D2", BASE, BASE, "unknown", "pass", facts={"data": DataFacts(serving_slices=frozenset({"r=s"}))}),
    Example("D3", BASE, BASE, "warn", "info", facts={"data": DataFacts(slice_shares={"r=s": (0.5, 0.2)})}),
    Example("D4", model(A, data_until_s=10.0), BASE, "warn", None,
            facts={"data": DataFacts(validation_until_s=5.0, time_influenced=True)}),
    Example("Q1", BASE, BASE, "block", None, facts={"golden": GoldenFacts(0.9, 10, 0.5, ("g1",))}),
    Example("Q1", BASE, BASE, None, "warn", facts={"current_golden": GoldenFacts(0.9, 10, 0.5, ("g1",))}),
    Example("Q2", BASE, BASE, "block", None, facts={"golden": GoldenFacts(0.4, 10, 0.5)}),
    Example("Q2", BASE, BASE, "unknown", None, facts={"golden": GoldenFacts(0.4, 10)}),
    Example("Q2", BASE, BASE, "unknown", None, facts={"golden": GoldenFacts(None, 0, 0.5)}),
    Example("Q3", BASE, BASE, "unknown", None, facts={"quality": QualityFacts()}),
    Example("Q4", BASE, BASE, "block", None, facts={"quality": QualityFacts(True, evaluators="worse")}),
    Example("Q4", BASE, BASE, "warn", None, facts={"quality": QualityFacts(True, evaluators="inconclusive")}),
    Example("Q5", BASE, BASE, "warn", None,
            facts={"quality": QualityFacts(True, offline_metric=0.99, canary_metric=0.8)}),
    Example("P1", BASE, BASE, "block", "pass", facts={"operation": OperationFacts(freeze="holidays")}),
    Example("P2", model(A, version="2"), BASE, "block", None,
            facts={"operation": OperationFacts(quarantined={"2": "bad"})}),
    Example("P2", model(A, version="2"), BASE, None, "block",
            facts={"operation": OperationFacts(quarantined={"1": "bad"})}),
    Example("P3", BASE, BASE, "warn", "info", facts={"operation": OperationFacts(drill_age_days=31.0)}),
    # The way back: what is said of the old version.
    Example("R1", _runtime(RUN), _runtime(Runtime("xgboost", "2.0")), "pass", "block", facts={"binary": _BINARY}),
    Example("R2", _runtime(RUN), _runtime(replace(RUN, version="1.6.0")), "pass", "block", facts={"binary": _BINARY}),
    Example("R3", _runtime(RUN), _runtime(replace(RUN, version="1.4.0")), "pass", "warn", facts={"binary": _BINARY}),
    Example("R4", _runtime(Runtime("onnx", ir_version=9)), _runtime(Runtime("onnx", ir_version=11)), "pass", "block",
            facts={"binary": Binary(frameworks={"onnxruntime": "1.18"}, max_ir_version=10)}),
    Example("R5", _runtime(Runtime("onnx", opsets={"": 17})), _runtime(Runtime("onnx", opsets={"": 22})), "pass", "block",
            facts={"binary": Binary(frameworks={"onnxruntime": "1.18"}, opsets={"": 21})}),
    Example("R5", _runtime(Runtime("onnx", opsets={"": 17, "com.acme": 1})), _runtime(Runtime("onnx", opsets={"": 17})),
            "block", "pass", facts={"binary": Binary(frameworks={"onnxruntime": "1.18"}, opsets={"": 21})}),
    Example("R6", _runtime(RUN), _runtime(replace(RUN, python="3.12.1")), "pass", "block", facts={"binary": _BINARY}),
    Example("R12", BASE, BASE, None, "block", facts={"current_probe": ProbeFacts(True, answered=False, exact_binary=True)}),
    Example("R14", BASE, BASE, "pass", "block",
            facts={"current_probe": ProbeFacts(True, answered=True, exact_binary=True, memory_bytes=9, memory_limit_bytes=5)}),
    Example("R15", BASE, BASE, "pass", "block", facts={"current_artifact": ArtifactFacts("sha256:a", "sha256:b", True)}),
    Example("Q2", BASE, BASE, None, "warn", facts={"current_golden": GoldenFacts(0.4, 10, 0.5)}),
    # What one side does not say is not known, until real requests tell.
    Example("I12", model(column("a", None)), model(column("a", None)), "unknown", "unknown"),
    Example("I13", _with(A, required=None), BASE, "pass", "unknown"),
    Example("I13", _with(A, required=False, nullable=True), _with(A, required=None, nullable=None), "pass", "unknown"),
    Example("I14", BASE, _with(A, required=None), "unknown", "pass"),
    Example("I14", _with(A, nullable=False), _with(A, nullable=None), "unknown", "pass"),
    Example("I14", BASE, _with(A, required=None), "warn", "pass", facts={"observed": _SEEN_A}),
    Example("I21", _with(A, domain=Domain(("p", "q"))), BASE, "warn", "pass"),
    Example("I20", BASE, _with(A, domain=Domain(("p", "q"))), "pass", "warn"),
    Example("O10", _out(column("y", meaning="probability")), _out(column("y", classes=("a", "b"))), "unknown", "unknown"),
)  # fmt: skip

_GOOD_PROBE = ProbeFacts(
    True, load_s=1, max_load_s=5, answered=True, exact_binary=True, memory_bytes=1, memory_limit_bytes=2
)
ALL_GOOD = {
    "artifact": ArtifactFacts("sha256:a", "sha256:a", True),
    "current_artifact": ArtifactFacts("sha256:a", "sha256:a", True),
    "probe": _GOOD_PROBE,
    "golden": GoldenFacts(0.99, 100, 0.9, (), 0.98),
    "binary": Binary("b", {"sklearn": "1.5.0"}, "3.11.7", 10, {"": 21}),
    "previous_binary": Binary("a", {"sklearn": "1.5.0"}, "3.11.7"),
    "data": DataFacts(15, (10, 20), {"a": (0.1, 0.2)}, serving_slices=frozenset({"r=n"}), slice_shares={"r=n": (0.5, 0.5)},
                      validation_until_s=20.0, time_influenced=True),
    "quality": QualityFacts(True, True, "same", 0.9, 0.89, positive_rate=0.1, positive_rate_band=(0.0, 0.2)),
    "operation": OperationFacts(drill_age_days=3.0, target_age_s=1.0, freshness_slo_s=10.0, replica_binaries=(_BINARY,)),
    "observed": _SEEN_A,
    "consumers": Consumers(frozenset({"y"}), "name", False, True, True),
}  # fmt: skip
HEALTHY = model(
    replace(A, domain=Domain(None, 0, 10), semantic="length", unit="m", has_default=True, default=1.0),
    outputs=(column("y", classes=("a", "b"), meaning="probability"),),
    preprocessing=Preprocessing(True, "x"),
    runtime=RUN,
    created_s=5.0,
    data_until_s=10.0,
    endpoints=("v2",),
    slices=("r=n",),
    statistics={"a": {"median": 1.6}},
)

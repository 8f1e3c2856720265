"""The skew matrix {old, new model} x {old, new binary}, and the order in which model and binary go back together."""

from __future__ import annotations

import re

from mlcontrol.core.compatibility.facts import Binary
from mlcontrol.core.compatibility.report import SkewCell, Verdict
from mlcontrol.core.signature import Runtime, Signature

GUARANTEED = ("onnx", "savedmodel")  # formats a newer runtime promises to read
NO_BYTECODE = (
    *GUARANTEED,
    "skops",
)  # skops promises nothing of scikit-learn's versions, and does not depend on Python's


def parts(version: str) -> tuple[int, ...]:
    """The leading numbers of a version text: "1.9.1rc2" is (1, 9, 1)."""
    return tuple(int(n[:9]) for n in re.findall(r"\d+", version.split("+")[0])[:4])


def newer(a: str, b: str) -> bool:
    """Is ``a`` a newer minor version than ``b``? Patch levels do not count."""
    return parts(a)[:2] > parts(b)[:2]


def runs_in(signature: Signature, binary: Binary) -> tuple[Verdict, str]:
    """Does the model run in this binary, by what both declare? With the reason if not `PASS`."""
    runtime = signature.runtime or Runtime()
    have = (binary.frameworks or {}).get(runtime.framework or "")
    over = [
        f"{d or 'ai.onnx'} {v}" for d, v in runtime.opsets.items() if binary.opsets and v > binary.opsets.get(d, -1)
    ]
    if over:
        return Verdict.BLOCK, f"It needs opset {', '.join(over)}, which the binary lacks."
    if (
        runtime.ir_version is not None
        and binary.max_ir_version is not None
        and runtime.ir_version > binary.max_ir_version
    ):
        return Verdict.BLOCK, f"It needs ONNX IR {runtime.ir_version}, the binary reads {binary.max_ir_version}."
    if runtime.framework is None or binary.frameworks is None:
        return Verdict.UNKNOWN, "What the model needs or the binary has is not known."
    if runtime.framework == "onnx" and (have or "onnxruntime" in binary.frameworks):
        told = binary.opsets is not None and binary.max_ir_version is not None
        # The file states what it needs, whatever made it.
        return (
            (Verdict.PASS, "") if told else (Verdict.UNKNOWN, "The binary's operator sets or IR version are not known.")
        )
    if have is None:
        return Verdict.BLOCK, f"It needs {runtime.framework}, which the binary lacks."
    if runtime.version is None:
        return Verdict.UNKNOWN, f"Its {runtime.framework} version is not known."
    if parts(runtime.version)[:1] != parts(have)[:1]:
        return Verdict.BLOCK, f"It was made with {runtime.framework} {runtime.version}, the binary has {have}."
    if newer(runtime.version, have) and runtime.format not in GUARANTEED:
        return Verdict.BLOCK, f"It was made with {runtime.framework} {runtime.version}, newer than the binary's {have}."
    pythons = [parts(p)[:2] for p in (runtime.python, binary.python) if p]
    if len(pythons) == 2 and pythons[0] != pythons[1] and runtime.format not in NO_BYTECODE:
        return Verdict.BLOCK, f"It was made with Python {runtime.python}, the binary runs {binary.python}."
    return Verdict.PASS, ""


def skew_matrix(
    candidate: Signature, current: Signature, binary: Binary | None, previous_binary: Binary | None
) -> tuple[SkewCell, ...]:
    """Four cells when both binaries are known, two when the release keeps its binary, none without one."""
    if binary is None:
        return ()
    binaries = (("old", previous_binary), ("new", binary))
    return tuple(
        SkewCell(model, name, *runs_in(signature, one))
        for model, signature in (("old", current), ("new", candidate))
        for name, one in binaries
        if one is not None
    )


def coupled_order(
    cells: tuple[SkewCell, ...], preprocessing_changed: bool, thresholds_changed: bool
) -> tuple[str, ...]:
    """What has to go back together and in which order, such that no step passes through a cell that fails."""
    fails = {(c.model, c.binary) for c in cells if c.verdict is not Verdict.PASS}
    steps: list[str] = []
    if ("old", "new") in fails and ("new", "old") in fails:
        steps += ["start replicas with the old binary and the old model", "move traffic to them", "stop the new ones"]
    elif ("new", "old") in fails:
        steps += ["model", "binary"]
    elif ("old", "new") in fails:
        steps += ["binary", "model"]
    if (preprocessing_changed or thresholds_changed) and not steps:
        steps = ["model"]
    if preprocessing_changed:
        steps.append("transform (in the same step as the model)")
    if thresholds_changed:
        steps.append("threshold (in the same step as the model)")
    return tuple(steps)

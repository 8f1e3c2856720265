"""A model's signature: what it reads and what it writes (native form of design interface `mlcontrol.signature/1`).

`None` always means "not known", never a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Domain:
    """Values a field may take: an enumeration (in vocabulary order), or a closed range; `None` = not known."""

    values: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    max_length: int | None = None  # of a text or a list


@dataclass(frozen=True, slots=True)
class Field:
    """One input or output.

    ``type``: numpy-like names ("int64", "float32", "string", "bool", "datetime", "binary", "object", "array").
    ``shape``: per item without knowledge of layout; -1 is a free dimension, `None` unknown (a column has ``(-1,)``).
    """

    name: str
    type: str | None = None
    shape: tuple[int, ...] | None = None
    required: bool | None = None
    nullable: bool | None = None
    has_default: bool | None = None
    default: str | float | bool | None = None
    domain: Domain | None = None
    semantic: str | None = None
    unit: str | None = None
    source: str | None = None
    entity: str | None = None
    classes: tuple[str, ...] | None = None  # outputs: the labels, in the order of the scores
    meaning: str | None = None  # outputs: "probability", "logit", ...
    tensor: bool | None = None  # False: a column of a table, which some readers cast; True: a tensor, which most do not
    aliases: tuple[str, ...] = ()  # other names the reader accepts for it
    encoding: str | None = None  # "base64", "rgb", "json", ...
    constraints: str | None = None  # what else narrows its values, as the source writes it; `None`: nothing is said


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a version was made with, or what a serving binary provides."""

    framework: str | None = None
    version: str | None = None
    python: str | None = None
    requirements: tuple[str, ...] | None = None
    format: str | None = None  # "pickle", "skops", "onnx", "savedmodel", ...
    ir_version: int | None = None  # ONNX
    opsets: dict[str, int] = field(default_factory=dict)  # ONNX: domain -> version ("" is the default domain)
    pickle_protocol: int | None = None
    cuda: str | None = None
    cpu_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preprocessing:
    inside: bool | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs or outputs `None`: the source does not say (unknown). Empty: it says there are none."""

    name: str
    version: str | None = None
    inputs: tuple[Field, ...] | None = None
    outputs: tuple[Field, ...] | None = None
    matched_by: Literal["name", "position"] | None = None
    extras: Literal["ignore", "reject"] | None = None
    preprocessing: Preprocessing | None = None
    runtime: Runtime | None = None
    size_bytes: int | None = None
    created_s: float | None = None
    digest: str | None = None
    tombstones: tuple[str, ...] = ()
    statistics: dict[str, dict[str, object]] = field(default_factory=dict)  # training data, by feature
    metrics: dict[str, float] = field(default_factory=dict)
    endpoints: tuple[str, ...] | None = None  # protocols and signature names callers use ("v2", "serving_default")
    max_batch: int | None = None
    data_from_s: float | None = None  # span of the training data
    data_until_s: float | None = None
    validation_from_s: float | None = None  # span of the data that it was validated on
    validation_until_s: float | None = None
    time_influenced: bool | None = None  # what is right changes with time
    slices: tuple[str, ...] | None = None  # "region=north": slices the training data holds
    slice_shares: dict[str, float] = field(default_factory=dict)  # "region=north": share of the training data, 0..1
    sources: tuple[str, ...] = ()  # what could not be read, in words
    # What was read from the artifact itself and not from what somebody wrote beside it: "inputs.x", "outputs.y", "runtime".
    inferred: frozenset[str] = frozenset()


def all_inferred(signature: Signature) -> Signature:
    """The same, marked as read from the artifact itself."""
    fields = {f"inputs.{f.name}" for f in signature.inputs or ()} | {
        f"outputs.{f.name}" for f in signature.outputs or ()
    }
    return replace(signature, inferred=frozenset(fields | ({"runtime"} if signature.runtime is not None else set())))


def overlaid(declared: Signature, read: Signature, what: str) -> Signature:
    """``declared`` with the types that the artifact itself states; where they differ the artifact is right, since it is what runs.

    Only tensors are laid over each other: a column may be converted before it reaches the graph. ``what`` names the artifact.
    """
    notes: list[str] = []
    inferred: set[str] = set()

    def lay(where: str, fields: tuple[Field, ...] | None, found: tuple[Field, ...] | None) -> tuple[Field, ...] | None:
        if fields is None or found is None:
            inferred.update(f"{where}.{f.name}" for f in found or ())
            return found if fields is None else fields
        by_name, laid = {f.name: f for f in found}, []
        for one in fields:
            other = by_name.get(one.name)
            if other is None or other.type is None or one.tensor is False:
                laid.append(one)
                continue
            if one.type is not None and one.type != other.type:
                notes.append(
                    f"{where} {one.name} is declared {one.type}, {what} reads {other.type}: declare what the file reads"
                )
            inferred.add(f"{where}.{one.name}")
            shape = other.shape if one.shape is None else one.shape
            laid.append(replace(one, type=other.type, shape=shape))
        return tuple(laid)

    inputs, outputs = lay("inputs", declared.inputs, read.inputs), lay("outputs", declared.outputs, read.outputs)
    runtime = declared.runtime
    if read.runtime is not None and (runtime is None or runtime.framework in (None, read.runtime.framework)):
        kept = runtime or Runtime()
        runtime = replace(
            read.runtime,
            version=read.runtime.version or kept.version,
            python=kept.python,
            requirements=kept.requirements,
        )
        inferred.add("runtime")
    return replace(
        declared, inputs=inputs, outputs=outputs, runtime=runtime, sources=(*declared.sources, *notes),
        inferred=declared.inferred | inferred,
    )  # fmt: skip

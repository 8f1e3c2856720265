"""Value types under one set of names, and how one relates to another."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from mlcontrol.core.compatibility.nested import reads_nested

_ALIASES = {
    # MLflow column types
    "boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64",
    "str": "string", "text": "string", "date": "datetime",
    # Open Inference Protocol and Triton
    "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64", "bytes": "string",
    # Python, JSON schema, Avro
    "int": "int64", "number": "float64", "object_": "object", "half": "float16", "complex": "complex128",
}  # fmt: skip
_SIZES = {
    "int8": 7, "int16": 15, "int32": 31, "int64": 63,
    "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64,
    "float16": 11, "bfloat16": 8, "float32": 24, "float64": 53,
}  # fmt: skip
_FLOAT_ORDER = ("bfloat16", "float16", "float32", "float64")


class Relation(StrEnum):
    """What happens to a value of one type that is read as another."""

    SAME = "same"
    LOSSLESS = "lossless"
    INEXACT = "inexact"  # every value arrives, large ones rounded (int64 as float64)
    NARROWING = "narrowing"
    KIND = "kind"  # number and text, scalar and list: no meaningful reading


def canonical(name: str) -> str:
    """The one name of a type, whatever the source calls it; unknown names come back in lower case."""
    lowered = name.strip().lower()
    for prefix in ("type_", "dt_"):
        lowered = lowered.removeprefix(prefix)
    if lowered.startswith(("<u", ">u", "<s", "|s")) and lowered[2:].isdigit():
        return "string"
    if lowered.startswith("datetime64"):
        return "datetime"
    return _ALIASES.get(lowered, lowered)


@lru_cache(65_536)
def family(name: str) -> str:
    """ "int", "float", or the type itself."""
    if name.startswith(("int", "uint")) and name in _SIZES:
        return "int"
    if name in _FLOAT_ORDER:
        return "float"
    return name


@lru_cache(65_536)
def relation(written: str, read: str) -> Relation:
    """How a value *written* as one type fares when it is *read* as the other."""
    if written == read:
        return Relation.SAME
    if reads_nested(written, read):
        return Relation.LOSSLESS
    pair = (family(written), family(read))
    if pair == ("int", "int"):
        fits = _SIZES[written] <= _SIZES[read] and not (written.startswith("int") and read.startswith("uint"))
        return Relation.LOSSLESS if fits else Relation.NARROWING
    if pair == ("float", "float"):
        if {written, read} == {"bfloat16", "float16"}:
            return Relation.NARROWING  # one has the range, the other the precision
        wider = _FLOAT_ORDER.index(read) > _FLOAT_ORDER.index(written)
        return Relation.LOSSLESS if wider else Relation.NARROWING
    if pair == ("int", "float"):
        return Relation.LOSSLESS if _SIZES[written] <= _SIZES[read] else Relation.INEXACT
    if pair == ("float", "int"):
        return Relation.NARROWING
    return Relation.KIND

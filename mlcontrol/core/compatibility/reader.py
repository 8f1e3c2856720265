"""How strict each kind of serving binary is when it reads a request. The verdict is always for one reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mlcontrol.core.compatibility.dtype import Relation, relation
from mlcontrol.core.compatibility.nested import reads_nested

_INTS_UP_TO_32 = ("int8", "int16", "int32", "uint8", "uint16", "uint32")


def _widenings(names: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset((a, b) for a in names for b in names if relation(a, b) is Relation.LOSSLESS)


@dataclass(frozen=True, slots=True)
class Reader:
    """``extras``: what happens to a field the model does not know. ``missing``: to one it needs and does not get.

    ``column_casts``/``tensor_casts``: (written, read) pairs of types it converts by itself; everything else is refused.
    ``matched_by``: how values find their field. ``whole_floats``: is 2.0 taken where a whole number is read? ``verified``: was
    this table held against the real server by sending it requests? One that was not is what its documentation says, so a change of
    inputs is not known to be read until it is probed (R13).
    """

    name: str
    extras: Literal["ignore", "reject"]
    missing: Literal["default", "reject"]
    column_casts: frozenset[tuple[str, str]] = field(default=frozenset())
    tensor_casts: frozenset[tuple[str, str]] = field(default=frozenset())
    matched_by: Literal["name", "position"] = "name"
    whole_floats: bool = False
    source: str = ""
    verified: bool = True

    def casts(self, written: str, read: str, tensor: bool) -> bool:
        """Does it take a value written as one type for a field of the other?"""
        if written == read or reads_nested(written, read):
            return True
        return (written, read) in (self.tensor_casts if tensor else self.column_casts)


_NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
_SAME_KIND = _widenings(_NUMBERS[:8]) | _widenings(_NUMBERS[8:])

# Columns: `_enforce_mlflow_datatype` casts within a kind to the wider type, and integers of at most 6 bytes to double.
_MLFLOW_COLUMNS = _SAME_KIND | frozenset((name, "float64") for name in _INTS_UP_TO_32)
# A JSON number is parsed as the type of the signature: whole numbers for a float, not fractions for an integer.
_JSON_NUMBERS = _widenings(_NUMBERS) | frozenset((a, b) for a in _NUMBERS[:8] for b in _NUMBERS[8:])

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "mlflow",
            "ignore",
            "reject",
            _MLFLOW_COLUMNS,
            whole_floats=True,
            source="mlflow.models.utils._enforce_schema",
        ),
        Reader("triton", "reject", "reject", source="unexpected inference input; data-type must match"),
        # Its numpy codec takes one tensor only, its pandas codec columns in the order the model was fitted on; neither looks at
        # the declared type (docs/adr/0015).
        Reader(
            "mlserver",
            "reject",
            "reject",
            _widenings(_NUMBERS),
            _widenings(_NUMBERS),
            matched_by="position",
            whole_floats=True,
            source="mlserver.codecs NumpyRequestCodec, PandasCodec",
        ),
        Reader(
            "mlserver-mlflow",
            "ignore",
            "reject",
            _MLFLOW_COLUMNS,
            whole_floats=True,
            source="mlserver_mlflow over mlflow.models.utils._enforce_schema, as documented",
            verified=False,
        ),
        Reader(
            "tfserving",
            "reject",
            "reject",
            _JSON_NUMBERS,
            _JSON_NUMBERS,
            source="TensorFlow Serving REST predict, as documented",
            verified=False,
        ),
        Reader("torchserve", "ignore", "reject", source="the handler decides; nothing is promised", verified=False),
        Reader("onnxruntime", "reject", "reject", source="InferenceSession::ValidateInputs"),
        Reader("strict", "reject", "reject", source="refuses whatever is not exactly declared"),
    )
}

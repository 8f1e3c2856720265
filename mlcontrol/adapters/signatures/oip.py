"""Open Inference Protocol metadata (`GET /v2/models/NAME`): names, types and shapes, and nothing of meaning or optionality."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.signatures.bounds import Unreadable, dimensions, items, mapping, text_or_none
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Field, Signature


def read_metadata(doc: dict[str, Any]) -> Signature:
    """The endpoint's own word. ``version`` is set only when it names exactly one. Raises `Unreadable`."""
    document = mapping(doc, "Model metadata")
    name = text_or_none(document.get("name"))
    if name is None:
        raise Unreadable("The model metadata has no name.")
    versions = document.get("versions")
    return Signature(
        name=name,
        version=str(versions[0]) if isinstance(versions, list) and len(versions) == 1 else None,
        inputs=_fields(document.get("inputs"), "inputs"),
        outputs=_fields(document.get("outputs"), "outputs"),
        matched_by="name",
        endpoints=("v2",),
    )


def _fields(value: object, where: str) -> tuple[Field, ...] | None:
    if value is None:
        return None
    fields = []
    for entry in items(value, where):
        tensor = mapping(entry, f"an entry of {where}")
        name, kind, shape = text_or_none(tensor.get("name")), text_or_none(tensor.get("datatype")), tensor.get("shape")
        if name is None:
            raise Unreadable(f"An entry of {where} has no name.")
        fields.append(
            Field(
                name=name,
                type=canonical(kind) if kind else None,
                shape=dimensions(shape, f"the shape of {name}") if shape is not None else None,
                required=tensor.get("optional") is not True if where == "inputs" else None,
                nullable=False if where == "inputs" else None,
                tensor=True,
            )
        )
    if len({f.name for f in fields}) != len(fields):
        raise Unreadable(f"{where} names a tensor twice.")
    return tuple(fields)

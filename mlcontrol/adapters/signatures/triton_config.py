"""Triton's `config.pbtxt`."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.signatures.bounds import Unreadable, dimensions
from mlcontrol.adapters.signatures.text_format import Message, parse_text_format
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Field, Signature


def read_triton_config(text: str, name: str) -> Signature:
    """``name`` stands in where the file has none. The batch dimension is put in front when the server batches.

    Without `max_batch_size` Triton does not batch. A file without inputs leaves them to the backend: unknown.
    """
    config = parse_text_format(text)
    batch = _one(config, "max_batch_size", 0)
    if isinstance(batch, bool) or not isinstance(batch, int):
        raise Unreadable("`max_batch_size` is no whole number.")
    return Signature(
        name=str(_one(config, "name", name)),
        inputs=_fields(config, "input", batch),
        outputs=_fields(config, "output", batch),
        matched_by="name",
        endpoints=("v2",),
        max_batch=batch or None,
    )


def _one(message: Message, name: str, default: Any) -> Any:
    values = message.get(name) or [default]
    return values[-1]


def _fields(config: Message, key: str, batch: int) -> tuple[Field, ...] | None:
    if key not in config:
        return None
    fields = []
    for entry in config[key]:
        name = _one(entry, "name", None) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise Unreadable(f"An `{key}` of the configuration has no name.")
        kind = _one(entry, "data_type", None)
        dims = dimensions(entry["dims"], f"the dims of {name}") if "dims" in entry else None
        fields.append(
            Field(
                name=name,
                type=canonical(kind) if isinstance(kind, str) else None,
                shape=None if dims is None else ((-1, *dims) if batch else dims),
                required=_one(entry, "optional", False) is not True if key == "input" else None,
                nullable=False if key == "input" else None,
                tensor=True,
            )
        )
    if len({f.name for f in fields}) != len(fields):
        raise Unreadable(f"The configuration names an `{key}` twice.")
    return tuple(fields)

"""The native signature JSON, `mlcontrol.signature/1`: what every other format is translated into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, Literal

from mlcontrol.adapters.signatures.bounds import (
    Unreadable,
    default_or_none,
    dimensions,
    items,
    mapping,
    number_or_none,
    size_or_none,
    text_or_none,
)
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Domain, Field, Preprocessing, Runtime, Signature

SCHEMA = "mlcontrol.signature/1"


def read_native(doc: object) -> Signature:
    """Absent fields are unknown. Raises `Unreadable`."""
    document = mapping(doc, "A signature")
    if document.get("schema") != SCHEMA:
        raise Unreadable(f"The signature's schema is {document.get('schema')!r:.60}, not {SCHEMA}.")
    name = text_or_none(document.get("name"))
    if name is None:
        raise Unreadable("The signature has no name.")
    version = document.get("version")
    matched, extras = document.get("matched_by"), document.get("extras")
    return Signature(
        name=name,
        version=None if version is None else str(version),
        inputs=_fields(document.get("inputs"), "inputs"),
        outputs=_fields(document.get("outputs"), "outputs"),
        matched_by=_matched(matched),
        extras=_extras(extras),
        preprocessing=_preprocessing(document.get("preprocessing")),
        runtime=_runtime(document.get("runtime")),
        size_bytes=size_or_none(document.get("size_bytes")),
        created_s=_seconds(document.get("created_at")),
        digest=text_or_none(document.get("digest")),
        tombstones=_texts(document.get("tombstones")) or (),
        statistics={k: v for k, v in _mapping(document.get("statistics")).items() if isinstance(v, dict)},
        metrics={k: n for k, v in _mapping(document.get("metrics")).items() if (n := number_or_none(v)) is not None},
        endpoints=_texts(document.get("endpoints")),
        max_batch=_whole(document.get("max_batch")),
        data_from_s=_seconds(document.get("data_from")),
        data_until_s=_seconds(document.get("data_until")),
        validation_from_s=_seconds(document.get("validation_from")),
        validation_until_s=_seconds(document.get("validation_until")),
        time_influenced=told if isinstance(told := document.get("time_influenced"), bool) else None,
        slices=_texts(document.get("slices")),
        slice_shares={
            k: n
            for k, v in _mapping(document.get("slice_shares")).items()
            if (n := number_or_none(v)) is not None and 0 <= n <= 1
        },
        sources=tuple(_not_understood(document)),
    )


_FIELD_KEYS = frozenset(field.name for field in fields(Field))
_DOMAIN_KEYS = frozenset(field.name for field in fields(Domain))


def _not_understood(document: dict[str, Any]) -> Iterator[str]:
    """What a newer version writes, or a misspelt word: nothing of it is compared."""
    for where in ("inputs", "outputs"):
        for row in document.get(where) or ():
            strange = [*(row.keys() - _FIELD_KEYS), *(_mapping(row.get("domain")).keys() - _DOMAIN_KEYS)]
            for key in sorted(strange)[:3]:
                yield f"what {key!r:.40} says of {where}.{row.get('name')}: it is not understood and not compared"


def _matched(value: object) -> Literal["name", "position"] | None:
    if value in (None, "name", "position"):
        return value
    raise Unreadable(f"`matched_by` is {value!r:.60}, which is not understood.")


def _extras(value: object) -> Literal["ignore", "reject"] | None:
    if value in (None, "ignore", "reject"):
        return value
    raise Unreadable(f"`extras` is {value!r:.60}, which is not understood.")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(value: object, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise Unreadable(f"{where} is {value!r:.60}, not true or false.")


def _fields(value: object, where: str) -> tuple[Field, ...] | None:
    if value is None:
        return None
    fields = tuple(_field(mapping(row, f"{where}[{i}]"), f"{where}[{i}]") for i, row in enumerate(items(value, where)))
    if len({f.name for f in fields}) != len(fields):
        raise Unreadable(f"`{where}` names a field twice.")
    return fields


def _field(row: dict[str, Any], where: str) -> Field:
    name, kind, shape, default = text_or_none(row.get("name")), row.get("type"), row.get("shape"), row.get("default")
    if name is None:
        raise Unreadable(f"{where} has no name.")
    if kind is not None and not isinstance(kind, str):
        raise Unreadable(f"{where}.type is no text.")
    stated = _truth(row.get("has_default"), f"{where}.has_default")
    return Field(
        name=name,
        type=canonical(kind) if kind else None,
        shape=dimensions(shape, f"{where}.shape") if shape is not None else None,
        required=_truth(row.get("required"), f"{where}.required"),
        nullable=_truth(row.get("nullable"), f"{where}.nullable"),
        has_default=stated if stated is not None else (True if default is not None else None),
        default=default_or_none(default),
        domain=_domain(row.get("domain"), where),
        semantic=text_or_none(row.get("semantic")),
        unit=text_or_none(row.get("unit")),
        source=text_or_none(row.get("source")),
        entity=text_or_none(row.get("entity")),
        classes=_texts(row.get("classes")),
        meaning=text_or_none(row.get("meaning")),
        tensor=_truth(row.get("tensor"), f"{where}.tensor"),
        aliases=_texts(row.get("aliases")) or (),
        encoding=text_or_none(row.get("encoding")),
        constraints=text_or_none(row.get("constraints")),
    )


def _domain(value: object, where: str) -> Domain | None:
    if value is None:
        return None
    row = mapping(value, f"{where}.domain")
    low, high = number_or_none(row.get("min")), number_or_none(row.get("max"))
    for key, read in (("min", low), ("max", high)):
        if row.get(key) is not None and read is None:
            raise Unreadable(f"{where}.domain.{key} is {row[key]!r:.40}, no number.")
    values, longest = _texts(row.get("values")), _whole(row.get("max_length"))
    return None if (values, low, high, longest) == (None,) * 4 else Domain(values, low, high, longest)


def _preprocessing(value: object) -> Preprocessing | None:
    if value is None:
        return None
    row = mapping(value, "`preprocessing`")
    return Preprocessing(_truth(row.get("inside"), "preprocessing.inside"), text_or_none(row.get("digest")))


def _runtime(value: object) -> Runtime | None:
    if value is None:
        return None
    row = mapping(value, "`runtime`")
    return Runtime(
        framework=text_or_none(row.get("framework")),
        version=text_or_none(row.get("version")),
        python=text_or_none(row.get("python")),
        requirements=_texts(row.get("requirements")),
        format=text_or_none(row.get("format")),
        ir_version=_whole(row.get("ir_version")),
        opsets={k: v for k, v in _mapping(row.get("opsets")).items() if isinstance(v, int)},
        pickle_protocol=_whole(row.get("pickle_protocol")),
        cuda=text_or_none(row.get("cuda")),
        cpu_features=_texts(row.get("cpu_features")) or (),
    )


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{value!r:.40} is no time.", "Write 2026-11-23T09:00:00Z.") from error


def write_native(signature: Signature) -> dict[str, Any]:
    """The native document of a signature; what is unknown is left out."""
    body = asdict(signature)
    moments = {"created_s": "created_at"} | {
        f"{name}_s": name for name in ("data_from", "data_until", "validation_from", "validation_until")
    }
    for seconds, name in moments.items():
        value = body.pop(seconds)
        body[name] = None if value is None else datetime.fromtimestamp(value, UTC).isoformat()
    del body["sources"], body["inferred"]  # what is written down is declared, wherever it was read
    return {
        "schema": SCHEMA,
        **{k: v for k, v in _stated(body).items() if v not in ({}, ()) or k in ("inputs", "outputs")},
    }


def _stated(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _stated(v) for k, v in value.items() if v is not None}
    return [_stated(v) for v in value] if isinstance(value, list | tuple) else value

"""The two signatures side by side: which field became which, and in what way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlcontrol.core.compatibility.dtype import Relation, relation
from mlcontrol.core.compatibility.pairing import Pairing
from mlcontrol.core.signature import Field


@dataclass(frozen=True, slots=True)
class Side:
    """A field in three words: name, type with its shape where it is a tensor, and what is known of its meaning."""

    name: str
    type: str
    note: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """``change``: "same", "added", "removed", "renamed?", "alias", or how it differs. ``old``/``new`` `None`: not there."""

    old: Side | None
    new: Side | None
    change: str


_WIDTHS = {
    Relation.LOSSLESS: "wider",
    Relation.INEXACT: "inexact",
    Relation.NARROWING: "narrower",
    Relation.KIND: "other kind",
}


def differences(pairing: Pairing) -> tuple[FieldChange, ...]:
    """In the order of the version used now; what is new stands after what it follows in the candidate."""
    rows: dict[str, FieldChange] = {}
    for new, old in pairing.same:
        rows[old.name] = FieldChange(_side(old), _side(new), _change(old, new))
    for word, pairs in (("alias", pairing.aliased), ("renamed?", pairing.renamed)):
        for new, old in pairs:
            rows[old.name] = FieldChange(_side(old), _side(new), word)
    for old in pairing.removed:
        rows[old.name] = FieldChange(_side(old), None, "removed")
    ordered = [rows[name] for name in pairing.current_order if name in rows]
    after: dict[str, list[FieldChange]] = {}  # "": before everything
    places = {name: i for i, name in enumerate(pairing.candidate_order)}
    for new in pairing.added:
        at = places[new.name]
        after.setdefault(pairing.candidate_order[at - 1] if at else "", []).append(
            FieldChange(None, _side(new), "added")
        )
    told: list[FieldChange] = []
    waiting = [*reversed(ordered), *reversed(after.pop("", []))]
    while waiting:
        row = waiting.pop()
        told.append(row)
        if row.new is not None:
            waiting.extend(reversed(after.pop(row.new.name, [])))
    return (*told, *(row for rows_left in after.values() for row in rows_left))


def _side(field: Field) -> Side:
    shape = "" if field.shape is None or field.tensor is False else f" {list(field.shape)}"
    notes = [
        field.unit or field.semantic or "",
        "optional" if field.required is False else "",
        "null" * bool(field.nullable),
    ]
    return Side(field.name, f"{field.type or '?'}{shape}", " ".join(note for note in notes if note))


def _change(old: Field, new: Field) -> str:
    return next(_changes(old, new), "same")


def _changes(old: Field, new: Field) -> Iterator[str]:
    """The most telling first."""
    if old.type is None or new.type is None:
        yield "not known"
    elif old.type != new.type:
        yield _WIDTHS[relation(old.type, new.type)]
    if old.shape != new.shape:
        yield "shape"
    if any(
        getattr(old, what) != getattr(new, what)
        for what in ("semantic", "unit", "source", "entity", "meaning", "encoding")
    ):
        yield "meaning"
    if (old.required, old.nullable) != (new.required, new.nullable):
        yield (
            "required"
            if new.required and not old.required
            else "optional"
            if old.required and not new.required
            else "null"
        )
    if old.classes != new.classes:
        yield "classes"
    if old.domain != new.domain:
        yield "values"
    if (old.has_default, old.default) != (new.has_default, new.default):
        yield "default"

"""Which field of the candidate is which field of the version used now: same name, alias, rename, added, removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isclose

from mlcontrol.core.signature import Field


@dataclass(frozen=True, slots=True)
class Pairing:
    """``same``: (candidate, current) by name. ``aliased``: another name that both sides accept. ``renamed``: likely renames.

    ``added`` and ``removed`` hold neither. ``known`` is false when either side does not state its fields.
    """

    same: tuple[tuple[Field, Field], ...] = ()
    aliased: tuple[tuple[Field, Field], ...] = ()
    renamed: tuple[tuple[Field, Field], ...] = ()
    added: tuple[Field, ...] = ()
    removed: tuple[Field, ...] = ()
    candidate_order: tuple[str, ...] = ()
    current_order: tuple[str, ...] = ()
    known: bool = True


Statistics = Mapping[str, Mapping[str, object]]
_FEW_PAIRS = 10_000  # comparing the numbers of every pair is quadratic


def pair(
    candidate: tuple[Field, ...] | None,
    current: tuple[Field, ...] | None,
    candidate_statistics: Statistics | None = None,
    current_statistics: Statistics | None = None,
) -> Pairing:
    if candidate is None or current is None:
        return Pairing(known=False)
    new, old = {f.name: f for f in candidate}, {f.name: f for f in current}
    same = tuple(_like_for_like(f, old[f.name]) for f in candidate if f.name in old)
    added = {f.name: f for f in candidate if f.name not in old}
    removed = {f.name: f for f in current if f.name not in new}
    aliased = _aliases(added, removed)
    renamed = _renames(
        added,
        removed,
        tuple(new) if len(new) == len(old) else (),
        tuple(old),
        candidate_statistics or {},
        current_statistics or {},
    )
    return Pairing(same, aliased, renamed, tuple(added.values()), tuple(removed.values()), tuple(new), tuple(old))


Pairs = tuple[tuple[Field, Field], ...]


def _aliases(added: dict[str, Field], removed: dict[str, Field]) -> Pairs:
    """Takes the pairs it finds out of both."""
    by_alias = {alias: r.name for r in removed.values() for alias in r.aliases}
    found = []
    for a in tuple(added.values()):
        partner = next((n for n in (*a.aliases, by_alias.get(a.name, "")) if n in removed), None)
        if partner is not None:
            found.append((added.pop(a.name), removed.pop(partner)))
    return tuple(found)


def _renames(
    added: dict[str, Field],
    removed: dict[str, Field],
    new_order: tuple[str, ...],
    old_order: tuple[str, ...],
    new_statistics: Statistics,
    old_statistics: Statistics,
) -> Pairs:
    """Takes the pairs it finds out of both: the one field that has the place, the meaning or the numbers of the other."""
    places = dict(zip(new_order, old_order, strict=True)) if new_order else {}
    meanings: dict[object, list[str]] = {}
    for r in removed.values():
        for key in _meanings(r):
            meanings.setdefault(key, []).append(r.name)
    measured = [n for n in removed if n in old_statistics] if len(added) * len(removed) <= _FEW_PAIRS else []
    found = []
    for a in tuple(added.values()):
        likely = {n for key in _meanings(a) for n in meanings.get(key, ())} | {places.get(a.name, "")}
        likely |= {n for n in measured if _same_numbers(a.name, n, new_statistics, old_statistics)}
        fitting = [n for n in likely if n in removed and _alike(a, removed[n])]
        if len(fitting) == 1:
            found.append((added.pop(a.name), removed.pop(fitting[0])))
    return tuple(found)


def _meanings(f: Field) -> tuple[object, ...]:
    """The same source column, the same semantic type and unit, or a name that differs in its spelling alone (zip_code, zipCode)."""
    spelled = "".join(c for c in f.name.casefold() if c.isalnum())
    keys: list[object] = [("spelled", spelled)] if spelled else []
    if f.source is not None:
        keys.append(("source", f.source))
    if f.semantic is not None and f.unit is not None:
        keys.append(("semantic", f.semantic, f.unit))
    return tuple(keys)


def _like_for_like(a: Field, b: Field) -> tuple[Field, Field]:
    """A column beside a tensor is put in the tensor's words: one source tells of a table, the other of the same model served."""
    if a.tensor is False and b.tensor:
        return _as_tensor(a, b), b
    return (a, _as_tensor(b, a)) if b.tensor is False and a.tensor else (a, b)


def _as_tensor(column: Field, tensor: Field) -> Field:
    """``array<T>`` is a tensor of T with one more dimension; sizes a column cannot state are taken from the tensor."""
    kind, rank = column.type, 1
    while kind is not None and kind.startswith("array<"):
        kind, rank = kind[6:-1], rank + 1
    shape = column.shape
    if shape == (-1,) and tensor.shape is not None:
        scalar = rank == 1 and tensor.shape[1:] in ((), (1,))
        shape = tensor.shape if scalar or len(tensor.shape) == rank else (-1,) * rank
    return replace(column, type=kind, shape=shape, tensor=True)


def _alike(a: Field, b: Field) -> bool:
    optional = (a.required is False, b.required is False)
    return a.type is not None and a.type == b.type and a.shape == b.shape and optional == (False, False)


def _same_numbers(new: str, old: str, new_statistics: Statistics, old_statistics: Statistics) -> bool:
    a, b = new_statistics.get(new), old_statistics.get(old)
    if not a or not b:
        return False
    shared = [
        (float(a[k]), float(b[k]))  # type: ignore[arg-type]  # both tested to be numbers below
        for k in ("mean", "sd", "min", "max")
        if isinstance(a.get(k), int | float) and isinstance(b.get(k), int | float)
    ]
    return len(shared) >= 3 and all(isclose(x, y, rel_tol=0.05, abs_tol=1e-9) for x, y in shared)

"""Recent real requests, counted by field, and what a version would have made of each."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from statistics import median
from typing import Any

from mlcontrol.core.compatibility.dtype import family
from mlcontrol.core.compatibility.nested import holds, is_nested
from mlcontrol.core.compatibility.reader import Reader
from mlcontrol.core.signature import Field, Signature

_KEPT_VALUES = 500
_KEPT_NUMBERS = 2_000


@dataclass(slots=True)
class ObservedField:
    """Counts of one field over all requests. ``sizes``: shapes of list values; ``kinds``: JSON kinds of scalars."""

    present: int = 0
    nulls: int = 0
    low: float | None = None
    high: float | None = None
    fractions: int = 0
    longest: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    numbers: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return median(self.numbers) if self.numbers else None


@dataclass(frozen=True, slots=True)
class Observed:
    payloads: tuple[Mapping[str, Any], ...]
    fields: Mapping[str, ObservedField]

    @property
    def n(self) -> int:
        return len(self.payloads)

    def of(self, name: str) -> ObservedField | None:
        """What was seen of a field, `None` if no request carried it."""
        return self.fields.get(name)


def observe(payloads: Iterable[Mapping[str, Any]]) -> Observed:
    """Count the values by field. A payload maps input names to values: scalars, or nested lists without their batch."""
    kept = tuple(payloads)
    fields: dict[str, ObservedField] = {}
    for payload in kept:
        for name, value in payload.items():
            seen = fields.get(name)
            if seen is None:
                seen = fields[name] = ObservedField()
            seen.present += 1
            _count(seen, value)
    return Observed(kept, fields)


def _count(seen: ObservedField, value: Any) -> None:
    if value is None:
        seen.nulls += 1
        return
    if isinstance(value, list):
        shape, _ = sizes(value)
        seen.sizes[shape] += 1
        seen.kinds["list"] += 1
        for one in telling(value):
            _range(seen, one)
        return
    seen.kinds[kind(value)] += 1
    _range(seen, value)


def telling(value: list[Any]) -> list[Any]:
    """The leaves that decide how a list is read: the extremes, a fraction, one of every type, every text once."""
    leaves = flat(value)
    types = set(map(type, leaves))
    if not types <= {int, float}:
        return list({(type(v), v): v for v in leaves if not isinstance(v, dict)}.values()) + [
            v for v in leaves if isinstance(v, dict)
        ]
    if not leaves:
        return []
    whole = [min(leaves), max(leaves), *dict(zip(map(type, leaves), leaves, strict=True)).values()]
    fraction = next((v for v in leaves if type(v) is float and not v.is_integer()), None)
    return whole if fraction is None else [*whole, fraction]


def flat(value: list[Any]) -> list[Any]:
    """All leaves of nested lists, in order."""
    leaves = value
    while list in set(map(type, leaves)):
        leaves = [leaf for one in leaves for leaf in (one if isinstance(one, list) else (one,))]
    return leaves


def _range(seen: ObservedField, value: Any) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf") if value > 0 else float("-inf")
        seen.low = number if seen.low is None else min(seen.low, number)
        seen.high = number if seen.high is None else max(seen.high, number)
        seen.fractions += isinstance(value, float) and not number.is_integer()
        if len(seen.numbers) < _KEPT_NUMBERS and isfinite(number):
            seen.numbers.append(number)
    elif isinstance(value, str):
        seen.longest = max(seen.longest, len(value))
        if len(seen.values) < _KEPT_VALUES or value in seen.values:
            seen.values[value] += 1


def kind(value: Any) -> str:
    """ "bool", "int", "float", "string", "list", "object" or "null"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list) else "object"


def sizes(value: Any) -> tuple[tuple[int, ...], Any]:
    """The lengths along the first element of each level, at most eight deep, and the first leaf."""
    lengths: list[int] = []
    while isinstance(value, list) and len(lengths) < 8:
        lengths.append(len(value))
        if not value:
            return tuple(lengths), None
        value = value[0]
    return tuple(lengths), value


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one request would be refused. ``reason``: "missing", "extra", "null", "kind", "size", "range", "value" or "order"."""

    field: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """``counts``: by (field, reason); ``examples``: index of the first requests with the reason in words."""

    refused: int
    total: int
    counts: Mapping[tuple[str, str], int]
    examples: tuple[str, ...]


Vocabularies = Mapping[str, frozenset[str]]


def vocabularies(signature: Signature) -> Vocabularies:
    """The values each input takes, to be asked again and again."""
    return {
        f.name: frozenset(f.domain.values) for f in signature.inputs or () if f.domain and f.domain.values is not None
    }


def refusal(
    payload: Mapping[str, Any], signature: Signature, reader: Reader, known: Vocabularies | None = None
) -> Refusal | None:
    """Would this version, behind this reader, refuse this request? The first reason, or `None`. ``known``: its `vocabularies`."""
    known = vocabularies(signature) if known is None else known
    fields = signature.inputs
    if fields is None:
        return None
    names = set()
    for one in fields:
        name = one.name if one.name in payload else next((n for n in one.aliases if n in payload), None)
        if name is None:
            if one.required is not False and not one.has_default:
                return Refusal(one.name, "missing", f"{one.name} is missing")
            continue
        names.add(name)
        if one.type == "float64" and one.domain is None and type(payload[name]) is float:
            continue  # most of all values: nothing to find out
        problem = _value_problem(payload[name], one, reader, known)
        if problem is not None:
            return Refusal(one.name, *problem)
    if reader.matched_by == "position":
        order = [n for n in payload if n in names]
        if order != [f.name for f in fields if f.name in names]:
            return Refusal(order[0], "order", f"the inputs come as {', '.join(order[:5])}, and are matched by position")
    if (signature.extras or reader.extras) == "reject":
        extra = next((n for n in payload if n not in names), None)
        if extra is not None:
            return Refusal(extra, "extra", f"{extra} is not known")
    return None


def _value_problem(value: Any, one: Field, reader: Reader, known: Vocabularies) -> tuple[str, str] | None:
    if value is None:
        return None if one.nullable is not False else ("null", f"{one.name} is null")
    if one.type is not None and is_nested(one.type):
        return None if holds(value, one.type) else ("kind", f"{one.name} is not {one.type}")
    if isinstance(value, list):
        shape, _ = sizes(value)
        want = one.shape[-len(shape) :] if one.shape is not None and shape else None
        if want is not None and (
            len(shape) > len(one.shape or ()) or any(w not in (-1, s) for w, s in zip(want, shape, strict=True))
        ):
            return "size", f"{one.name} has size {list(shape)}, {list(want)} is read"
        return next((found for leaf in telling(value) if (found := _leaf_problem(leaf, one, reader, known))), None)
    return _leaf_problem(value, one, reader, known)


def _leaf_problem(value: Any, one: Field, reader: Reader, known: Vocabularies) -> tuple[str, str] | None:
    if value is None:
        return None if one.nullable is not False else ("null", f"{one.name} holds null")
    if one.type is not None and not _fits(value, one.type, reader.whole_floats and not one.name.startswith("params.")):
        return "kind", f"{one.name} is {kind(value)}, {one.type} is read"
    domain = one.domain
    if domain is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if (domain.min is not None and value < domain.min) or (domain.max is not None and value > domain.max):
            return "range", f"{one.name} is {value}, outside {domain.min}..{domain.max}"
    elif isinstance(value, str):
        if domain.max_length is not None and len(value) > domain.max_length:
            return "range", f"{one.name} has {len(value)} characters, at most {domain.max_length} are read"
        if one.name in known and value not in known[one.name]:
            return "value", f"{one.name} is {value!r:.40}, which is not in its vocabulary"
    return None


_FLOAT_LIMITS = {"float16": 65504.0, "float32": 3.4028235677973366e38, "bfloat16": 3.3895313892515355e38}
_INTEGER_BITS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}


def _fits(value: Any, type_name: str, whole_floats: bool) -> bool:
    """Does the value arrive unharmed in a field of that type? A server may take more, and wrap, cut or lose it without a word."""
    of = kind(value)
    wanted = family(type_name)
    if wanted == "float":
        return of in ("int", "float") and abs(value) <= _FLOAT_LIMITS.get(type_name, float("inf"))
    if wanted == "int":
        if of == "float" and not (whole_floats and value.is_integer()):
            return False
        bits = _INTEGER_BITS[type_name]
        low = 0 if type_name.startswith("u") else -(2**bits)
        return of in ("int", "float") and low <= value < 2**bits
    if wanted == "bool":
        return of == "bool"
    if wanted == "binary":
        return of == "string" and _is_base64(value)
    if wanted == "datetime":
        return (of == "int" and -(2**63) <= value < 2**63) or (of == "string" and _is_moment(value))
    if wanted == "string":
        return of == "string"
    return True  # nested and unknown types are not judged from one value


def _is_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_base64(value: str) -> bool:
    """Bytes have no other form in JSON."""
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return True


def would_refuse(observed: Observed, signature: Signature, reader: Reader, examples: int = 3) -> Refusals:
    """How many of the requests seen this version would refuse, by field and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    shown: list[str] = []
    known = vocabularies(signature)
    for position, payload in enumerate(observed.payloads):
        found = refusal(payload, signature, reader, known)
        if found is not None:
            counts[(found.field, found.reason)] += 1
            if len(shown) < examples:
                shown.append(f"request {position + 1}: {found.detail}")
    return Refusals(sum(counts.values()), observed.n, counts, tuple(shown))

"""The generated matrix (type x shape x optionality), sent to a real server and held against what the checker says of it.

A server that answers is not enough: many wrap, cut or round without a word. A value counts as read when the model
received it unharmed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.dtype import family
from mlcontrol.core.compatibility.observed import refusal
from mlcontrol.core.compatibility.pairing import pair
from mlcontrol.core.compatibility.reader import Reader
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Field, Runtime, Signature

F32 = 0.10000000149011612  # a tenth as float32 has it
SAMPLES: dict[str, tuple[Any, ...]] = {
    "bool": (True, False),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**53 + 1),
    "uint8": (0, 255),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "float16": (0.0999755859375, 65504.0),
    "float32": (F32, 3.0000000054977558e38),
    "float64": (0.1, 1e300),
    "string": ("text", "7"),
}


@dataclass(frozen=True)
class Sent:
    """One request: what its callers declare they send, the request itself, and the field that was changed."""

    what: str
    caller: Signature
    payload: Mapping[str, Any]
    changed: str


@dataclass(frozen=True)
class Heard:
    """The server's answer. ``received``: what the model got for the changed field, `ABSENT` if nothing."""

    accepted: bool
    received: Any = None
    text: str = ""


ABSENT = object()


def requests_for(
    served: Signature, base: Mapping[str, Any], fill: Callable[[Field, Any], Any] = lambda _, value: value
) -> Iterator[Sent]:
    """Every field written as every type, left out, and null; one surplus field, one order reversed.

    ``base``: a request the server takes. ``fill``: the value of a field whose elements all are the one given.
    """
    fields = served.inputs or ()
    for f in fields:
        if "<" in (f.type or "") or "{" in (f.type or ""):
            continue  # nested: cases of their own
        rest = {k: v for k, v in base.items() if k != f.name}
        place = list(base).index(f.name) if f.name in base else len(base)
        for kind, values in SAMPLES.items():
            caller = _with(served, f, replace(f, type=kind))
            for value in values:
                yield Sent(f"{f.name}: {kind}", caller, _put(rest, place, f.name, fill(f, value)), f.name)
        yield Sent(f"{f.name}: absent", _with(served, f, None), rest, f.name)
        nothing = _put(rest, place, f.name, fill(f, None))
        yield Sent(f"{f.name}: null", _with(served, f, replace(f, nullable=True)), nothing, f.name)
    surplus = Field("surplus", "float64", fields[0].shape, True, False, tensor=fields[0].tensor)
    yield Sent(
        "surplus", replace(served, inputs=(*fields, surplus)), {**base, "surplus": fill(surplus, 1.0)}, fields[0].name
    )
    yield Sent(
        "reversed", replace(served, inputs=tuple(reversed(fields))), dict(reversed(base.items())), fields[0].name
    )


def _put(rest: Mapping[str, Any], place: int, name: str, value: Any) -> dict[str, Any]:
    """In the place it has among the others: the order counts for some."""
    pairs = list(rest.items())
    return dict([*pairs[:place], (name, value), *pairs[place:]])


def values_for(served: Signature, base: Mapping[str, Any], fill: Callable[[Field, Any], Any]) -> Iterator[Sent]:
    """Values of every kind, declared as what the server reads."""
    for f in served.inputs or ():
        for value in {(type(v), v): v for values in SAMPLES.values() for v in values}.values():
            yield Sent(f"{f.name} holding {value!r:.20}", served, {**base, f.name: fill(f, value)}, f.name)


def shapes_for(
    served: Signature, base: Mapping[str, Any], sizes: Mapping[str, list[tuple[int, ...]]]
) -> Iterator[Sent]:
    """Every tensor in other sizes. ``sizes``: by field, the declared shapes of callers; a free size is sent as 2."""
    for f in served.inputs or ():
        for shape in sizes.get(f.name, []):
            value = _nested(shape[1:] if shape else (), _one(base[f.name]))
            yield Sent(
                f"{f.name}: {list(shape)}", _with(served, f, replace(f, shape=shape)), {**base, f.name: value}, f.name
            )


def _nested(shape: tuple[int, ...], value: Any) -> Any:
    return [_nested(shape[1:], value) for _ in range(2 if shape[0] == -1 else shape[0])] if shape else value


def _one(value: Any) -> Any:
    while isinstance(value, list):
        value = value[0]
    return value


def _with(served: Signature, old: Field, new: Field | None) -> Signature:
    kept = ((new if f is old else f) for f in served.inputs or ())
    return replace(served, inputs=tuple(f for f in kept if f is not None))


@dataclass(frozen=True)
class Judged:
    """Where checker and server disagree. ``compatible``: called compatible, and it is not. ``strict``: refused, and it is read."""

    sent: int
    compatible: list[str]
    strict: set[str]


def judge(
    served: Signature, reader: Reader, requests: Iterable[Sent], send: Callable[[Sent], Heard], typed_wire: bool = False
) -> Judged:
    """Both words of the checker on every request: of the callers' signature, and of the request itself.

    ``typed_wire``: requests state their types, which a logged value does not show; they count where they are those that are read.
    """
    compatible: list[str] = []
    strict: set[str] = set()
    unharmed: dict[str, list[bool]] = {}
    said: dict[str, Verdict] = {}
    count = 0
    for one in requests:
        heard = send(one)
        count += 1
        value, wanted = one.payload.get(one.changed, ABSENT), _field(served, one.changed)
        read = wanted.type or ""
        left_out = value is ABSENT and wanted.required is not False
        well = heard.accepted and not left_out and same(value, heard.received, read)
        read_at_all = heard.accepted and not left_out and same(value, heard.received, read, rounded=True)
        if typed_wire and one.caller is served:
            if (refusal(one.payload, served, reader) is None) and not read_at_all:
                compatible.append(f"request {one.what}: {heard.received!r:.60} {heard.text:.160}")
            continue
        refused = refusal(one.payload, served, reader)
        if typed_wire and any(a.type != b.type for a, b in pair(served.inputs, one.caller.inputs).same):
            refused, read_at_all = None, True
        if refused is None and not read_at_all:
            compatible.append(
                f"request {one.what} {one.payload.get(one.changed)!r:.60}: {heard.received!r:.60} {heard.text:.160}"
            )
        if refused is not None and read_at_all:
            strict.add(f"request {one.what}")
        unharmed.setdefault(one.what, []).append(well)
        made = Runtime(
            "sklearn", "1.5.0"
        )  # what made it is not the question here, and not saying so would make all unknown
        said[one.what] = compare(replace(served, runtime=made), replace(one.caller, runtime=made), reader).deploy
    for what, results in unharmed.items():
        if said[what] in (Verdict.PASS, Verdict.INFO) and not all(results):
            compatible.append(f"signature {what}: called {said[what]}")
        if said[what] is Verdict.BLOCK and all(results):
            strict.add(f"signature {what}")
    return Judged(count, compatible, strict)


def _field(served: Signature, name: str) -> Field:
    return next(f for f in served.inputs or () if f.name == name)


def same(sent: Any, received: Any, read: str, rounded: bool = False) -> bool:
    """Did the value arrive, as a value of the type that is read? ``rounded``: as near as that type comes to it."""
    if sent is ABSENT:
        return True
    if "<" in read or "{" in read or read in ("datetime", "binary"):
        return received is not ABSENT  # in another form, which the test compares where it matters
    if isinstance(sent, list):
        if not isinstance(received, list) or len(sent) != len(received):
            return False
        return all(same(a, b, read, rounded) for a, b in zip(sent, received, strict=True))
    if sent is None:
        return received is None or received == "NaT" or (isinstance(received, float) and math.isnan(received))
    if isinstance(sent, bool) or family(read) == "bool":
        return isinstance(sent, bool) and family(read) == "bool" and received is sent
    if family(read) in ("int", "float"):
        number = isinstance(sent, int | float) and isinstance(received, int | float)
        return number and (received == sent or (rounded and math.isclose(received, sent, rel_tol=1e-6)))
    return isinstance(sent, str) and received == sent

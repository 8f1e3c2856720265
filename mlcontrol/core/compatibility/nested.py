"""Types that hold types, written in one text: "array<float64>", "map<int64>", "object{a:string,b?:int64}", and inside of them
"nullable<string>".

MLflow reads them exactly: no conversion inside, every required property there, none that it does not know (docs/adr/0015).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_WORD = re.compile(r"[^<>{},:?]+")
_MAX_DEPTH = 64
_HOLDERS = ("array", "map", "nullable")


@dataclass(frozen=True, slots=True)
class Nested:
    """``kind``: "array", "map", "object" or the name of a plain type; ``parts``: an object's (name, required, type)."""

    kind: str
    of: Nested | None = None
    parts: tuple[tuple[str, bool, Nested], ...] = field(default=())


def is_nested(text: str) -> bool:
    return text.startswith(("array<", "map<", "nullable<", "object{"))


def leaves_open(text: str) -> bool:
    """Does it say "?" of a part, which may then be anything, or hold parts that it does not name?"""
    return text in ("array", "map") or re.search(r"[<:,]\?(?=[>,}])|object\{\}", text) is not None


def parse_nested(text: str) -> Nested | None:
    """`None` where the text is not of this form, or deeper than any honest type."""
    try:
        found, end = _parse(text, 0, 0)
    except (ValueError, IndexError):
        return None
    return found if end == len(text) else None


def _parse(text: str, at: int, depth: int) -> tuple[Nested, int]:
    word = _WORD.match(text, at)
    if word is None or depth > _MAX_DEPTH:
        raise ValueError
    kind, at = word.group(), word.end()
    if kind in _HOLDERS and text[at : at + 1] == "<":
        inner, at = _parse(text, at + 1, depth + 1)
        return Nested(kind, inner), _expect(text, at, ">")
    if kind == "object" and text[at : at + 1] == "{":
        parts: list[tuple[str, bool, Nested]] = []
        at += 1
        while text[at] != "}":
            if parts:
                at = _expect(text, at, ",")
            name = _WORD.match(text, at)
            if name is None:
                raise ValueError
            at = name.end()
            optional = text[at] == "?"
            inner, at = _parse(text, _expect(text, at + optional, ":"), depth + 1)
            parts.append((name.group(), not optional, inner))
        return Nested(kind, parts=tuple(parts)), at + 1
    return Nested(kind), at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at] != mark:
        raise ValueError
    return at + 1


def reads_nested(written: str, read: str) -> bool:
    """May every value written as one type be read as the other? False where either is no nested type."""
    if not (is_nested(written) and is_nested(read)):
        return False
    a, b = parse_nested(written), parse_nested(read)
    return a is not None and b is not None and _reads(a, b)


def _reads(written: Nested, read: Nested) -> bool:
    if read.kind == "nullable" and read.of is not None and written.kind != "nullable":
        return _reads(written, read.of)
    if written.kind != read.kind:
        return False
    if written.of is not None and read.of is not None:
        return _reads(written.of, read.of)
    sent = {name: (required, inner) for name, required, inner in written.parts}
    wanted = {name: (required, inner) for name, required, inner in read.parts}
    if not sent.keys() <= wanted.keys():
        return False
    for name, (required, inner) in wanted.items():
        always, held = sent.get(name, (False, None))
        if (required and not always) or (held is not None and not _reads(held, inner)):
            return False
    return True


_PLAIN = {"bool": bool, "string": str, "float32": float, "float64": float, "int32": int, "int64": int}


def holds(value: Any, read: str) -> bool:
    """Is this JSON value of the nested type? True where the type is not understood."""
    wanted = parse_nested(read)
    return wanted is None or _holds(value, wanted)


def _holds(value: Any, wanted: Nested) -> bool:
    if wanted.kind == "nullable" and wanted.of is not None:
        return value is None or _holds(value, wanted.of)
    if wanted.kind == "array" and wanted.of is not None:
        return isinstance(value, list) and all(_holds(one, wanted.of) for one in value)
    if wanted.kind == "map" and wanted.of is not None:
        return isinstance(value, dict) and all(_holds(one, wanted.of) for one in value.values())
    if wanted.kind == "object":
        if not isinstance(value, dict) or not value.keys() <= {name for name, _, _ in wanted.parts}:
            return False
        return all(_holds(value[n], inner) if n in value else not required for n, required, inner in wanted.parts)
    plain = _PLAIN.get(wanted.kind)
    return plain is None or type(value) is plain

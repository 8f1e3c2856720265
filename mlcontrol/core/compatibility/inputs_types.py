"""Inputs whose type, nullability or shape changed: rules I9 to I17."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlcontrol.core.compatibility.case import BLOCK, PASS, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.dtype import Relation, family, relation
from mlcontrol.core.compatibility.nested import leaves_open
from mlcontrol.core.compatibility.observed import ObservedField
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.signature import Field

_INTEGER_RANGES = {
    **{f"int{bits}": (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0.0, 2.0**bits - 1) for bits in (8, 16, 32, 64)},
}
_EXACT_FLOAT = {"bfloat16": 2.0**8, "float16": 2.0**11, "float32": 2.0**24, "float64": 2.0**53}


def _is_tensor(*fields: Field) -> bool:
    return any(f.tensor is not False and (f.tensor or f.shape != (-1,)) for f in fields)


def observed_fit(seen: ObservedField | None, written: str, read: str) -> bool | None:
    """Do all values seen survive being read as ``read``? `None` if nothing was seen."""
    if seen is None or seen.low is None or seen.high is None:
        return None
    if read in _INTEGER_RANGES:
        low, high = _INTEGER_RANGES[read]
        return seen.fractions == 0 and low <= seen.low and seen.high <= high
    if read in _EXACT_FLOAT and family(written) == "int":
        return max(abs(seen.low), abs(seen.high)) <= _EXACT_FLOAT[read]
    if read in ("float16", "float32", "bfloat16"):
        return max(abs(seen.low), abs(seen.high)) <= (65504.0 if read == "float16" else 3.4e38)
    return None


def read_type(case: Case, written: Field, read: Field) -> Ruling:
    """May a value of the written field's type be sent for the read field, behind this reader? The mechanical answer."""
    if written.type is None or read.type is None or written.type == read.type:
        return PASS
    how = relation(written.type, read.type)
    casts = case.reader.casts(written.type, read.type, _is_tensor(written, read))
    text = f"Callers send {written.type}; {case.reader.name} reads {read.type}"
    if how is Relation.KIND:
        return ruling(Verdict.BLOCK, f"{text}, which is another kind of value.")
    if not casts:
        return ruling(Verdict.BLOCK, f"{text} and does not convert.")
    if how is Relation.LOSSLESS:
        return ruling(Verdict.PASS, f"{text} and converts without loss.")
    fits = observed_fit(case.observed.of(read.name) if case.observed else None, written.type, read.type)
    if fits:
        good = Verdict.PASS if how is Relation.INEXACT else Verdict.WARN
        return ruling(good, f"{text}; every value seen survives that.", level=Level.OBSERVED)
    if how is Relation.INEXACT:
        return ruling(Verdict.WARN, f"{text}; whole numbers above 2^53 (2^24 for float32) are rounded.")
    if fits is None:
        return ruling(Verdict.BLOCK, f"{text}; values may be cut, and no real traffic shows they are not.")
    return ruling(Verdict.BLOCK, f"{text}; values seen in real traffic do not fit.", level=Level.OBSERVED)


def _changed_types(case: Case, wanted: tuple[Relation, ...], exact: bool | None = None) -> Iterator[Hit]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        if new.type is None or old.type is None or new.type == old.type:
            continue
        forward = relation(old.type, new.type)
        pair = forward is Relation.INEXACT and new.type == "float64"
        if forward not in wanted or (exact is not None and exact != pair):
            continue
        title = f"{new.name} changes from {old.type} to {new.type}"
        yield Hit(f"inputs.{new.name}", title, read_type(case, old, new), read_type(case, new, old), new.type, old.type)


def i9_widened(case: Case) -> Iterator[Hit]:
    yield from _changed_types(case, (Relation.LOSSLESS,))


def i10_long_to_double(case: Case) -> Iterator[Hit]:
    yield from _changed_types(case, (Relation.INEXACT,), exact=True)


def i11_narrowed(case: Case) -> Iterator[Hit]:
    yield from _changed_types(case, (Relation.NARROWING,))
    yield from _changed_types(case, (Relation.INEXACT,), exact=False)


def i12_kind(case: Case) -> Iterator[Hit]:
    yield from _changed_types(case, (Relation.KIND,))
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        if (
            new.type is not None
            and old.type is not None
            and (unsaid := [t for t in (new.type, old.type) if leaves_open(t)])
        ):
            why = f"{unsaid[0]} does not say what it holds."
            hit = ruling(Verdict.UNKNOWN, why, "state the type of every part on both sides", Level.NONE)
            yield Hit(f"inputs.{new.name}", f"What {new.name} holds is not known", hit, hit, new.type, old.type)
        if new.type is None or old.type is None:
            where = "on neither side" if new.type is old.type else "on one side only"
            why = f"The type of {new.name} is stated {where}."
            hit = ruling(Verdict.UNKNOWN, why, "state the type on both sides", Level.NONE)
            yield Hit(
                f"inputs.{new.name}", f"The type of {new.name} is not known", hit, hit, new.type or "?", old.type or "?"
            )


def _nulls(case: Case, name: str) -> Ruling:
    """Callers may send null; the version at the end of this direction does not take it."""
    if case.observed is None:
        return ruling(Verdict.WARN, "Callers may send null, and it is not taken.")
    seen = case.observed.of(name)
    if seen is not None and seen.nulls:
        return ruling(
            Verdict.BLOCK, f"{seen.nulls} of {case.observed.n} requests seen carry null.", level=Level.OBSERVED
        )
    return ruling(Verdict.WARN, f"None of {case.observed.n} requests seen carries null.", level=Level.OBSERVED)


def _absent(case: Case, name: str) -> Ruling:
    if case.observed is None:
        return ruling(Verdict.WARN, "Callers may leave it out, and it is needed.")
    seen = case.observed.of(name)
    lacking = case.observed.n - (seen.present if seen else 0)
    if lacking:
        return ruling(
            Verdict.BLOCK, f"{lacking} of {case.observed.n} requests seen leave it out.", level=Level.OBSERVED
        )
    return ruling(Verdict.WARN, f"All {case.observed.n} requests seen carry it.", level=Level.OBSERVED)


def _loosened(loose: Field, strict: Field) -> tuple[bool, bool]:
    """(may be null on one side only, may be absent on one side only)"""
    nulls = loose.nullable is True and strict.nullable is False
    absent = _may_be_left_out(loose) and strict.required is True and not strict.has_default
    return nulls, absent


def _may_be_left_out(field: Field) -> bool:
    return field.required is False or field.has_default is True


def _worse(a: Ruling | None, b: Ruling | None) -> Ruling:
    known = [r for r in (a, b) if r is not None]
    return next((r for r in known if r.verdict is Verdict.BLOCK), known[0])


def i13_became_optional(case: Case) -> Iterator[Hit]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        nulls, absent = _loosened(new, old)
        if nulls or absent:
            back = _worse(_nulls(case, new.name) if nulls else None, _absent(case, new.name) if absent else None)
            what = "optional" if absent else "nullable"
            yield Hit(f"inputs.{new.name}", f"{new.name} becomes {what}", PASS, back, what, "required")
        elif unsaid := _unsaid(case, new, old):
            what, back = unsaid
            title = f"Whether {new.name} {what} is not known"
            yield Hit(f"inputs.{new.name}", title, PASS, back, _needs(new), _needs(old))
    yield from (replace(hit, deploy=None) for hit in _said_nowhere(case))


def i14_became_required(case: Case) -> Iterator[Hit]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        nulls, absent = _loosened(old, new)
        if nulls or absent:
            there = _worse(_nulls(case, new.name) if nulls else None, _absent(case, new.name) if absent else None)
            was = "optional" if absent else "nullable"
            yield Hit(f"inputs.{new.name}", f"{new.name} becomes required", there, PASS, "required", was)
        elif unsaid := _unsaid(case, old, new):
            what, there = unsaid
            title = f"Whether {new.name} {what} is not known"
            yield Hit(f"inputs.{new.name}", title, there, PASS, _needs(new), _needs(old))
    yield from (replace(hit, rollback=None) for hit in _said_nowhere(case))


def _unsaid(case: Case, loose: Field, strict: Field) -> tuple[str, Ruling] | None:
    """One side does not say whether a field may be absent or null, and the other says what would matter then."""
    left_out = True if _may_be_left_out(loose) else None if loose.required is None else False
    absent = (left_out, strict.required) in ((None, True), (True, None)) and not strict.has_default
    nulls = (loose.nullable, strict.nullable) in ((None, False), (True, None))
    if not absent and not nulls:
        return None
    what, key = ("may be left out", "required") if absent else ("may be null", "nullable")
    seen = _absent(case, strict.name) if absent else _nulls(case, strict.name)
    if case.observed is not None and case.observed.n:
        return what, seen
    why = f"Only one side says whether {strict.name} {what}."
    return what, ruling(Verdict.UNKNOWN, why, f"state `{key}` on both sides, or show recent requests", Level.NONE)


def _said_nowhere(case: Case) -> Iterator[Hit]:
    """Neither side says whether these may be absent or null, so each may have changed its mind; one hit for all of them. A tensor
    has no null. Requests that all carry the field settle it."""
    if case.candidate.digest is not None and case.candidate.digest == case.current.digest:
        return  # the very same artifact needs what it needed
    for key, what in (("required", "may be left out"), ("nullable", "may be null")):
        names = [
            new.name
            for new, old in (*case.inputs.same, *case.inputs.aliased)
            if getattr(new, key) is None and getattr(old, key) is None
            and not (key == "nullable" and (new.tensor or old.tensor)) and not _always_there(case, new.name)
        ]  # fmt: skip
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            why = f"Neither side says whether {', '.join(names[:3])}{more} {what}."
            hit = ruling(Verdict.UNKNOWN, why, f"state `{key}` on both sides, or show recent requests", Level.NONE)
            yield Hit(
                f"inputs.{key}", f"Whether inputs {what} is said on neither side", hit, hit, "not said", "not said"
            )


def _always_there(case: Case, name: str) -> bool:
    if case.observed is None or not case.observed.n:
        return False
    seen = case.observed.of(name)
    return seen is not None and seen.present == case.observed.n and not seen.nulls


def _needs(field: Field) -> str:
    words = {True: "required", False: "optional", None: "not said whether required"}[field.required]
    return words + {True: ", nullable", False: "", None: ", not said whether nullable"}[field.nullable]


def _shapes(case: Case) -> Iterator[tuple[Field, Field, tuple[int, ...], tuple[int, ...]]]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        a, b = new.shape, old.shape
        if a is not None and b is not None and a != b:
            yield new, old, a, b


def _breaks(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Rank, a fixed size, or the batch dimension changed: no reader takes that."""
    if len(a) != len(b):
        return True
    batch = bool(a) and (a[0] == -1) != (b[0] == -1)
    return batch or any(x != y and -1 not in (x, y) for x, y in zip(a, b, strict=True))


def _sizes_fit(case: Case, name: str, fixed: tuple[int, ...]) -> Ruling:
    seen = case.observed.of(name) if case.observed else None
    if seen is None or not seen.sizes:
        return ruling(Verdict.BLOCK, f"Callers may send other sizes than {list(fixed)}, and only that is read.")
    inner = fixed[1:]
    other = sum(
        count
        for size, count in seen.sizes.items()
        if len(size) > len(fixed)
        or any(w not in (-1, s) for w, s in zip(reversed(inner), reversed(size), strict=False))
    )
    if other:
        return ruling(
            Verdict.BLOCK, f"{other} requests seen have another size than {list(fixed)}.", level=Level.OBSERVED
        )
    return ruling(Verdict.WARN, f"All sizes seen are {list(fixed)}.", level=Level.OBSERVED)


def i15_made_dynamic(case: Case) -> Iterator[Hit]:
    for new, old, a, b in _shapes(case):
        if not _breaks(a, b) and any(x == -1 != y for x, y in zip(a, b, strict=True)):
            title = f"A size of {new.name} becomes free"
            yield Hit(f"inputs.{new.name}", title, PASS, _sizes_fit(case, old.name, b), str(list(a)), str(list(b)))


def i16_made_fixed(case: Case) -> Iterator[Hit]:
    for new, old, a, b in _shapes(case):
        if not _breaks(a, b) and any(y == -1 != x for x, y in zip(a, b, strict=True)):
            title = f"A size of {new.name} becomes fixed"
            yield Hit(f"inputs.{old.name}", title, _sizes_fit(case, new.name, a), PASS, str(list(a)), str(list(b)))


def i17_reshaped(case: Case) -> Iterator[Hit]:
    for new, _, a, b in _shapes(case):
        if _breaks(a, b):
            title = f"{new.name} changes its shape from {list(b)} to {list(a)}"
            yield Hit(f"inputs.{new.name}", title, BLOCK, BLOCK, str(list(a)), str(list(b)))
    for new, old in case.inputs.same:
        if (new.shape is None) != (old.shape is None):
            hit = ruling(
                Verdict.UNKNOWN, "The shape is stated on one side only.", "state the shape on both sides", Level.NONE
            )
            yield Hit(
                f"inputs.{new.name}", f"The shape of {new.name} is not known", hit, hit, str(new.shape), str(old.shape)
            )

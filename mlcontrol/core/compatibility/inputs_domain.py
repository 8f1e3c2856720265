"""Inputs whose allowed values changed: rules I18 to I23."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from mlcontrol.core.compatibility.case import BLOCK, INFO, PASS, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.signature import Domain, Field

_NONE = Domain()


def _domains(case: Case) -> Iterator[tuple[Field, Field, Domain, Domain]]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        yield new, old, new.domain or _NONE, old.domain or _NONE


def _tighter(a: Domain, b: Domain) -> bool:
    """Does ``a`` refuse numbers or lengths that ``b`` takes? A limit stated on one side only says so of that side."""
    low = a.min is not None and (b.min is None or a.min > b.min)
    high = a.max is not None and (b.max is None or a.max < b.max)
    length = a.max_length is not None and (b.max_length is None or a.max_length < b.max_length)
    return low or high or length


def _limits(domain: Domain) -> str:
    stated = [
        f"{f.name} {v}" for f in fields(domain) if f.name != "values" and (v := getattr(domain, f.name)) is not None
    ]
    return ", ".join(stated) or "no limit stated"


def _beyond(case: Case, name: str, domain: Domain) -> Ruling:
    seen = case.observed.of(name) if case.observed else None
    if seen is None:
        return WARN
    over = (
        (domain.min is not None and seen.low is not None and seen.low < domain.min)
        or (domain.max is not None and seen.high is not None and seen.high > domain.max)
        or (domain.max_length is not None and seen.longest > domain.max_length)
    )
    if over:
        span = f"{seen.low} to {seen.high}" if seen.low is not None else f"up to {seen.longest} characters"
        return ruling(
            Verdict.BLOCK, f"Real requests carry {span}; the limit is {_limits(domain)}.", level=Level.OBSERVED
        )
    return ruling(Verdict.WARN, "All values seen are within the limit.", level=Level.OBSERVED)


def _not_compared(field: Field) -> Ruling:
    why = f"{field.name} is held to {field.constraints:.200}; whether all that callers send fits is not found out here."
    return ruling(
        Verdict.UNKNOWN, why, "send the candidate recent requests, or keep what narrows it as it was", Level.NONE
    )


def i18_limit_tightened(case: Case) -> Iterator[Hit]:
    for new, _, a, b in _domains(case):
        if _tighter(a, b):
            title = f"{new.name} is held to a tighter limit"
            yield Hit(f"inputs.{new.name}", title, _beyond(case, new.name, a), PASS, _limits(a), _limits(b))
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        if new.constraints is not None and new.constraints != old.constraints:
            title = f"{new.name} is narrowed in another way"
            yield Hit(f"inputs.{new.name}", title, _not_compared(new), PASS, new.constraints, old.constraints or "none")
    a_batch, b_batch = case.candidate.max_batch, case.current.max_batch
    if a_batch is not None and b_batch is not None and a_batch < b_batch:
        yield Hit("inputs", f"Batches of at most {a_batch} are taken", WARN, PASS, str(a_batch), str(b_batch))


def i19_limit_loosened(case: Case) -> Iterator[Hit]:
    for new, old, a, b in _domains(case):
        if _tighter(b, a):
            title = f"The limit of {new.name} is looser"
            yield Hit(f"inputs.{new.name}", title, PASS, _beyond(case, old.name, b), _limits(a), _limits(b))
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        if old.constraints is not None and new.constraints != old.constraints:
            title = f"{new.name} was narrowed in another way"
            yield Hit(f"inputs.{new.name}", title, PASS, _not_compared(old), new.constraints or "none", old.constraints)
    a_batch, b_batch = case.candidate.max_batch, case.current.max_batch
    if a_batch is not None and b_batch is not None and a_batch > b_batch:
        yield Hit("inputs", f"Batches of up to {a_batch} are taken", PASS, WARN, str(a_batch), str(b_batch))


def _few(values: list[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _share(case: Case, name: str, values: set[str]) -> Ruling:
    """Callers may send these values; the version at the end of this direction does not know them."""
    seen = case.observed.of(name) if case.observed else None
    total = sum(seen.values.values()) if seen else 0
    if seen is None or not total:
        return WARN
    hits = sum(count for value, count in seen.values.items() if value in values)
    if hits / total > 1 - case.limits.min_domain_mass:
        return ruling(Verdict.BLOCK, f"{hits} of {total} values seen are among them.", level=Level.OBSERVED)
    return ruling(Verdict.WARN, f"{hits} of {total} values seen are among them.", level=Level.OBSERVED)


def _values(case: Case) -> Iterator[tuple[Field, tuple[str, ...], tuple[str, ...]]]:
    for new, _, a, b in _domains(case):
        if a.values is not None and b.values is not None:
            yield new, a.values, b.values


def _outside(case: Case, name: str, known: tuple[str, ...]) -> Ruling:
    """Only one side states its values: callers may send others."""
    seen = case.observed.of(name) if case.observed else None
    if seen is None:
        return WARN
    return _share(case, name, set(seen.values) - set(known))


def i20_category_added(case: Case) -> Iterator[Hit]:
    for new, _, wide, narrow in _domains(case):
        if narrow.values is not None and wide.values is None:
            title = f"{new.name} is no longer held to {len(narrow.values)} values"
            back = _outside(case, new.name, narrow.values)
            yield Hit(f"inputs.{new.name}", title, PASS, back, "not stated", _few(list(narrow.values)))
    for new, a, b in _values(case):
        known = set(b)
        added = [v for v in a if v not in known]
        if added:
            title = f"{new.name} accepts {len(added)} new value{'s' * (len(added) > 1)}"
            yield Hit(
                f"inputs.{new.name}", title, PASS, _share(case, new.name, set(added)), _few(added), "not accepted"
            )


def i21_category_removed(case: Case) -> Iterator[Hit]:
    for new, _, narrow, wide in _domains(case):
        if narrow.values is not None and wide.values is None:
            title = f"{new.name} accepts {len(narrow.values)} values only"
            there = _outside(case, new.name, narrow.values)
            yield Hit(f"inputs.{new.name}", title, there, PASS, _few(list(narrow.values)), "not stated")
    for new, a, b in _values(case):
        kept = set(a)
        gone = [v for v in b if v not in kept]
        if gone:
            title = f"{new.name} no longer accepts {len(gone)} value{'s' * (len(gone) > 1)}"
            yield Hit(f"inputs.{new.name}", title, _share(case, new.name, set(gone)), PASS, "not accepted", _few(gone))


def i22_category_order(case: Case) -> Iterator[Hit]:
    for new, a, b in _values(case):
        both = set(a) & set(b)
        if [v for v in a if v in both] != [v for v in b if v in both]:
            inside = [s.preprocessing.inside if s.preprocessing else None for s in (case.candidate, case.current)]
            verdict = (
                ruling(Verdict.INFO, "Both versions carry their own vocabulary.") if inside == [True, True] else BLOCK
            )
            title = f"The vocabulary of {new.name} is in another order"
            yield Hit(f"inputs.{new.name}", title, verdict, verdict, _few(list(a)), _few(list(b)))


def i23_default_changed(case: Case) -> Iterator[Hit]:
    for new, old in case.inputs.same:
        if new.has_default and old.has_default and (new.default, type(new.default)) != (old.default, type(old.default)):
            golden = case.new.golden
            deploy = WARN
            if golden is not None and golden.score is not None and not golden.critical_failed:
                deploy = (
                    ruling(Verdict.INFO, "The golden set was replayed with it.", level=Level.PROBED)
                    if golden.n
                    else WARN
                )
            title = f"The default of {new.name} changes"
            parameter = new.name.startswith("params.")
            yield Hit(
                f"inputs.{new.name}", title, INFO if parameter else deploy, WARN, str(new.default), str(old.default)
            )

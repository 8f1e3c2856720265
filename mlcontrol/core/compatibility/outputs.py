"""What consumers read: rules O1 to O12. Directions flip here: consumers are the readers."""

from __future__ import annotations

from collections.abc import Iterator

from mlcontrol.core.compatibility.case import BLOCK, INFO, PASS, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.dtype import Relation, relation
from mlcontrol.core.compatibility.inputs_presence import describe
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.signature import Field


def _read(case: Case, name: str) -> bool | None:
    reads = case.consumers.reads if case.consumers else None
    return None if reads is None else name in reads


def o1_removed(case: Case) -> Iterator[Hit]:
    for f in case.outputs.removed:
        deploy = BLOCK
        if _read(case, f.name) is False:
            deploy = ruling(Verdict.INFO, "No known consumer reads it.")
        yield Hit(f"outputs.{f.name}", f"The output {f.name} is gone", deploy, PASS, "absent", _text(f))


def o2_added(case: Case) -> Iterator[Hit]:
    for f in case.outputs.added:
        read = _read(case, f.name)
        back = {True: BLOCK, None: WARN, False: PASS}[read]
        by_position = case.consumers is not None and case.consumers.matched_by == "position"
        deploy = WARN if by_position else PASS
        yield Hit(f"outputs.{f.name}", f"The output {f.name} is new", deploy, back, _text(f), "absent")


def o3_renamed(case: Case) -> Iterator[Hit]:
    for new, old in (*case.outputs.renamed, *case.outputs.aliased):
        title = f"The output {old.name} seems to be renamed to {new.name}"
        yield Hit(f"outputs.{new.name}", title, BLOCK, BLOCK, new.name, old.name)


def _text(f: Field) -> str:
    return describe(f).replace(" not said whether required", "").replace(" required", "").replace(" optional", "")


def _typed(case: Case, softer: Ruling) -> Ruling:
    return BLOCK if case.consumers is not None and case.consumers.typed else softer


def _types(case: Case, wanted: tuple[Relation, ...]) -> Iterator[tuple[Field, Field]]:
    for new, old in case.outputs.same:
        if new.type is not None and old.type is not None and relation(old.type, new.type) in wanted:
            yield new, old


def o4_widened(case: Case) -> Iterator[Hit]:
    for new, old in _types(case, (Relation.LOSSLESS, Relation.INEXACT, Relation.KIND)):
        kind = relation(old.type or "", new.type or "") is Relation.KIND
        deploy = (
            ruling(Verdict.BLOCK, f"Consumers read {old.type}, and get another kind of value.")
            if kind
            else _typed(case, WARN)
        )
        back = ruling(Verdict.BLOCK, f"Consumers would read {new.type}, and get {old.type}.") if kind else PASS
        title = f"The output {new.name} changes from {old.type} to {new.type}"
        yield Hit(f"outputs.{new.name}", title, deploy, back, new.type or "", old.type or "")


def o5_narrowed(case: Case) -> Iterator[Hit]:
    for new, old in _types(case, (Relation.NARROWING,)):
        title = f"The output {new.name} is narrower: {old.type} to {new.type}"
        yield Hit(f"outputs.{new.name}", title, INFO, _typed(case, WARN), new.type or "", old.type or "")


def o6_nullable(case: Case) -> Iterator[Hit]:
    for new, old in case.outputs.same:
        if new.nullable is True and old.nullable is False:
            yield Hit(
                f"outputs.{new.name}", f"The output {new.name} may now be null", BLOCK, PASS, "nullable", "never null"
            )


def o7_reshaped(case: Case) -> Iterator[Hit]:
    for new, old in case.outputs.same:
        a, b = new.shape, old.shape
        if a is not None and b is not None and a != b:
            title = f"The output {new.name} changes its shape"
            yield Hit(f"outputs.{new.name}", title, BLOCK, BLOCK, str(list(a)), str(list(b)))


def _classes(case: Case) -> Iterator[tuple[Field, tuple[str, ...], tuple[str, ...]]]:
    for new, old in case.outputs.same:
        if new.classes is not None and old.classes is not None:
            yield new, new.classes, old.classes


def o8_class_added(case: Case) -> Iterator[Hit]:
    for new, a, b in _classes(case):
        known = set(b)
        added = [c for c in a if c not in known]
        if added:
            tolerant = case.consumers is not None and case.consumers.unknown_class
            title = f"{new.name} knows {len(added)} new class{'es' * (len(added) > 1)}"
            yield Hit(f"outputs.{new.name}", title, WARN if tolerant else BLOCK, PASS, ", ".join(added[:8]), "unknown")


def o9_class_removed(case: Case) -> Iterator[Hit]:
    for new, a, b in _classes(case):
        kept = set(a)
        gone = [c for c in b if c not in kept]
        if gone:
            title = f"{new.name} never answers {len(gone)} class{'es' * (len(gone) > 1)} any more"
            yield Hit(f"outputs.{new.name}", title, WARN, WARN, "absent", ", ".join(gone[:8]))


def o10_class_order(case: Case) -> Iterator[Hit]:
    for new, a, b in _classes(case):
        both = set(a) & set(b)
        if [c for c in a if c in both] != [c for c in b if c in both]:
            title = f"The classes of {new.name} are in another order"
            yield Hit(f"outputs.{new.name}", title, BLOCK, BLOCK, ", ".join(a[:8]), ", ".join(b[:8]))
    for new, old in case.outputs.same:
        if new.classes is None and old.classes is not None and _describes(case):
            why = f"{case.old_label} states the classes of {new.name} and their order, {case.new_label} does not."
            hit = ruling(Verdict.UNKNOWN, why, "state `classes` in the candidate's metadata", Level.NONE)
            title = f"The classes of {new.name} are not known"
            yield Hit(f"outputs.{new.name}", title, hit, hit, "not stated", ", ".join(old.classes[:8]))


def _describes(case: Case) -> bool:
    """Does the candidate describe any output? If not, its source has no room for it (a server's metadata)."""
    return any(f.classes or f.meaning or f.semantic or f.unit for f in case.candidate.outputs or ())


def o11_meaning(case: Case) -> Iterator[Hit]:
    for new, old in case.outputs.same:
        changed = [
            (getattr(new, w), getattr(old, w))
            for w in ("meaning", "unit", "semantic")
            if getattr(new, w) is not None and getattr(old, w) is not None and getattr(new, w) != getattr(old, w)
        ]
        if (
            not changed
            and new.domain
            and old.domain
            and (new.domain.min, new.domain.max) != (old.domain.min, old.domain.max)
        ):
            changed = [(f"{d.min}..{d.max}", f"{e.min}..{e.max}") for d, e in ((new.domain, old.domain),)]
        if changed:
            moves = case.consumers is not None and case.consumers.threshold_moves
            verdict = ruling(Verdict.WARN, "Its thresholds move together with the model.") if moves else BLOCK
            title = f"The score {new.name} means something else"
            yield Hit(f"outputs.{new.name}", title, verdict, verdict, str(changed[0][0]), str(changed[0][1]))
            continue
        lost = [w for w in ("meaning", "unit", "semantic") if (getattr(new, w) is None) != (getattr(old, w) is None)]
        if lost:
            told = [str(getattr(one, lost[0]) or "not said") for one in (new, old)]
            who = case.new_label if getattr(new, lost[0]) is None else case.old_label
            why = f"{who} does not say the {lost[0]} of {new.name}; the other side does."
            hit = ruling(Verdict.UNKNOWN, why, f"state the `{lost[0]}` of the output on both sides", Level.NONE)
            yield Hit(f"outputs.{new.name}", f"What the score {new.name} means is not known", hit, hit, *told)


def o12_positive_rate(case: Case) -> Iterator[Hit]:
    quality = case.quality
    if quality is None or quality.positive_rate is None or quality.positive_rate_band is None:
        return
    low, high = quality.positive_rate_band
    if not low <= quality.positive_rate <= high:
        title = f"{quality.positive_rate:.1%} positive answers at the production threshold"
        yield Hit("outputs", title, WARN, INFO, f"{quality.positive_rate:.1%}", f"{low:.1%} to {high:.1%}")


def unknown_outputs(case: Case) -> Iterator[Hit]:
    if not case.has_current:
        return
    for new, old in case.outputs.same if case.outputs.known else ():
        for what, a, b in (("type", new.type, old.type), ("shape", new.shape, old.shape)):
            if (a is None) != (b is None) or (what == "type" and a is None):
                where = "on neither side" if a is b else f"by {case.old_label if a is None else case.new_label} only"
                why = f"The {what} of the output {new.name} is stated {where}."
                hit = ruling(Verdict.UNKNOWN, why, f"state the {what} on both sides", Level.NONE)
                title = f"The {what} of the output {new.name} is not known"
                yield Hit(
                    f"outputs.{new.name}", title, hit, hit, *("not stated" if t is None else str(t) for t in (a, b))
                )
    if case.outputs.known:
        return
    sides = [n for n, s in ((case.new_label, case.candidate), (case.old_label, case.current)) if s.outputs is None]
    why = f"{' and '.join(sides)} {'states' if len(sides) == 1 else 'state'} no outputs, so what consumers get cannot be compared."
    hit = ruling(Verdict.UNKNOWN, why, "log the model with its output signature", Level.NONE)
    yield Hit("outputs", "The outputs are not known", hit, hit)

"""Inputs that came, went or changed their name: rules I1 to I6 and I28."""

from __future__ import annotations

from collections.abc import Iterator

from mlcontrol.core.compatibility.case import BLOCK, INFO, PASS, UNKNOWN, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.signature import Field


def describe(field: Field) -> str:
    """ "int64 [-1] required": one field in a few words."""
    need = {True: "required", False: "optional", None: "not said whether required"}[field.required]
    shape = "" if field.shape is None or field.tensor is False else f" {list(field.shape)}"
    return f"{field.type or 'unknown type'}{shape} {need}"


def _sent_to_old(case: Case, field: Field) -> Ruling:
    """Rolling back meets callers that may send a field the old version does not know."""
    if not case.extras_rejected[1]:
        return PASS
    seen = case.observed.of(field.name) if case.observed else None
    if seen is not None:
        total = case.observed.n if case.observed else 0
        why = f"{case.old_label} refuses fields it does not know, and {seen.present} of {total} requests carry it."
        return ruling(Verdict.BLOCK, why, level=Level.OBSERVED)
    if case.observed is not None:
        return ruling(Verdict.WARN, "No request seen carries it yet; once callers send it the way back is closed.",
                      level=Level.OBSERVED)  # fmt: skip
    return ruling(
        Verdict.BLOCK,
        f"{case.old_label} refuses fields it does not know, and callers will have to send this one to {case.new_label}.",
        "show with --observed that callers do not send it, or let the old version accept and ignore it",
    )


def i1_required_added(case: Case) -> Iterator[Hit]:
    for f in case.inputs.added:
        if f.has_default or f.required is False:
            continue
        deploy = BLOCK
        if f.required is None:
            deploy = ruling(Verdict.UNKNOWN, f"Nobody says whether {f.name} is required.", "state `required` for it")
        seen = case.observed.of(f.name) if case.observed else None
        if seen is not None and case.observed is not None and seen.present - seen.nulls == case.observed.n:
            deploy = ruling(
                Verdict.INFO, f"All {case.observed.n} requests seen already carry it.", level=Level.OBSERVED
            )
        yield Hit(
            f"inputs.{f.name}", f"{f.name} is new and required", deploy, _sent_to_old(case, f), describe(f), "absent"
        )


def _dropped_by_old(case: Case, field: Field) -> Ruling:
    sent = _sent_to_old(case, field)
    return WARN if sent.verdict is Verdict.PASS else sent


def i2_optional_added(case: Case) -> Iterator[Hit]:
    for f in case.inputs.added:
        if f.required is False:
            yield Hit(
                f"inputs.{f.name}",
                f"{f.name} is new and optional",
                INFO,
                _dropped_by_old(case, f),
                describe(f),
                "absent",
            )


def i3_defaulted_added(case: Case) -> Iterator[Hit]:
    for f in case.inputs.added:
        if not f.has_default or f.required is False:
            continue
        filled = case.new.probe.fills_defaults if case.new.probe else None
        deploy = WARN
        if filled is True:
            deploy = ruling(Verdict.INFO, "The runtime fills the default.", level=Level.PROBED)
        elif filled is False:
            deploy = ruling(
                Verdict.BLOCK, "The runtime was asked without it and did not fill the default.", level=Level.PROBED
            )
        title = f"{f.name} is new, with a default"
        yield Hit(f"inputs.{f.name}", title, deploy, _dropped_by_old(case, f), describe(f), "absent")


def i4_required_removed(case: Case) -> Iterator[Hit]:
    for f in case.inputs.removed:
        if f.required is False or f.has_default:
            continue
        deploy = BLOCK if case.extras_rejected[0] else WARN
        if case.extras_rejected[0]:
            deploy = ruling(Verdict.BLOCK, f"Callers send {f.name} today, and {case.new_label} refuses fields it does not know.",
                            "have callers stop sending it first, or let the model accept and ignore it")  # fmt: skip
        rollback = BLOCK
        if case.observed is not None:
            seen = case.observed.of(f.name)
            carried = seen.present - seen.nulls if seen else 0
            if carried == case.observed.n and carried:
                why = f"All {carried} requests seen still carry it; keep it so until {case.old_label} is retired."
                rollback = ruling(Verdict.WARN, why, level=Level.OBSERVED)
            else:
                why = f"{case.observed.n - carried} of {case.observed.n} requests seen lack it, and {case.old_label} needs it."
                rollback = ruling(Verdict.BLOCK, why, level=Level.OBSERVED)
        elif f.required is None:
            rollback = ruling(
                Verdict.UNKNOWN, f"Nobody says whether {case.old_label} requires {f.name}.", "state `required` for it"
            )
        yield Hit(f"inputs.{f.name}", f"{f.name} is no longer accepted", deploy, rollback, "absent", describe(f))


def i5_optional_removed(case: Case) -> Iterator[Hit]:
    for f in case.inputs.removed:
        if f.required is False or f.has_default:
            deploy = INFO
            if case.extras_rejected[0]:
                seen = case.observed.of(f.name) if case.observed else None
                deploy = BLOCK
                if case.observed is not None and seen is None:
                    deploy = ruling(Verdict.WARN, "No request seen carries it.", level=Level.OBSERVED)
            yield Hit(f"inputs.{f.name}", f"{f.name}, which was optional, is gone", deploy, PASS, "absent", describe(f))


def i6_renamed(case: Case) -> Iterator[Hit]:
    for new, old in case.inputs.renamed:
        deploy: Ruling = BLOCK
        rollback: Ruling = BLOCK
        if case.observed is not None and case.observed.n:
            counts = [s.present if (s := case.observed.of(name)) else 0 for name in (new.name, old.name)]
            both = all(count == case.observed.n for count in counts)
            if both and not any(case.extras_rejected):
                deploy = rollback = ruling(Verdict.WARN, "Every request seen carries both names.", level=Level.OBSERVED)
        title = f"{old.name} seems to be renamed to {new.name}"
        yield Hit(
            f"inputs.{new.name}",
            title,
            deploy,
            rollback,
            f"{new.name}: {describe(new)}",
            f"{old.name}: {describe(old)}",
        )
    for new, old in case.inputs.aliased:
        forward, back = old.name in new.aliases, new.name in old.aliases
        yield Hit(
            f"inputs.{new.name}",
            f"{old.name} is renamed to {new.name}, with an alias",
            INFO if forward else BLOCK,
            INFO if back else BLOCK,
            f"{new.name} (also {', '.join(new.aliases) or 'nothing else'})",
            f"{old.name} (also {', '.join(old.aliases) or 'nothing else'})",
        )


def i28_tombstone(case: Case) -> Iterator[Hit]:
    retired = {*case.candidate.tombstones, *case.current.tombstones}
    for f in (*case.inputs.added, *(new for new, _ in case.inputs.renamed)):
        if f.name in retired:
            yield Hit(
                f"inputs.{f.name}", f"{f.name} is a retired name, used again", BLOCK, BLOCK, describe(f), "retired"
            )


def unknown_inputs(case: Case) -> Iterator[Hit]:
    """A side that does not state its inputs: nothing can be said of any input rule."""
    if case.inputs.known or not case.has_current:
        if case.candidate.inputs is None and not case.has_current:
            yield Hit("inputs", f"The inputs of {case.new_label} are not known", UNKNOWN, None, "not stated", "")
        return
    sides = [name for name, s in ((case.new_label, case.candidate), (case.old_label, case.current)) if s.inputs is None]
    why = f"{' and '.join(sides)} {'states' if len(sides) == 1 else 'state'} no input signature, so no input can be compared."
    fix = "log the model with a signature or an input example, or give a native signature file"
    known = ["not stated" if s.inputs is None else f"{len(s.inputs)} inputs" for s in (case.candidate, case.current)]
    unknown = ruling(Verdict.UNKNOWN, why, fix, Level.NONE)
    yield Hit("inputs", "The inputs are not known", unknown, unknown, known[0], known[1])

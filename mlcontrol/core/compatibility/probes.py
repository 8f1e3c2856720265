"""A version really loaded and really asked: rules R11 to R14."""

from __future__ import annotations

from collections.abc import Iterator

from mlcontrol.core.compatibility.case import PASS, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.facts import ProbeFacts
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.compatibility.runtime import blocks, unknown


def _load(probe: ProbeFacts | None) -> Ruling | None:
    if probe is None:
        return None
    if probe.loaded is False:
        return ruling(Verdict.BLOCK, probe.load_reason or "The server refused to load it.", level=Level.PROBED)
    if probe.load_s is not None and probe.max_load_s is not None and probe.load_s > probe.max_load_s:
        return ruling(
            Verdict.BLOCK, f"It took {probe.load_s:.1f} s to load, at most {probe.max_load_s:g} s.", level=Level.PROBED
        )
    if probe.loaded is None:
        return ruling(
            Verdict.UNKNOWN, probe.load_reason or "Nobody knows whether it loaded.", "probe it again", Level.NONE
        )
    return None


def r11_load(case: Case) -> Iterator[Hit]:
    new, old = _load(case.new.probe), _load(case.old.probe)
    if new or old:
        failed = blocks(new, old)
        who = case.new_label if new else case.old_label
        title = f"{who} does not load on the server" if failed else f"Whether {who} loads is not known"
        yield Hit(
            "probe.load", title, new or (PASS if case.new.probe else None), old or (PASS if case.old.probe else None)
        )


def _answer(probe: ProbeFacts | None) -> Ruling | None:
    if probe is None or probe.loaded is not True:
        return None
    if probe.answered is False:
        return ruling(Verdict.BLOCK, probe.answer_reason or "A sample query failed.", level=Level.PROBED)
    if probe.answered is None:
        return ruling(
            Verdict.UNKNOWN, probe.answer_reason or "It was loaded and not asked.", "ask it a query", Level.NONE
        )
    return None


def r12_query(case: Case) -> Iterator[Hit]:
    new, old = _answer(case.new.probe), _answer(case.old.probe)
    if new or old:
        who = case.new_label if new else case.old_label
        failed = blocks(new, old)
        title = f"{who} loads, and does not answer" if failed else f"Whether {who} answers is not known"
        yield Hit("probe.query", title, new or PASS, old or PASS)


def r13_exact_binary(case: Case) -> Iterator[Hit]:
    probe = case.new.probe
    if probe is not None and probe.loaded and probe.exact_binary is not True:
        who = "another binary" if probe.exact_binary is False else "a binary nobody identified"
        deploy = unknown(f"It was probed on {who}.", "probe it on the production binary itself")
        yield Hit("probe.binary", "Never probed on the production binary", deploy, WARN)
    elif not case.reader.verified and not (probe is not None and probe.answered) and case.inputs_differ:
        why = f"How {case.reader.name} reads a changed input is documented, but was never held against a real server."
        deploy = unknown(why, "load the candidate on the server and send it a request")
        yield Hit("probe.reader", f"The reader {case.reader.name} is unverified", deploy, ruling(Verdict.WARN, why))


def _memory(probe: ProbeFacts | None) -> bool:
    return bool(
        probe
        and probe.memory_bytes is not None
        and probe.memory_limit_bytes is not None
        and probe.memory_bytes > probe.memory_limit_bytes
    )


def r14_resources(case: Case) -> Iterator[Hit]:
    new, old = _memory(case.new.probe), _memory(case.old.probe)
    if new or old:
        deploy = ruling(Verdict.BLOCK, "It needs more memory than a replica has.", level=Level.PROBED) if new else PASS
        back = ruling(Verdict.BLOCK, "It needs more memory than a replica has.", level=Level.PROBED) if old else PASS
        yield Hit("probe.memory", "Too large for a replica's memory", deploy, back)
    budget = case.operation.cold_load_budget_s if case.operation else None
    slow = [
        p is not None and p.load_s is not None and budget is not None and p.load_s > budget
        for p in (case.new.probe, case.old.probe)
    ]
    if any(slow):
        rulings = [
            ruling(Verdict.WARN, f"A cold load took {p.load_s:.1f} s, the budget is {budget:g} s.", level=Level.PROBED)
            if s and p is not None and p.load_s is not None and budget is not None
            else PASS
            for s, p in zip(slow, (case.new.probe, case.old.probe), strict=True)
        ]
        yield Hit("probe.load_time", "A cold load takes longer than its budget", rulings[0], rulings[1])

"""A report in words: the two big answers, findings by verdict, as text, Markdown, JSON and JUnit."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from mlcontrol.core.compatibility.difference import FieldChange
from mlcontrol.core.compatibility.policy import who_may
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Finding, Report, Verdict
from mlcontrol.core.compatibility.table import RULES

SCHEMA = "mlcontrol.check/1"
GROUPS = (
    (Verdict.BLOCK, "Blocks"),
    (Verdict.UNKNOWN, "Not known, so not passed"),
    (Verdict.WARN, "Warnings to acknowledge"),
    (Verdict.INFO, "Good to know"),
)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Without control characters: names come from files of strangers, and a terminal obeys what it is sent."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).replace("\n", " ").replace("\t", " ")


@dataclass(frozen=True, slots=True)
class Line:
    """Findings of one rule on one subject that say the same in one or both directions."""

    finding: Finding
    directions: tuple[Direction, ...]


def grouped(report: Report, verdict: Verdict) -> tuple[Line, ...]:
    lines: dict[tuple[str, ...], Line] = {}
    for one in report.findings:
        if one.verdict is not verdict:
            continue
        said = (one.rule, one.subject, one.title, one.why)
        first = lines.get(said)
        both = (*first.directions, one.direction) if first else (one.direction,)
        lines[said] = Line(first.finding if first else one, both)
    return tuple(lines.values())


def answer(report: Report, direction: Direction) -> str:
    """ "No: 2 rules block it", "Yes, with 1 warning": the answer to one of the two questions."""
    verdict = report.deploy if direction is Direction.DEPLOY else report.rollback
    mine = [f for f in report.findings if f.direction is direction]
    count = {v: len({(f.rule, f.subject) for f in mine if f.verdict is v}) for v in Verdict}
    if verdict is Verdict.BLOCK:
        n = count[Verdict.BLOCK]
        door = "one-way door; " if direction is Direction.ROLLBACK and report.one_way else ""
        return f"No: {door}{n} finding{'s' * (n != 1)} block{'s' * (n == 1)} it"
    if verdict is Verdict.UNKNOWN:
        n = count[Verdict.UNKNOWN]
        return f"Not known: {n} thing{'s' * (n != 1)} to find out, so by hand only"
    if verdict is Verdict.WARN:
        n = count[Verdict.WARN]
        return f"Yes, with {n} warning{'s' * (n != 1)}"
    return "Yes"


def document(report: Report) -> dict[str, Any]:
    """The machine form, `mlcontrol.check/1`."""
    return {
        "schema": SCHEMA,
        "candidate": report.candidate,
        "current": report.current,
        "reader": report.reader,
        "reader_verified": report.reader in READERS and READERS[report.reader].verified,
        "deploy": report.deploy.value,
        "rollback": report.rollback.value,
        "one_way": report.one_way,
        "one_way_rules": list(report.one_way_rules),
        "findings": [
            {
                "rule": f.rule,
                "direction": f.direction.value,
                "verdict": f.verdict.value,
                "subject": f.subject,
                "title": f.title,
                "evidence": {
                    "level": f.evidence.level.value,
                    "candidate": f.evidence.candidate,
                    "current": f.evidence.current,
                },
                "why": f.why,
                "remedy": f.remedy,
                "source": f.source,
                "may_override": list(f.may_override),
            }
            for f in report.findings
        ],
        "unknowns": list(report.unknowns),
        "to_find_out": [{"what": what, "how": how} for what, how in report.to_find_out],
        "passed": list(report.passed_rules),
        "coupled_rollback": list(report.coupled_rollback),
        "window": [{"version": w.version, "rollback": w.rollback.value, "rules": list(w.rules)} for w in report.window],
        "inputs": [_change(row) for row in report.inputs],
        "outputs": [_change(row) for row in report.outputs],
        "skew": [{"model": c.model, "binary": c.binary, "verdict": c.verdict.value, "why": c.why} for c in report.skew],
        "observed": [
            {
                "direction": i.direction.value,
                "refused": i.refused,
                "total": i.total,
                "reasons": list(i.reasons),
                "examples": list(i.examples),
            }
            for i in report.impacts
        ],
    }


def _change(row: FieldChange) -> dict[str, Any]:
    sides = {
        name: None if s is None else f"{s.name}: {s.type}" for name, s in (("current", row.old), ("candidate", row.new))
    }
    return {"change": row.change, **sides}


def reader_words(name: str) -> str:
    """ "triton", "tfserving, never held against a real server"."""
    known = READERS.get(name)
    return f"{name}, never held against a real server" if known is not None and not known.verified else name


_COLOURS = {Verdict.BLOCK: "31", Verdict.UNKNOWN: "35", Verdict.WARN: "33", Verdict.INFO: "36", Verdict.PASS: "32"}
_MARKS = {Verdict.BLOCK: "✗", Verdict.UNKNOWN: "?", Verdict.WARN: "!", Verdict.INFO: "i", Verdict.PASS: "✓"}


def text(report: Report, width: int = 88, colour: bool = False) -> str:
    """For a terminal. ``width`` in characters."""

    def paint(words: str, verdict: Verdict, bold: bool = False) -> str:
        return f"\x1b[{'1;' * bold}{_COLOURS[verdict]}m{words}\x1b[0m" if colour else words

    lines: list[str] = []
    questions = ((Direction.DEPLOY, "Deploy", report.candidate), (Direction.ROLLBACK, "Come back", report.current))
    for direction, name, subject in questions:
        verdict = report.deploy if direction is Direction.DEPLOY else report.rollback
        head = f" {_MARKS[verdict]} {name:<10} {answer(report, direction)}"
        lines.append(paint(head, verdict, bold=True))
        lines.append(f"   {'':<10} {plain(subject) or 'no version is used now'}")
    lines.append("")
    lines.append(
        f"   read by {reader_words(report.reader)}" + ("; one-way: " + ", ".join(report.one_way_rules)) * report.one_way
    )
    for verdict, title in GROUPS:
        rows = grouped(report, verdict)
        if not rows:
            continue
        lines += ["", paint(f"{title}  {len(rows)}", verdict, bold=True)]
        for row in rows:
            lines += _row(row, width, paint(f"{_MARKS[verdict]} {row.finding.rule:<4}", verdict))
    for impact in report.impacts:
        who = "candidate" if impact.direction is Direction.DEPLOY else "current version"
        lines += ["", f"{impact.refused:,} of the last {impact.total:,} requests would be refused by the {who}"]
        lines += [f"  {plain(example)}" for example in impact.examples]
    changed = [row for row in (*report.inputs, *report.outputs) if row.change != "same"]
    if changed:
        lines += ["", "Side by side", *_side_by_side(changed)]
    if report.skew:
        lines += ["", "Which model runs in which binary"]
        for cell in report.skew:
            words = {Verdict.PASS: "runs", Verdict.BLOCK: "does not run"}.get(cell.verdict, "not known")
            shown = f"{cell.model} model, {cell.binary} binary"
            lines.append(
                f"  {paint(_MARKS[cell.verdict], cell.verdict)} {shown:<24} {words}. {plain(cell.why)}".rstrip(". ")
                + "."
            )
    for one in report.window:
        rules = f" ({', '.join(one.rules)})" if one.rules else ""
        held = {Verdict.BLOCK: "No", Verdict.UNKNOWN: "Not known"}.get(one.rollback, "Yes")
        lines += ["", f"Come back to {plain(one.version)}: {paint(held, one.rollback)}{rules}"]
    if report.coupled_rollback:
        lines += ["", "To go back, in this order: " + ", then ".join(report.coupled_rollback)]
    if report.passed_rules:
        lines += ["", paint(f"Passed  {len(report.passed_rules)} of {len(RULES)} rules", Verdict.PASS, bold=True)]
    if report.unknowns:
        told = textwrap.wrap("Nobody told: " + "; ".join(plain(u) for u in report.unknowns) + ".", max(40, width))
        lines += ["", *told]
    return "\n".join(lines) + "\n"


_ROWS = 40


def _side_by_side(rows: list[FieldChange]) -> Iterator[str]:
    cells = [
        (*((plain(s.name), plain(s.type)) if s else ("", "") for s in (row.old, row.new)), row.change)
        for row in rows[:_ROWS]
    ]
    old = max(min(40, max(len(f"{name} {kind}") for (name, kind), _, _ in cells)), len("now"))
    yield f"  {'now':<{old}}  {'change':<10}  candidate"
    for (a, a_kind), (b, b_kind), change in cells:
        yield f"  {f'{a} {a_kind}'.strip():<{old}}  {change:<10}  {f'{b} {b_kind}'.strip()}".rstrip()
    if len(rows) > _ROWS:
        yield f"  and {len(rows) - _ROWS} more"


def _row(row: Line, width: int, mark: str) -> Iterator[str]:
    finding = row.finding
    where = " + ".join("deploy" if d is Direction.DEPLOY else "come back" for d in row.directions)
    yield f"  {mark} {plain(finding.title)}"
    indent = " " * 9
    inner = max(40, width)
    yield from textwrap.wrap(plain(finding.why), inner, initial_indent=indent, subsequent_indent=indent)
    if finding.remedy and finding.verdict is not Verdict.INFO:
        yield from textwrap.wrap(
            f"To fix: {plain(finding.remedy)}", inner, initial_indent=indent, subsequent_indent=indent + " " * 8
        )
    if finding.may_override and finding.verdict in (Verdict.BLOCK, Verdict.UNKNOWN):
        yield f"{indent}By policy {plain(who_may(finding.may_override))} may override it, with a reason."
    evidence = finding.evidence
    shown = f"{plain(evidence.current) or '-'} → {plain(evidence.candidate) or '-'}; " * bool(
        evidence.candidate or evidence.current
    )
    yield f"{indent}[{where} · {evidence.level} · {shown}{plain(finding.subject)}]"


def markdown(report: Report) -> str:
    """For a ticket or a pull request."""
    lines = [
        f"**Deploy `{_code(report.candidate)}`:** {answer(report, Direction.DEPLOY)}  ",
        f"**Come back to `{_code(report.current)}`:** {answer(report, Direction.ROLLBACK)}",
    ]
    for verdict, title in GROUPS:
        rows = grouped(report, verdict)
        if rows:
            lines += ["", f"#### {title}", ""]
        for row in rows:
            f = row.finding
            where = " + ".join("deploy" if d is Direction.DEPLOY else "come back" for d in row.directions)
            lines.append(f"- **{f.rule}** {_prose(f.title)} ({where}, {f.evidence.level}). {_prose(f.why)}")
            if f.remedy and verdict is not Verdict.INFO:
                lines.append(f"  *To fix:* {_prose(f.remedy)}.")
    if report.unknowns:
        lines += ["", "Nobody told: " + "; ".join(_prose(u) for u in report.unknowns) + "."]
    return "\n".join(lines) + "\n"


def _code(value: str) -> str:
    return plain(value).replace("`", "'")


def _prose(value: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", plain(value))


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'


def junit(report: Report) -> str:
    """One test case per rule and direction: block fails, unknown is an error, warnings are told as output."""
    cases: list[str] = []
    failures = errors = 0
    for f in report.findings:
        name, group = (
            _quoted(f"{f.rule} {f.direction} {plain(f.subject)}"),
            _quoted(f"mlcontrol.check.{f.direction}"),
        )
        body = escape(plain(f"{f.title}. {f.why} To fix: {f.remedy}"))
        inner = f"<system-out>{body}</system-out>"
        if f.verdict in (Verdict.BLOCK, Verdict.UNKNOWN):
            tag = "failure" if f.verdict is Verdict.BLOCK else "error"
            failures += tag == "failure"
            errors += tag == "error"
            inner = f"<{tag} type={_quoted(f.verdict.value)} message={_quoted(plain(f.title))}>{body}</{tag}>"
        cases.append(f"    <testcase classname={group} name={name}>{inner}</testcase>")
    cases += [f'    <testcase classname="mlcontrol.check" name={_quoted(rule)}/>' for rule in report.passed_rules]
    suite = _quoted(f"{plain(report.candidate)} against {plain(report.current)}")
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    rows = "\n".join(cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites {counts}>\n  <testsuite name={suite} {counts}>\n{rows}\n  </testsuite>\n</testsuites>\n"
    )

"""The checks step as words: two answers first, then findings grouped by verdict, and the same as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlcontrol.core.compatibility.difference import FieldChange
from mlcontrol.core.compatibility.policy import who_may
from mlcontrol.core.compatibility.present import document, reader_words
from mlcontrol.core.compatibility.report import Direction, Finding, Report, Verdict
from mlcontrol.core.types import Health
from mlcontrol.gui.viewmodels.phrases import count_text, moment_text, version_text

HEALTH_OF = {
    Verdict.BLOCK: Health.CRITICAL,
    Verdict.UNKNOWN: Health.UNKNOWN,
    Verdict.WARN: Health.WARNING,
    Verdict.INFO: Health.OK,
    Verdict.PASS: Health.OK,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the two big answers: the question, the verdict in two or three words, one sentence."""

    question: str
    verdict: str
    sentence: str
    health: Health


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings under one heading. ``folded``: shown as a count until asked for."""

    title: str
    health: Health
    findings: tuple[Finding, ...]
    folded: bool = False
    note: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # what nobody told, each with how it is found out


@dataclass(frozen=True, slots=True)
class CheckSheet:
    deploy: Answer
    comeback: Answer
    groups: tuple[FindingGroup, ...]
    summary: str


def check_sheet(report: Report, version: str, current: str | None) -> CheckSheet:
    """``version`` is the candidate, ``current`` what is used now (`None`: nothing known)."""
    asked = len({f.rule for f in report.findings} | set(report.passed_rules))
    return CheckSheet(
        deploy=_deploy_answer(report, version),
        comeback=_comeback_answer(report, version, current),
        groups=_groups(report),
        summary=f"{count_text(asked, 'rule')} asked · reader {reader_words(report.reader) or '?'}",
    )


def _deploy_answer(report: Report, version: str) -> Answer:
    question = f"Deploy {version_text(version)}?"
    found = [f for f in report.findings if f.direction is Direction.DEPLOY]
    blocks = [f for f in found if f.verdict is Verdict.BLOCK]
    warns = [f for f in found if f.verdict is Verdict.WARN]
    unknowns = [f for f in found if f.verdict is Verdict.UNKNOWN]
    unknown_count = max(len(unknowns), len(report.unknowns)) if report.deploy is Verdict.UNKNOWN else len(unknowns)
    if report.deploy is Verdict.BLOCK:
        return Answer(question, "No", _because(blocks, "a rule stops it"), Health.CRITICAL)
    if report.deploy is Verdict.UNKNOWN:
        first = unknowns[0].title if unknowns else next(iter(report.unknowns), "something could not be asked")
        more = f"{count_text(unknown_count, 'fact')} missing" if unknown_count else "facts are missing"
        return Answer(question, "Not known", f"{first} · {more}, starts by hand only", Health.UNKNOWN)
    if report.deploy is Verdict.WARN:
        verdict = f"Yes, with {count_text(len(warns), 'warning')}" if warns else "Yes, with warnings"
        return Answer(question, verdict, _because(warns, "read them before you start"), Health.WARNING)
    return Answer(question, "Yes", "no rule found a reason against it", Health.OK)


def _comeback_answer(report: Report, version: str, current: str | None) -> Answer:
    question = f"Come back to {version_text(current)}?" if current else "Come back?"
    found = [f for f in report.findings if f.direction is Direction.ROLLBACK]
    blocks = [f for f in found if f.verdict is Verdict.BLOCK]
    if current is None:
        return Answer(
            question, "Not known", "what is used now is not known, so there is nothing to return to", Health.UNKNOWN
        )
    if report.one_way:
        sentence = _because(
            blocks, f"once {version_text(version)} is used, {version_text(current)} cannot take over again"
        )
        return Answer(question, "No: one-way door", sentence, Health.CRITICAL)
    if report.rollback is Verdict.BLOCK:
        return Answer(question, "No", _because(blocks, "a rule stops the return"), Health.CRITICAL)
    if report.rollback is Verdict.UNKNOWN:
        unknown = [f for f in found if f.verdict is Verdict.UNKNOWN]
        return Answer(question, "Not known", _because(unknown, "the return could not be checked"), Health.UNKNOWN)
    if report.rollback is Verdict.WARN:
        warns = [f for f in found if f.verdict is Verdict.WARN]
        verdict = f"Yes, with {count_text(len(warns), 'warning')}" if warns else "Yes, with warnings"
        return Answer(question, verdict, _because(warns, "read them before you start"), Health.WARNING)
    return Answer(question, "Yes", f"{version_text(current)} reads everything that callers may send by then", Health.OK)


def _because(findings: list[Finding], otherwise: str) -> str:
    if not findings:
        return otherwise
    more = f" · and {len(findings) - 1} more" if len(findings) > 1 else ""
    return findings[0].title + more


def _groups(report: Report) -> tuple[FindingGroup, ...]:
    def pick(verdict: Verdict, direction: Direction | None = None) -> tuple[Finding, ...]:
        """What says the same of both directions stands once."""
        found: dict[tuple[str, str, str, str], Finding] = {}
        for f in report.findings:
            if f.verdict is verdict and (direction is None or f.direction is direction):
                found.setdefault(_sayings(f), f)
        return tuple(found.values())

    passed = pick(Verdict.PASS)
    passed_rules = tuple(dict.fromkeys((*(f.rule for f in passed), *report.passed_rules)))
    groups = (
        FindingGroup("Stops the deploy", Health.CRITICAL, pick(Verdict.BLOCK, Direction.DEPLOY)),
        FindingGroup("Stops the way back", Health.CRITICAL, pick(Verdict.BLOCK, Direction.ROLLBACK)),
        FindingGroup("Not known, so not passed", Health.UNKNOWN, pick(Verdict.UNKNOWN)),
        FindingGroup("Warnings to acknowledge", Health.WARNING, pick(Verdict.WARN)),
        FindingGroup("Good to know", Health.OK, pick(Verdict.INFO)),
        FindingGroup("Nobody told, so not asked", Health.UNKNOWN, (), facts=_untold(report)),
        FindingGroup(
            f"Passed {len(passed_rules)}",
            Health.OK,
            passed,
            folded=True,
            note=" · ".join(passed_rules) or "no rule passed",
        ),
    )
    return tuple(g for g in groups if g.findings or g.facts or (g.folded and passed_rules))


def _untold(report: Report) -> tuple[tuple[str, str], ...]:
    return report.to_find_out or tuple((what, "") for what in report.unknowns)


def _sayings(finding: Finding) -> tuple[str, str, str, str]:
    return finding.rule, finding.subject, finding.title, finding.why


def directions_text(report: Report, finding: Finding) -> str:
    """ "the deploy", "the way back" or "both": where this finding holds."""
    held = {f.direction for f in report.findings if _sayings(f) == _sayings(finding) and f.verdict is finding.verdict}
    if len(held) == 2:
        return "both"
    return "the way back" if finding.direction is Direction.ROLLBACK else "the deploy"


def override_text(finding: Finding) -> str:
    """Who may go on against it; empty where it stops nothing."""
    if finding.verdict not in (Verdict.BLOCK, Verdict.UNKNOWN):
        return ""
    if not finding.may_override:
        return "nobody may" if finding.verdict is Verdict.BLOCK else "anybody may accept it, with a reason"
    return f"{who_may(finding.may_override)} may, with a reason"


def changes_text(rows: Sequence[FieldChange]) -> str:
    """ "1 removed · 1 wider · 5 same": what changed first."""
    counts = Counter(row.change for row in rows)
    same = counts.pop("same", 0)
    return " · ".join([*(f"{n} {change}" for change, n in sorted(counts.items())), *([f"{same} same"] if rows else [])])


def observed_lines(report: Report, version: str | None, current: str | None) -> tuple[tuple[str, str], ...]:
    """What recent real requests would meet: (words, tone), the first that would be refused under each version."""
    if not report.impacts:
        return (("No recent requests are known: connect the service's prediction log.", "unknown"),)
    lines: list[tuple[str, str]] = []
    for impact in report.impacts:
        who = version_text(version if impact.direction is Direction.DEPLOY else current)
        head = f"{impact.refused:,} of the last {impact.total:,} requests would be refused by {who}."
        lines.append((head, "critical" if impact.refused else "secondary"))
        lines += [(f"   {example}", "quiet") for example in impact.examples]
    return tuple(lines)


def reach_text(report: Report) -> str:
    """The order in which to go back, and the older versions that can or cannot be reached."""
    lines = []
    if report.coupled_rollback:
        lines.append(f"To go back, in this order: {', then '.join(report.coupled_rollback)}.")
    closed = [
        f"{w.version} ({', '.join(w.rules)})" for w in report.window if w.rollback in (Verdict.BLOCK, Verdict.UNKNOWN)
    ]
    if closed:
        lines.append(f"Out of reach afterwards: {', '.join(closed)}.")
    elif report.window:
        lines.append(f"Also within reach: {', '.join(w.version for w in report.window)}.")
    return " ".join(lines)


def markdown(report: Report, service: str, version: str, current: str | None) -> str:
    """The sheet as Markdown for a ticket or a chat; text of servers is fenced against formatting."""
    sheet = check_sheet(report, version, current)
    lines = [f"## Check of {_md(service)} {_md(version_text(version))} against {_md(version_text(current))}", ""]
    for answer in (sheet.deploy, sheet.comeback):
        lines.append(f"- **{answer.question}** {answer.verdict}: {_md(answer.sentence)}")
    if report.checked_s is not None:
        lines.append(f"- checked {moment_text(report.checked_s)}, reader {_md(reader_words(report.reader))}")
    for group in sheet.groups:
        lines += ["", f"### {group.title}", ""]
        if group.folded:
            lines.append(_md(group.note))
            continue
        lines += [f"- {_md(what)}: {_md(how)}" if how else f"- {_md(what)}" for what, how in group.facts]
        for f in group.findings:
            lines.append(f"- `{f.rule}` **{_md(f.title)}** ({f.evidence.level.value}): {_md(f.why)}")
            if f.remedy:
                lines.append(f"  To fix: {_md(f.remedy)}")
    return "\n".join(lines) + "\n"


def json_text(report: Report) -> str:
    """The sheet as `mlcontrol check --format json` prints it."""
    return json.dumps(document(report), ensure_ascii=False, indent=2) + "\n"


_MARKS = str.maketrans({char: "\\" + char for char in "\\`*_{}[]<>#|"})


def _md(text: str) -> str:
    return " ".join(text.split()).translate(_MARKS)

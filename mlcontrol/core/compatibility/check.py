"""The checker: every rule on a pair of versions, both directions, folded into one report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mlcontrol.core.compatibility.case import Case, Hit, Ruling, VersionFacts, label
from mlcontrol.core.compatibility.difference import differences
from mlcontrol.core.compatibility.facts import (
    ArtifactFacts,
    Binary,
    Consumers,
    DataFacts,
    GoldenFacts,
    OperationFacts,
    ProbeFacts,
    QualityFacts,
)
from mlcontrol.core.compatibility.inputs_presence import unknown_inputs
from mlcontrol.core.compatibility.observed import Observed, Refusals, would_refuse
from mlcontrol.core.compatibility.outputs import unknown_outputs
from mlcontrol.core.compatibility.pairing import pair
from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.reader import Reader
from mlcontrol.core.compatibility.report import (
    Direction,
    Evidence,
    Finding,
    Impact,
    Level,
    Report,
    Verdict,
    WindowAnswer,
    worst,
)
from mlcontrol.core.compatibility.skew import coupled_order, skew_matrix
from mlcontrol.core.compatibility.table import BY_ID, RULES, Rule
from mlcontrol.core.signature import Signature

_REASON_RULES = {  # reason of a refusal -> the rule it breaks when deploying, when rolling back
    "missing": ("I1", "I4"),
    "extra": ("I5", "I2"),
    "null": ("I14", "I13"),
    "kind": ("I12", "I12"),
    "size": ("I17", "I17"),
    "range": ("I18", "I19"),
    "value": ("I21", "I20"),
    "order": ("I8", "I8"),
}


def compare(
    candidate: Signature,
    current: Signature | None,
    reader: Reader,
    *,
    artifact: ArtifactFacts | None = None,
    probe: ProbeFacts | None = None,
    golden: GoldenFacts | None = None,
    current_artifact: ArtifactFacts | None = None,
    current_probe: ProbeFacts | None = None,
    current_golden: GoldenFacts | None = None,
    observed: Observed | None = None,
    consumers: Consumers | None = None,
    binary: Binary | None = None,
    previous_binary: Binary | None = None,
    data: DataFacts | None = None,
    quality: QualityFacts | None = None,
    operation: OperationFacts | None = None,
    policy: Policy | None = None,
    now_s: float | None = None,
) -> Report:
    """May ``candidate`` replace ``current``, and may we come back?

    ``current`` `None`: nothing is used now. Facts are of the candidate unless named otherwise; a group left out was not looked
    at, and is listed in `Report.unknowns`. ``now_s``: seconds since the epoch, for policy ends; without it every ignore with an
    end counts as expired.
    """
    policy = policy or Policy()
    if policy.retired:
        candidate = replace(candidate, tombstones=(*candidate.tombstones, *policy.retired))
    old = current or Signature(name=candidate.name)
    case = Case(
        candidate=candidate,
        current=old,
        reader=reader,
        inputs=pair(candidate.inputs, old.inputs, candidate.statistics, old.statistics),
        outputs=pair(candidate.outputs, old.outputs),
        observed=observed,
        consumers=consumers,
        binary=binary,
        previous_binary=previous_binary,
        new=VersionFacts(artifact, probe, golden),
        old=VersionFacts(current_artifact, current_probe, current_golden),
        data=data,
        quality=quality,
        operation=operation,
        limits=policy.limits,
        has_current=current is not None,
    )
    found = list(_findings(case))
    impacts, more = _observed_findings(case, [f for f, _ in found])
    found += [(f, False) for f in more]
    judged = [(_under_policy(f, policy, candidate.name, now_s), flag) for f, flag in found]
    findings = tuple(f for f, _ in judged)
    findings += tuple(_expired(policy, candidate.name, findings, now_s))
    unread = (Verdict.UNKNOWN,) * bool(policy.problem)
    deploy = worst((*unread, *(f.verdict for f in findings if f.direction is Direction.DEPLOY)))
    rollback = worst((*unread, *(f.verdict for f in findings if f.direction is Direction.ROLLBACK)))
    closing = {f.rule for f, flag in judged if flag and f.verdict not in (Verdict.PASS, Verdict.INFO)}
    if deploy is not Verdict.BLOCK and rollback is Verdict.BLOCK:
        closing |= {f.rule for f in findings if f.direction is Direction.ROLLBACK and f.verdict is Verdict.BLOCK}
    fired = {f.rule for f in findings}
    unread_policy = (("what the policy asks for", policy.problem),) if policy.problem else ()
    unknowns = (*unread_policy, *_unknowns(case))
    cells = skew_matrix(candidate, old, binary, previous_binary) if current is not None else ()
    return Report(
        candidate=_reference(candidate),
        current=_reference(old) if current is not None else "",
        reader=reader.name,
        deploy=deploy,
        rollback=rollback,
        one_way=bool(closing),
        findings=tuple(sorted((f for f in findings if f.verdict is not Verdict.PASS), key=_order)),
        unknowns=tuple(what for what, _ in unknowns),
        to_find_out=unknowns,
        passed_rules=_passed(case, findings),
        checked_s=now_s,
        one_way_rules=tuple(sorted(closing, key=_rule_order)),
        coupled_rollback=coupled_order(cells, "I24" in fired, "O11" in fired),
        skew=cells,
        impacts=tuple(impacts),
        inputs=differences(case.inputs) if current is not None else (),
        outputs=differences(case.outputs) if current is not None else (),
    )


def over_window(
    report: Report,
    candidate: Signature,
    known_good: Iterable[Signature],
    reader: Reader,
    policy: Policy | None = None,
    observed: Observed | None = None,
    now_s: float | None = None,
    *,
    consumers: Consumers | None = None,
    binary: Binary | None = None,
) -> Report:
    """The report, with the way back to every older known-good version as well: it has to hold transitively.

    An older version that cannot be reached does not forbid the next step back; it is a warning, and the deploy is one-way for it.
    """
    answers, findings, closing = [], list(report.findings), list(report.one_way_rules)
    for one in known_good:
        mine = compare(
            candidate,
            one,
            reader,
            observed=observed,
            consumers=consumers,
            binary=binary,
            policy=policy,
            now_s=now_s,
        )
        bad = [
            f
            for f in mine.findings
            if f.direction is Direction.ROLLBACK and f.verdict in (Verdict.BLOCK, Verdict.UNKNOWN)
        ]
        rules = tuple(dict.fromkeys(f.rule for f in bad))
        answers.append(WindowAnswer(label(one), mine.rollback, rules))
        for f in bad:
            why = f"Coming back to {label(one)}: {f.why}"
            findings.append(replace(f, verdict=Verdict.WARN, subject=f"window.{label(one)}.{f.subject}", why=why))
        if mine.rollback is Verdict.BLOCK and report.deploy is not Verdict.BLOCK:
            closing += [f.rule for f in bad if f.verdict is Verdict.BLOCK]
    return replace(
        report,
        findings=tuple(sorted(findings, key=_order)),
        rollback=worst((report.rollback, *(f.verdict for f in findings if f.direction is Direction.ROLLBACK))),
        one_way=bool(closing),
        one_way_rules=tuple(sorted(set(closing), key=_rule_order)),
        window=tuple(answers),
    )


def _reference(signature: Signature) -> str:
    return f"{signature.name}/{signature.version}" if signature.version else signature.name


def _findings(case: Case) -> Iterator[tuple[Finding, bool]]:
    """(finding, does it close the way back by itself)"""
    inferred = case.inferred()
    for rule in RULES:
        if not case.has_current and rule.id[0] in "IO" and rule.id != "I29":
            continue
        for hit in rule.check(case):
            yield from _of_hit(inferred, rule, hit)
    for hit in unknown_inputs(case):
        yield from _of_hit(inferred, BY_ID["I1"], hit)
    for hit in unknown_outputs(case):
        yield from _of_hit(inferred, BY_ID["O1"], hit)


def _of_hit(inferred: frozenset[str], rule: Rule, hit: Hit) -> Iterator[tuple[Finding, bool]]:
    for direction, ruling in ((Direction.DEPLOY, hit.deploy), (Direction.ROLLBACK, hit.rollback)):
        if ruling is not None:
            if ruling.level is Level.DECLARED and hit.subject in inferred:
                ruling = replace(ruling, level=Level.INFERRED)
            yield _finding(rule, hit, direction, ruling), ruling.one_way


def _finding(rule: Rule, hit: Hit, direction: Direction, ruling: Ruling) -> Finding:
    verdict = ruling.verdict
    return Finding(
        rule=rule.id,
        direction=direction,
        verdict=_asymmetric(rule, direction, verdict),
        subject=hit.subject,
        title=hit.title,
        why=ruling.why or _sentence(rule.why),
        remedy="" if verdict is Verdict.PASS else ruling.remedy or rule.remedy,
        evidence=Evidence(ruling.level, hit.candidate, hit.current),
        source=rule.source,
    )


def _asymmetric(rule: Rule, direction: Direction, verdict: Verdict) -> Verdict:
    """Quality, size, age, approval and freeze never block the way back, and not knowing them does not either."""
    holds = direction is Direction.ROLLBACK and not rule.mechanical
    return Verdict.WARN if holds and verdict in (Verdict.BLOCK, Verdict.UNKNOWN) else verdict


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _under_policy(finding: Finding, policy: Policy, model: str, now_s: float | None) -> Finding:
    verdict = policy.severity(finding.rule, finding.direction, model, finding.verdict)
    why = finding.why
    ignore = policy.ignored(finding.rule, finding.subject, model)
    unsettled = verdict not in (Verdict.PASS, Verdict.INFO, Verdict.UNKNOWN)
    if ignore is not None and unsettled and now_s is not None and now_s < ignore.expires_s:
        verdict, why = Verdict.INFO, f"{why} Ignored by {ignore.owner}: {ignore.reason or 'no reason given'}."
    if verdict is not finding.verdict:
        verdict = _asymmetric(BY_ID[finding.rule], finding.direction, verdict)
    stops = verdict not in (Verdict.PASS, Verdict.INFO)
    by = policy.may_override(finding.rule, finding.direction, model) if stops else ()
    return replace(finding, verdict=verdict, why=why, may_override=by)


def _expired(policy: Policy, model: str, findings: tuple[Finding, ...], now_s: float | None) -> Iterator[Finding]:
    for finding in findings:
        ignore = policy.ignored(finding.rule, finding.subject, model)
        if ignore is None or (now_s is not None and now_s < ignore.expires_s) or finding.verdict is Verdict.PASS:
            continue
        yield Finding(
            finding.rule,
            finding.direction,
            Verdict.WARN,
            finding.subject,
            f"The ignore of {finding.rule} has expired",
            f"{ignore.owner} answered for it: {ignore.reason or 'no reason given'}.",
            "settle the finding, or renew the ignore with a new end",
            Evidence(Level.DECLARED),
            "policy",
        )


def _observed_findings(case: Case, findings: list[Finding]) -> tuple[list[Impact], list[Finding]]:
    """What the real requests would have met; requests both versions refuse are not this release's doing."""
    if case.observed is None or not case.observed.n:
        return [], []
    new = would_refuse(case.observed, case.candidate, case.reader)
    old = would_refuse(case.observed, case.current, case.reader)
    impacts, more = [], []
    sides: tuple[tuple[Direction, Refusals, Refusals, str], ...] = (
        (Direction.DEPLOY, new, old, case.new_label),
        (Direction.ROLLBACK, old, new, case.old_label),
    )
    for direction, mine, other, who in sides:
        if direction is Direction.ROLLBACK and not case.has_current:
            continue
        reasons = tuple(f"{name}: {reason}, {count:,} requests" for (name, reason), count in mine.counts.items())
        impacts.append(Impact(direction, mine.refused, mine.total, reasons, mine.examples))
        blocked = {f.subject for f in findings if f.direction is direction and f.verdict is Verdict.BLOCK}
        for (name, reason), count in mine.counts.items():
            subject = f"inputs.{name}"
            if subject in blocked or count <= other.counts.get((name, reason), 0):
                continue
            rule = BY_ID[_REASON_RULES[reason][direction is Direction.ROLLBACK]]
            why = f"{count:,} of the last {mine.total:,} requests would be refused by {who}."
            hit = Hit(subject, f"{name}: real requests would be refused", candidate=reason)
            more.append(_finding(rule, hit, direction, Ruling(Verdict.BLOCK, why, level=Level.OBSERVED)))
    return impacts, more


def _unknowns(case: Case) -> Iterator[tuple[str, str]]:
    """What nobody looked at, and how it is obtained."""
    if case.binary is None:
        yield (
            "runtime of the serving binary",
            "load the candidate on the server, or describe the binary: `check --runtime FILE`",
        )
    for who, signature in (("candidate", case.candidate), ("current version", case.current)):
        if who != "candidate" and not case.has_current:
            continue
        if signature.runtime is None or signature.runtime.version is None:
            yield f"framework version of the {who}", "log the model with its flavour and requirements"
        for note in signature.sources:
            what, _, how = note.partition(": ")
            yield note, how or what
        if signature.size_bytes is None:
            yield f"artifact size of the {who}", "record `size_bytes`, or name the model's directory"
        unsaid = [f.name for f in signature.inputs or () if f.required is None or f.nullable is None]
        if unsaid:
            more = f" and {len(unsaid) - 3} more" if len(unsaid) > 3 else ""
            what = f"whether the {who} needs {', '.join(unsaid[:3])}{more}, and takes null"
            yield what, "state `required` and `nullable` of every input"
    if case.has_current:
        yield from _lost_meaning(case)
    if case.observed is None:
        yield "recent requests", "give them with --observed, or connect the service's prediction log"
    if case.consumers is None:
        yield "consumers of the outputs", "describe them with --consumers"
    if case.new.probe is None:
        yield "whether the candidate loads and answers on the server", "probe it in the panel"
    if case.new.golden is None:
        yield "golden set score of the candidate", "replay the golden set in the panel"


def _lost_meaning(case: Case) -> Iterator[tuple[str, str]]:
    """A source that has no room for it, or somebody who did not write it down: no rule can tell which."""
    sides = (case.candidate, case.current)
    features = [any(f.semantic or f.unit for f in side.inputs or ()) for side in sides]
    classes = [any(f.classes for f in side.outputs or ()) for side in sides]
    for what, (new, old), how in (
        ("what the inputs mean", features, "state `semantic` and `unit` of the features"),
        ("the classes of the outputs", classes, "state `classes` of the outputs"),
    ):
        if new != old:
            yield f"{what} in the {'current version' if new else 'candidate'}, which the other side states", how


_NEEDS = {
    "R1": "binary", "R2": "binary", "R3": "binary", "R4": "binary", "R5": "binary", "R6": "binary",
    "R8": "previous_binary", "R9": "previous_binary", "R10": "operation", "R11": "probe", "R12": "probe",
    "R13": "probe", "R14": "probe", "R15": "artifact", "R16": "artifact", "R17": "operation",
    "S3": "data", "S5": "operation", "D1": "data", "D2": "data", "D3": "data", "D4": "data",
    "Q1": "golden", "Q2": "golden", "Q3": "quality", "Q4": "quality", "Q5": "quality", "O12": "quality",
    "P1": "operation", "P2": "operation", "P3": "operation",
}  # fmt: skip


def _passed(case: Case, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Rules that were asked and had nothing to say. A rule whose facts nobody brought is not among them."""
    loud = {f.rule for f in findings if f.verdict is not Verdict.PASS}
    silent = []
    for rule in RULES:
        group = _NEEDS.get(rule.id)
        if group in ("probe", "artifact", "golden"):
            asked = getattr(case.new, group) is not None
        elif group is not None:
            asked = getattr(case, group) is not None
        elif rule.id[0] in "IO":
            asked = case.has_current and (case.inputs.known if rule.id[0] == "I" else case.outputs.known)
        elif rule.id in ("S1", "S2"):
            asked = case.candidate.size_bytes is not None and case.current.size_bytes is not None
        elif rule.id == "S4":
            asked = case.candidate.created_s is not None and case.current.created_s is not None
        else:
            asked = case.candidate.endpoints is not None and case.current.endpoints is not None
        if rule.id == "I29":
            asked = asked and bool(case.candidate.statistics) and (case.observed is not None or case.data is not None)
        if asked and rule.id not in loud:
            silent.append(rule.id)
    return tuple(silent)


def _rule_order(rule: str) -> int:
    return next(i for i, r in enumerate(RULES) if r.id == rule)


_VERDICTS = (Verdict.BLOCK, Verdict.UNKNOWN, Verdict.WARN, Verdict.INFO, Verdict.PASS)


def _order(finding: Finding) -> tuple[int, int, str, str]:
    return _VERDICTS.index(finding.verdict), _rule_order(finding.rule), finding.subject, finding.direction

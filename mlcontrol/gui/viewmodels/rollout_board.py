"""The live board of one operation as words: where it is, what was proven, what is observed, what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.bisect import Found
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.types import Freshness, Health, ServiceState, TimelineEvent, VersionFact
from mlcontrol.gui.viewmodels.phrases import age_text, clock_text, duration_text, moment_text, rate_text, version_text

PHASE_WORDS = {
    Phase.RUNNING: "running",
    Phase.RETURNING: "going back by itself",
    Phase.SETTLING: "reading the real state after an interruption",
    Phase.DONE: "done",
    Phase.REFUSED: "refused, nothing was changed",
    Phase.RETURNED: "returned to the version before",
    Phase.ABORTED: "aborted",
    Phase.FAILED: "failed, and the way back failed too",
    Phase.UNRESOLVED: "not resolved",
    Phase.CONFLICT: "another hand moved it",
}

PHASE_HEALTH = {
    Phase.RUNNING: None,
    Phase.RETURNING: Health.WARNING,
    Phase.SETTLING: Health.UNKNOWN,
    Phase.DONE: Health.OK,
    Phase.REFUSED: Health.WARNING,
    Phase.RETURNED: Health.WARNING,
    Phase.ABORTED: Health.WARNING,
    Phase.FAILED: Health.CRITICAL,
    Phase.UNRESOLVED: Health.UNKNOWN,
    Phase.CONFLICT: Health.CRITICAL,
}
"""`None`: in progress, which is neither good nor bad."""


def phase_health(operation: Operation) -> Health | None:
    """A rollback that did not come through is loud, whatever became of the traffic; `None` as in `PHASE_HEALTH`."""
    return Health.CRITICAL if operation.failed_back else PHASE_HEALTH[operation.phase]


_VERIFYING = ("golden", "verify", "alias-verify")


@dataclass(frozen=True, slots=True)
class BoardStep:
    """``state`` picks the glyph; ``time`` is what it took, takes so far, or is expected to take."""

    title: str
    state: StepState
    time: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One fact that proves the change. ``health`` `None`: not asked yet."""

    fact: str
    evidence: str
    health: Health | None
    seconds: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    kicker: str
    headline: str
    sentence: str
    health: Health | None
    steps: tuple[BoardStep, ...]
    split: tuple[tuple[str, float], ...]
    split_note: str
    facts: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]
    log: tuple[tuple[str, str], ...]
    live: bool


FOUND_HEADLINE: dict[str, str] = {
    Found.NAMED: "{} does worse: it is the version",
    Found.CLEARED: "It is not {}",
    Found.INCONCLUSIVE: "Inconclusive: {} is neither named nor cleared",
}


def kind_words(operation: Operation) -> str:
    """ "Rollback to v2", "Deploy of v3"."""
    joint = {
        OperationKind.DEPLOY: "Deploy of",
        OperationKind.ROLLBACK: "Rollback to",
        OperationKind.PROBE: "Probe of",
        OperationKind.DRILL: "Drill of the way back to",
        OperationKind.BISECT: "Bisect against",
    }[operation.kind]
    return f"{joint} {version_text(operation.to_version)}"


def board(operation: Operation, service: ServiceState | None, events: tuple[TimelineEvent, ...], now_s: float) -> Board:
    """``events``: the fleet's recent events; those of this operation become the log. ``now_s``: UTC seconds."""
    split, note = _split(operation, service)
    return Board(
        kicker=f"{kind_words(operation)} · started {clock_text(operation.started_s)} by {operation.actor or '?'}",
        headline=_headline(operation, service),
        sentence=_sentence(operation, now_s),
        health=phase_health(operation),
        steps=tuple(_step(step, now_s) for step in operation.steps),
        split=split,
        split_note=note,
        facts=_facts(operation, service, now_s),
        ticks=_ticks(operation, service, now_s),
        log=_log(operation, events),
        live=not operation.phase.ended,
    )


def _headline(operation: Operation, service: ServiceState | None) -> str:
    """What it came to. "serves" only while it is still observed: the operation may be long past."""
    if operation.phase is Phase.RUNNING:
        running = next((s for s in operation.steps if s.state is StepState.RUNNING), None)
        return running.title if running else "Starting"
    target, origin = version_text(operation.to_version), version_text(operation.from_version)
    probe = operation.kind is OperationKind.PROBE
    if operation.kind is OperationKind.BISECT and operation.phase is Phase.DONE:
        return FOUND_HEADLINE.get(operation.found, "").format(origin) or f"Compared {origin} with {target}"
    if operation.kept_traffic:
        return f"{target} has the traffic; not all was done"
    if operation.failed_back and operation.phase is not Phase.FAILED:
        return f"The rollback failed: {origin} keeps its traffic"
    return {
        Phase.RETURNING: f"Going back to {origin}",
        Phase.SETTLING: "Reading the real state",
        Phase.DONE: f"{target} took over and gave back"
        if operation.kind is OperationKind.DRILL
        else f"{target} loads and answers"
        if probe
        else f"{target} serves"
        if _used(service, operation.to_version)
        else f"Done, {target} was proven",
        Phase.REFUSED: "Refused, nothing was changed",
        Phase.RETURNED: f"Went back by itself to {origin}",
        Phase.ABORTED: "Aborted" if probe else f"Aborted, back to {origin}",
        Phase.FAILED: "Failed, and the way back failed too",
        Phase.UNRESOLVED: "Not resolved: the real state could not be read",
        Phase.CONFLICT: "Another hand moved it meanwhile; nothing more was written",
    }[operation.phase]


def abort_leaves(operation: Operation | None) -> str | None:
    """The version that has the traffic after an abort."""
    if operation is None:
        return None
    return operation.to_version if operation.proven_back else operation.from_version


def _used(service: ServiceState | None, version: str) -> bool:
    return service is not None and service.used.single == version


def _sentence(operation: Operation, now_s: float) -> str:
    if operation.problem is not None and operation.phase.ended:
        # Where the traffic is comes before why: at the worst moment both are needed, and the commands last.
        told = operation.summary if operation.failed_back or operation.phase is Phase.FAILED else ""
        problem = operation.problem
        if "\n" not in problem.next:
            return "\n".join(part for part in (told, str(problem)) if part)
        return "\n".join(part for part in (told, f"{problem.what} {problem.why}".strip(), problem.next) if part)
    if operation.summary:
        return operation.summary
    if operation.phase.ended:
        return f"ended {age_text(operation.ended_s, now_s)}"
    if operation.phase is Phase.RETURNING:
        return "each step is read back, like those before; nothing needs to be done"
    if operation.phase is Phase.SETTLING:
        return "what the operation left is read from the servers, and put right"
    left = sum(s.expected_s or 0.0 for s in operation.steps if s.state in (StepState.WAITING, StepState.RUNNING))
    return f"about {duration_text(left)} to go; it goes back by itself if a step does not hold"


def _step(step: Step, now_s: float) -> BoardStep:
    if step.started_s is not None and step.ended_s is not None:
        time = duration_text(step.ended_s - step.started_s)
    elif step.state is StepState.RUNNING and step.started_s is not None:
        expected = f" of about {duration_text(step.expected_s)}" if step.expected_s is not None else ""
        time = duration_text(max(0.0, now_s - step.started_s)) + expected
    elif step.state is StepState.WAITING and step.expected_s is not None:
        time = f"about {duration_text(step.expected_s)}"
    else:
        time = step.state.value if step.state is not StepState.DONE else ""
    return BoardStep(step.title, step.state, time, step.detail)


def _split(operation: Operation, service: ServiceState | None) -> tuple[tuple[tuple[str, float], ...], str]:
    """Observed shares by version, the version before first."""
    if service is None:
        return (), "split not known: the service is not in this workspace"
    rates = {v: r for v, r in service.traffic_by_version.items() if r == r and r > 0}
    total = sum(rates.values())
    if service.used.freshness is Freshness.UNKNOWN:
        return (), "split not known: no counters answer"
    if total <= 0:
        return (), "no traffic observed"
    first = (operation.from_version, operation.to_version)
    order = sorted(rates, key=lambda v: (first.index(v) if v in first else 2, v))
    return tuple((v, rates[v] / total) for v in order), f"observed from {rate_text(total)}"


def fact_words(fact: VersionFact, now_s: float) -> str:
    """ "v3", "v2, v3 · 12 s ago" when stale, or "? never answered"."""
    versions = ", ".join(version_text(v) for v in fact.versions)
    if fact.at is None:
        return f"? {fact.detail or 'never answered'}"
    if fact.freshness is Freshness.UNKNOWN:
        return f"? was {versions or 'none'}, {age_text(fact.at.utc_s, now_s)}"
    if fact.freshness is Freshness.STALE:
        return f"{versions or 'none'} · {age_text(fact.at.utc_s, now_s)}"
    return versions or "none"


def _facts(operation: Operation, service: ServiceState | None, now_s: float) -> tuple[tuple[str, str], ...]:
    rows: list[tuple[str, str]] = []
    if service is not None:
        back = service.way_back
        words = f"{back.state.value.upper()}"
        if back.seconds is not None:
            words += f" · {duration_text(back.seconds)} {'measured' if back.measured else 'estimated'}"
        rows = [
            ("intended", fact_words(service.intended, now_s)),
            ("served", fact_words(service.served, now_s)),
            ("used", fact_words(service.used, now_s)),
            ("presence", service.presence.text),
            ("fingerprint", service.fingerprint.text),
            ("use", service.use.text),
            ("accuracy", service.accuracy.text),
            ("traffic", rate_text(service.traffic_per_s)),
            ("way back", words),
        ]
    rows += [
        *((("strategy", operation.strategy),) if operation.strategy else ()),
        ("started by", operation.actor or "?"),
        ("started", moment_text(operation.started_s)),
        ("reason", operation.reason or "? none given"),
    ]
    if operation.ended_s is not None:
        rows.append(("took", duration_text(operation.ended_s - operation.started_s)))
    return tuple(rows)


def _ticks(operation: Operation, service: ServiceState | None, now_s: float) -> tuple[Tick, ...]:
    """What must be observed before the operation counts as done; its own evidence first, then the fleet's own word."""
    ticks = [_tick_of_step(step) for step in operation.steps if step.id in _VERIFYING]
    if service is not None and operation.kind not in (OperationKind.PROBE, OperationKind.BISECT):
        wanted = operation.to_version
        back = operation.phase in (Phase.RETURNING, Phase.RETURNED, Phase.ABORTED) and not operation.kept_traffic
        if back and operation.from_version:
            wanted = operation.from_version
        ticks += [
            _tick_of_fact(f"{name} says {version_text(wanted)}", fact, wanted, now_s)
            for name, fact in (("endpoint", service.served), ("traffic", service.used), ("registry", service.intended))
        ]
    return tuple(ticks)


def _tick_of_step(step: Step) -> Tick:
    health = {
        StepState.DONE: Health.OK,
        StepState.FAILED: Health.CRITICAL,
        StepState.UNRESOLVED: Health.UNKNOWN,
    }.get(step.state)
    took = step.ended_s - step.started_s if step.started_s is not None and step.ended_s is not None else None
    return Tick(step.title, step.detail or step.state.value, health, duration_text(took) if took is not None else "")


def _tick_of_fact(name: str, fact: VersionFact, wanted: str, now_s: float) -> Tick:
    if fact.at is None or fact.freshness is Freshness.UNKNOWN:
        return Tick(name, fact_words(fact, now_s), Health.UNKNOWN)
    held = wanted in fact.versions if name.startswith("endpoint") else fact.versions == (wanted,)
    evidence = f"{fact_words(fact, now_s)} · {age_text(fact.at.utc_s, now_s)}"
    return Tick(name, evidence, Health.OK if held else None)


def _log(operation: Operation, events: tuple[TimelineEvent, ...]) -> tuple[tuple[str, str], ...]:
    """Newest first."""
    rows = [(e.at_s, e.title) for e in events if e.operation == operation.id]
    for step in operation.steps:
        if step.ended_s is not None:
            rows.append((step.ended_s, f"{step.title}: {step.detail or step.state.value}"))
        elif step.started_s is not None:
            rows.append((step.started_s, f"{step.title}: started"))
    rows += list(operation.log)
    rows.append((operation.started_s, f"started by {operation.actor or '?'}: {operation.reason or 'no reason given'}"))
    if operation.ended_s is not None:
        rows.append((operation.ended_s, PHASE_WORDS[operation.phase]))
    return tuple((clock_text(at), text) for at, text in sorted(rows, key=lambda row: -row[0]))


def operation_rows(operations: dict[str, Operation]) -> tuple[Operation, ...]:
    """Live ones first, then newest first."""
    return tuple(sorted(operations.values(), key=lambda op: (op.phase.ended, -op.started_s)))


def live_operation(operations: dict[str, Operation], service: str | None) -> Operation | None:
    """The operation that runs now, of this service when one is given."""
    live = [op for op in operation_rows(operations) if not op.phase.ended and service in (None, op.service)]
    return live[0] if live else None

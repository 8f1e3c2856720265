"""The judgement of the stage that runs, as words and lines: an answer first, then one row of evidence for each guard."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.judge.policy import TITLES, Role
from mlcontrol.core.judge.verdict import Reading, Verdict
from mlcontrol.core.operation import LiveStage, Operation
from mlcontrol.gui.viewmodels.phrases import clock_text, count_text, duration_text, version_text

GLYPHS = {Verdict.FINE: "done", Verdict.WORSE: "critical", Verdict.INCONCLUSIVE: "running", Verdict.UNKNOWN: "unknown"}
LEANS = 0.15  # evidence above this share of a decision is worth a word


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """``line``: -1 (fine) to +1 (worse) over time; empty where nothing was read. ``glyph``: a state. ``advisory``: it may
    stop the rollout but need not have decided."""

    guard: str
    title: str
    verdict: Verdict
    glyph: str
    figures: str
    limit: str
    line: tuple[float, ...]
    result: str
    under: str
    advisory: bool

    @property
    def words(self) -> str:
        """For a screen reader."""
        return ", ".join(
            part for part in (self.title, self.verdict.value, self.figures, self.result, self.under) if part
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """``answer``: in two or three words; ``state``: the tone it is said in, `None` while nothing is decided. ``go``: the
    label of going on, ``go_refusal``: why it needs a reason first; ``hold``: the label of holding or letting go."""

    kicker: str
    answer: str
    state: str | None
    sentence: str
    wished: str
    split: tuple[tuple[str, float], ...]
    rows: tuple[EvidenceRow, ...]
    go: str
    go_refusal: str
    hold: str
    held: bool
    clear: str  # the label of taking a latched fail away; empty: none is latched


def judged(operation: Operation, now_s: float) -> Judged | None:
    """The stage that is judged right now; `None` when none is. ``now_s``: UTC seconds."""
    live = operation.live
    if live is None or operation.phase.ended:
        return None
    readings = live.judgement.readings if live.judgement is not None else ()
    answer, state = _answer(live, readings)
    new, old = version_text(operation.to_version), version_text(operation.from_version)
    kicker = f"{new} alone, {old} kept hot" if live.bake else f"Judgement of {new} against {old} at {live.percent:g} %"
    held = live.state == "held"
    return Judged(
        kicker=f"{kicker} · {duration_text(max(0.0, now_s - live.started_s))} so far",
        answer=answer,
        state=state,
        sentence=_sentence(live, readings),
        wished=_wished(live),
        split=_split(operation, live),
        rows=tuple(_row(reading) for reading in readings),
        go=_go(operation, live),
        go_refusal=_go_refusal(live),
        hold="Let it go on" if held else f"Hold at {live.percent:g} %",
        held=held,
        clear=f"Clear {TITLES.get(live.failed[0], live.failed[0]).lower()}" if live.failed else "",
    )


def _answer(live: LiveStage, readings: tuple[Reading, ...]) -> tuple[str, str | None]:
    if any(r.verdict is Verdict.WORSE for r in readings) and live.failed:
        return "Worse", "critical"
    if any(r.verdict is Verdict.UNKNOWN for r in readings):
        return "Not known", "unknown"
    if live.state == "held":
        return f"Held at {live.percent:g} %", "warning"
    if live.state == "asking":
        return "Judged fine: go on?", "ok"
    if live.bake:
        return "Baking", None
    required = [r for r in readings if r.role is Role.REQUIRE]
    if required and all(r.verdict is Verdict.FINE for r in required):
        return "Fine so far", "ok"
    return "Not decided yet", None


def _sentence(live: LiveStage, readings: tuple[Reading, ...]) -> str:
    parts = [live.note] if live.note else []
    required = [r for r in readings if r.role is Role.REQUIRE and r.line]
    if required and not live.note and not live.bake:
        lean = sum(r.line[-1] for r in required) / len(required)
        if abs(lean) < 1.0:
            parts.append("leaning fine" if lean < -LEANS else "leaning worse" if lean > LEANS else "no lean yet")
    if live.waits_for and live.waits_for != "nothing":
        parts.append(f"waits for {live.waits_for}")
    if live.left_s is not None and live.left_s > 0 and live.state == "observing" and not live.bake:
        parts.append(f"about {duration_text(live.left_s)} more at this traffic")
    return " · ".join(parts)


def _wished(live: LiveStage) -> str:
    if live.bake:
        return f"observed from {count_text(live.requests, 'answer')} since it took over; all of the traffic is wanted"
    wanted = f"wanted {100 - live.percent:g} / {live.percent:g}"
    if live.observed is None:
        return f"no answer observed in this stage yet; {wanted}"
    total = round(live.requests / live.observed) if live.observed else 0
    return f"observed from {count_text(total, 'answer')} in this stage; {wanted}"


def _split(operation: Operation, live: LiveStage) -> tuple[tuple[str, float], ...]:
    if live.observed is None or operation.from_version is None:
        return ()
    if live.bake:
        return ((operation.to_version, 1.0),)
    return ((operation.from_version, 1.0 - live.observed), (operation.to_version, live.observed))


def _row(reading: Reading) -> EvidenceRow:
    under = reading.note or reading.interval
    if reading.decided_s is not None and reading.verdict in (Verdict.FINE, Verdict.WORSE):
        under = f"{reading.interval + ' · ' if reading.interval else ''}decided {clock_text(reading.decided_s)}"
    result = reading.result or {Verdict.UNKNOWN: "not known", Verdict.INCONCLUSIVE: "not decided"}.get(
        reading.verdict, reading.verdict.value
    )
    if reading.phi is not None and reading.phi > 1.5 and not reading.note:
        under = f"{under} · scatter {reading.phi:.1f} ×" if under else f"scatter {reading.phi:.1f} ×"
    return EvidenceRow(
        reading.guard,
        reading.title,
        reading.verdict,
        GLYPHS[reading.verdict],
        reading.figures,
        reading.limit,
        () if reading.verdict is Verdict.UNKNOWN else reading.line,
        result,
        under,
        reading.role is not Role.REQUIRE,
    )


def _go(operation: Operation, live: LiveStage) -> str:
    if live.bake:
        return "End the bake"
    ids = [step.id for step in operation.steps]
    after = ids[ids.index(live.step) + 1] if live.step in ids and ids.index(live.step) + 1 < len(ids) else ""
    return f"Go on to {after.removeprefix('split-')} %" if after.startswith("split-") else "Go on to 100 %"


def _go_refusal(live: LiveStage) -> str:
    if live.failed:
        return "a guard says worse: clear it first"
    return "" if _decided(live) else f"{live.waits_for}; a reason is needed"


def _decided(live: LiveStage) -> bool:
    return live.state == "asking" or (live.waits_for in ("a person", "nothing") and not live.failed)

"""A scripted incident as an exercise: how long it took to notice, to decide and to recover, and the wrong turns."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.incidents.decision_times import DecisionTimes

PAR_S = {"detect": 30.0, "decide": 60.0, "recover": 60.0}
"""What a person does who knows the panel; more costs points."""
WRONG_TURN_COSTS = 15.0


@dataclass(frozen=True, slots=True)
class Score:
    """Seconds; `None`: it did not come to that. ``points``: 0..100."""

    fault: str
    person: str
    at_s: float
    detect_s: float | None
    decide_s: float | None
    recover_s: float | None
    wrong_turns: tuple[str, ...]
    points: int


@dataclass(frozen=True, slots=True)
class Exercise:
    """One that runs. ``started_s``: when the fault took effect, UTC seconds. ``surprise``: the person was not told which."""

    fault: str
    person: str
    started_s: float
    surprise: bool = False


@dataclass(frozen=True, slots=True)
class Practice:
    """What one person may play here, plays now and has scored, best first. ``faults``: (name, what happens). ``why_not``: why
    nothing can be played here, if so."""

    person: str
    faults: tuple[tuple[str, str], ...] = ()
    running: Exercise | None = None
    scores: tuple[Score, ...] = ()
    why_not: str = ""


def score(fault: str, person: str, started_s: float, times: DecisionTimes) -> Score:
    """``started_s``: when the fault was played. Each of the three parts is worth a third, and loses it over twice its par."""

    def span(until_s: float | None, since_s: float | None) -> float | None:
        return None if until_s is None or since_s is None else max(0.0, until_s - since_s)

    opened = times.opened_s if times.opened_s is not None else times.noticed_s
    detect = span(opened, started_s)
    decide = span(times.acted_s, opened)
    recover = span(times.recovered_s, times.acted_s)
    parts = {"detect": detect, "decide": decide, "recover": recover}
    earned = 0.0
    for name, seconds in parts.items():
        if seconds is not None:
            over = max(0.0, seconds - PAR_S[name]) / (2 * PAR_S[name])
            earned += 100 / 3 * max(0.0, 1.0 - over)
    points = max(0, round(earned - WRONG_TURN_COSTS * len(times.wrong_turns)))
    return Score(fault, person, started_s, detect, decide, recover, times.wrong_turns, points)

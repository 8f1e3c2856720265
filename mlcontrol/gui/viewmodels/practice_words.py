"""Exercises in words: what can be played, what is played, and the scores of one person."""

from __future__ import annotations

from mlcontrol.core.incidents.exercise import Practice, Score
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text, moment_text, visible_text

SURPRISE, SCORE, GIVE_UP = "surprise", "score", "give-up"


def choices(practice: Practice) -> tuple[tuple[str, str, str], ...]:
    """(id, title, line): what Enter does on each row. While one runs: end it. Nothing where nothing may be played."""
    if practice.why_not:
        return ()
    if practice.running is not None:
        return (
            (SCORE, "Score it", "recovery is proven, or your incident is resolved"),
            (GIVE_UP, "Give it up", "ends the fault; what did not happen earns nothing"),
        )
    played = tuple((name, name, visible_text(what, 200)) for name, what in practice.faults)
    return ((SURPRISE, "Surprise me", "any of them; you are not told which"), *played)


def standing(practice: Practice, now_s: float) -> str:
    """``now_s``: UTC seconds."""
    running = practice.running
    if practice.why_not:
        return visible_text(practice.why_not, 200)
    if running is None:
        return (
            "The clock runs from when the fault has taken effect. What you declare meanwhile is marked as an exercise."
        )
    what = "Something" if running.surprise else running.fault
    return f"{what} has been played for {duration_text(max(0.0, now_s - running.started_s))}. Work it through, then score it."


def score_lines(score: Score) -> tuple[str, str, str]:
    """Title, what each part took, wrong turns."""
    parts = (("noticed", score.detect_s), ("decided", score.decide_s), ("recovered", score.recover_s))
    took = ", ".join(f"{name} {'not done' if s is None else 'in ' + duration_text(s)}" for name, s in parts)
    turns = "; ".join(score.wrong_turns) or "no wrong turn"
    return (
        f"{count_text(score.points, 'point')}, {score.fault}, {moment_text(score.at_s)}",
        took,
        visible_text(turns, 200),
    )

"""What a gate backtest found, in sentences: the same ones for the command line and the panel."""

from __future__ import annotations

from mlcontrol.core.judge.backtest import FalseAlarms, GateBacktest
from mlcontrol.core.judge.policy import TITLES


def heading(found: GateBacktest, when: str) -> str:
    """``when``: the moment of the change, as the reader writes moments."""
    return f"{found.service}: v{found.from_version} -> v{found.to_version} at {when}, as {found.strategy}"


def backtest_words(found: GateBacktest) -> tuple[str, ...]:
    """How it would have ended, whom it would have met, how often in vain, and what no log can say."""
    lines = [ended_words(found), met_words(found), alarm_words(found.calm)]
    if found.left_out:
        lines.append(left_out_words(found))
    return tuple(lines)


def ended_words(found: GateBacktest) -> str:
    r = found.replayed
    after = f"{r.after_s / 60:.1f} min"
    return {
        "stopped": f"would have been stopped after {after}, at {r.percent:g} %: {r.words}",
        "held": f"would have been held after {after}, at {r.percent:g} %: {r.words}",
        "passed": f"would have passed every stage in {after}",
        "undecided": f"not decided: the record ends after {after}, at {r.percent:g} %: {r.words}",
    }[r.ended]


def met_words(found: GateBacktest) -> str:
    r = found.replayed
    return (
        f"the new version would have met {r.met} requests, {r.met_failed} of them failed; "
        f"in truth it met {found.suffered} in that time, {found.suffered_failed} failed"
    )


def left_out_words(found: GateBacktest) -> str:
    return f"not in a log, so not replayed: {', '.join(found.left_out)}"


def alarm_words(calm: FalseAlarms | None) -> str:
    if calm is None:
        return "false alarms: unknown, the record before the change is shorter than three quarters of an hour"
    words = (
        f"false alarms: {calm.stopped} of {calm.replays} rollouts of an equal version over {calm.hours:g} calm hours "
        f"({calm.share:.1%}, between {calm.low:.1%} and {calm.high:.1%})"
    )
    if calm.a_month is not None:
        words += f"; at {calm.rollouts_a_month:g} rollouts a month: {calm.a_month:.2g} a month"
    guards = ", ".join(f"{TITLES.get(name, name)} {count}" for name, count in calm.guards)
    return words + (f"; by {guards}" if guards else "")

"""`mlcontrol gate SERVICE --at TIME`: what a plan's guards would have done to a change of the past."""

from __future__ import annotations

import argparse
import time
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, say, utc
from mlcontrol.cli.rollout import add_strategy_options, rollout_settings
from mlcontrol.cli.session import Session
from mlcontrol.cli.timeline import parse_moment
from mlcontrol.core.judge.backtest import FalseAlarms, GateBacktest
from mlcontrol.core.judge.policy import TITLES
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

BACKTEST_S = 900.0


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "gate",
        help="run a plan's guards over a past change: what would they have caught, when, at how many false alarms",
        description="Replays a moment at which one version followed another as if it had been a rollout by this plan, and the "
        "calm hours before it for false alarms; reads the prediction log. Exit codes: 0 it would have passed, 1 it would have been "
        "stopped or held, 2 the record ends before anything is decided, 3 cannot run.",
    )
    parser.add_argument("service")
    parser.add_argument(
        "--at", required=True, metavar="TIME", help="when the new version took the traffic: 02:14, 30m, or a UTC time"
    )
    parser.add_argument(
        "--rollouts-a-month", type=float, metavar="N", help="for false alarms a month (default: as the journal knows)"
    )
    add_strategy_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    at_s = parse_moment(args.at, time.time())
    with Session(args.workspace) as session:
        command = m.BacktestGate(
            request=new_request(),
            service=args.service,
            at_s=at_s,
            rollout=rollout_settings(args, session.state),
            rollouts_a_month=args.rollouts_a_month,
        )
        answer = session.ask(command, BACKTEST_S)
    assert isinstance(answer, m.GateBacktestAnswer)
    found = answer.backtest
    if args.format == "json":
        a_month = None if found.calm is None else found.calm.a_month
        document = {
            "schema": "mlcontrol.gate/1",
            **jsonable(found),
            "at": utc(found.at_s),
            "false_alarms_a_month": a_month,
        }
        put_json(document)
    else:
        for line in backtest_words(found):
            print(plain(line))
        for note in found.notes:
            say(note)
    return {"passed": DONE, "undecided": UNKNOWN}.get(found.replayed.ended, BLOCKED)


def backtest_words(found: GateBacktest) -> list[str]:
    """The finding in lines."""
    r = found.replayed
    lines = [f"{found.service}: v{found.from_version} -> v{found.to_version} at {utc(found.at_s)}, as {found.strategy}"]
    after = f"{r.after_s / 60:.1f} min"
    ended = {
        "stopped": f"would have been stopped after {after}, at {r.percent:g} %: {r.words}",
        "held": f"would have been held after {after}, at {r.percent:g} %: {r.words}",
        "passed": f"would have passed every stage in {after}",
        "undecided": f"not decided: the record ends after {after}, at {r.percent:g} %: {r.words}",
    }
    lines.append(ended[r.ended])
    lines.append(
        f"the new version would have met {r.met} requests, {r.met_failed} of them failed; "
        f"in truth it met {found.suffered} in that time, {found.suffered_failed} failed"
    )
    lines.append(_false_alarms(found.calm))
    if found.left_out:
        lines.append(f"not in a log, so not replayed: {', '.join(found.left_out)}")
    return lines


def _false_alarms(calm: FalseAlarms | None) -> str:
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

"""`mlcontrol gate SERVICE --at TIME`: what a plan's guards would have done to a change of the past."""

from __future__ import annotations

import argparse
import time
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, say, utc
from mlcontrol.cli.rollout import add_strategy_options, rollout_settings
from mlcontrol.cli.session import Session
from mlcontrol.core.judge.backtest_words import backtest_words, heading
from mlcontrol.core.moments import parse_moment
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
        for line in (heading(found, utc(found.at_s) or ""), *backtest_words(found)):
            print(plain(line))
        for note in found.notes:
            say(note)
    return {"passed": DONE, "undecided": UNKNOWN}.get(found.replayed.ended, BLOCKED)

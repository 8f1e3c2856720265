"""`mlcontrol review score SERVICE`."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, put_json, put_table
from mlcontrol.cli.session import Session
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("review", help="scores of the human reviews")
    parser.add_argument("what", choices=("score",))
    parser.add_argument("service")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        answer = session.ask(m.QueryScores(request=new_request(), service=args.service))
    assert isinstance(answer, m.ScoresAnswer)
    if args.format == "json":
        put_json({"schema": "mlcontrol.scores/1", "service": args.service, "scores": jsonable(answer.scores)})
    elif answer.scores:
        put_table(
            ("VERSION", "JUDGED RIGHT", "95 % INTERVAL", "JUDGED"),
            [
                (
                    f"v{s.version}",
                    "?" if s.estimate is None else f"{s.estimate:.3f}",
                    f"{s.low:.3f} to {s.high:.3f}",
                    str(s.n),
                )
                for s in answer.scores
            ],
        )
    else:
        print("Nobody has judged a prediction of this service yet.")
    return DONE if answer.scores else UNKNOWN

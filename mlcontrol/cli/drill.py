"""`mlcontrol drill SERVICE [--for-real] --reason WHY`: walk the way back on purpose, and see how long it takes."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, put_table, utc
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.drill import Drill, DrillMode, trend
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

DRILL_S = 300.0


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("drill", help="walk the way back on purpose and time it")
    parser.add_argument("service")
    parser.add_argument(
        "--for-real", action="store_true", help="traffic goes to the target and comes back; default: a shadow"
    )
    parser.add_argument(
        "--up-to", type=float, metavar="RATE", help="requests a second that may feel a drill for real (default 1)"
    )
    parser.add_argument("--list", action="store_true", help="the drills so far, newest first; nothing is done")
    parser.add_argument("--reason", default="drill", help="recorded with it")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        if args.list:
            return _list(session, args)
        session.refresh(args.service)
        answer = session.ask(
            m.RunDrill(
                request=new_request(),
                service=args.service,
                mode=DrillMode.REAL if args.for_real else DrillMode.SHADOW,
                actor=actor(),
                reason=args.reason,
                quiet_per_s=args.up_to,
            ),
            DRILL_S,
        )
    assert isinstance(answer, m.DrillAnswer)
    drill = answer.drill
    if args.format == "json":
        put_json(document(drill))
    else:
        print(f"{'passed' if drill.ok else 'failed'}: way back to v{drill.to_version}, {drill.mode.value}")
        put_table(("PART", "SECONDS"), [*_parts(drill), ("total", _seconds(drill.total_s))])
        print(plain(drill.words))
    return DONE if drill.ok else BLOCKED


def _list(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.QueryDrills(request=new_request(), service=args.service))
    assert isinstance(answer, m.DrillsAnswer)
    if args.format == "json":
        put_json(
            {"schema": "mlcontrol.drills/1", "service": args.service, "drills": [document(d) for d in answer.drills]}
        )
    elif answer.drills:
        header = ("WHEN", "MODE", "TO", "RESULT", "DETECT", "DECIDE", "ACT", "VERIFY", "TOTAL")
        put_table(header, [_row(drill) for drill in answer.drills])
        if words := trend(answer.drills):
            print(f"trend: {words}")
    else:
        print("The way back of this service has never been drilled.")
    return DONE if answer.drills else UNKNOWN


def document(drill: Drill) -> dict[str, Any]:
    return {"schema": "mlcontrol.drill/1", **jsonable(drill), "at": utc(drill.at_s), "total_s": drill.total_s}


def _row(drill: Drill) -> tuple[str, ...]:
    result = "passed" if drill.ok else "failed"
    parts = [seconds for _, seconds in _parts(drill)]
    return (utc(drill.at_s) or "", drill.mode.value, f"v{drill.to_version}", result, *parts, _seconds(drill.total_s))


def _parts(drill: Drill) -> list[tuple[str, str]]:
    names = (("detect", drill.detect_s), ("decide", drill.decide_s), ("act", drill.act_s), ("verify", drill.verify_s))
    return [(name, _seconds(seconds)) for name, seconds in names]


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"

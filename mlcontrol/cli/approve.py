"""`mlcontrol approve SERVICE PLAN --reason WHY`: a second person's yes to one plan."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import DONE
from mlcontrol.cli.output import add_common, say
from mlcontrol.cli.session import Session, actor
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("approve", help="say yes to a plan that somebody else is to run")
    parser.add_argument("service")
    parser.add_argument("plan", help="its hash, as `mlcontrol plan` prints it (sha256:…)")
    parser.add_argument("--reason", required=True)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        session.ask(
            m.ApprovePlan(
                request=new_request(), service=args.service, plan_hash=args.plan, actor=actor(), reason=args.reason
            )
        )
    say("Approved. It binds this very plan, and expires.")
    return DONE

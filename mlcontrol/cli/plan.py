"""`mlcontrol plan SERVICE [VERSION]`."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.output import add_common, put_json
from mlcontrol.cli.rollout import (
    add_strategy_options,
    make_plan,
    plan_document,
    plan_exit_code,
    put_plan,
    rollout_settings,
)
from mlcontrol.cli.session import Session
from mlcontrol.core.operation import OperationKind


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("plan", help="what a deploy or rollback would do")
    parser.add_argument("service")
    parser.add_argument("version", nargs="?", help="the version to deploy; without it: the way back")
    parser.add_argument("--rollback", action="store_true", help="plan a rollback to VERSION")
    add_strategy_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    back = args.rollback or args.version is None
    kind = OperationKind.ROLLBACK if back else OperationKind.DEPLOY
    with Session(args.workspace) as session:
        settings = None if back else rollout_settings(args, session.state)
        answer = make_plan(session, kind, args.service, args.version, express=False, rollout=settings)
    if args.format == "json":
        put_json(plan_document(answer.plan, answer.plan_hash))
    else:
        put_plan(answer.plan, answer.plan_hash)
    return plan_exit_code(answer.plan)

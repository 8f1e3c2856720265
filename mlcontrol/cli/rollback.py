"""`mlcontrol rollback SERVICE [--to VERSION] [--express] --reason WHY`."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.output import add_common
from mlcontrol.cli.rollout import act, add_action_options
from mlcontrol.core.operation import OperationKind


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("rollback", help="go back to the last version known good")
    parser.add_argument("service")
    parser.add_argument("--to", metavar="VERSION", help="another target than the last version known good")
    parser.add_argument("--express", action="store_true", help="mechanical checks only: the fastest way back")
    add_action_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    return act(args, OperationKind.ROLLBACK, args.to, args.express)

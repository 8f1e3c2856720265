"""`mlcontrol deploy SERVICE VERSION --reason WHY`."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.output import add_common
from mlcontrol.cli.rollout import act, add_action_options, add_strategy_options
from mlcontrol.core.operation import OperationKind


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("deploy", help="deploy a version through the guard")
    parser.add_argument("service")
    parser.add_argument("version")
    add_action_options(parser)
    add_strategy_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    return act(args, OperationKind.DEPLOY, args.version)

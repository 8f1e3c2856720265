"""`mlcontrol engine`: the engine without a window, for a server."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from mlcontrol.cli.output import add_common, say
from mlcontrol.cli.session import workspace_of


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("engine", help="run the engine without a window")
    add_common(parser)
    parser.add_argument(
        "--metrics",
        default="",
        metavar="HOST:PORT",
        help="show the engine's own Prometheus metrics there; without a host on loopback alone",
    )


def run(args: argparse.Namespace) -> int:
    from mlcontrol.engine.serve import serve

    workspace = workspace_of(args.workspace)
    say(f"Starting the engine of {workspace}. Ctrl-C ends it.")
    level = logging.getLevelNamesMapping()[args.log_level.upper()]
    return serve(workspace, linger=False, log_level=level, metrics=args.metrics)

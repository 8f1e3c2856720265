"""`mlcontrol demo`: the sandbox, and the panel on it."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.display import require_display, require_qt
from mlcontrol.cli.exit_codes import CANNOT_RUN
from mlcontrol.cli.output import add_common, say
from mlcontrol.cli.sandbox import add_serving
from mlcontrol.engine.last_workspace import remember
from mlcontrol.sandbox import fleet


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("demo", help="start the sandbox if needed and open the panel on it")
    add_serving(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    require_qt()
    require_display()
    status = fleet.up(progress=say, serving=args.serving)
    if status.workspace is None:
        say("The sandbox runs, but has no workspace yet; try again in a moment.")
        return CANNOT_RUN
    remember(status.workspace)
    say("The fleet stays up when you close the window; `mlcontrol sandbox down` stops it.")
    from mlcontrol.gui.app import main as open_window

    return int(open_window([], workspace=status.workspace))

"""`mlcontrol screenshot --page NAME FILE`: a page of the running workspace as a picture, without a display."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

from mlcontrol.cli.display import require_qt
from mlcontrol.cli.exit_codes import DONE
from mlcontrol.cli.output import add_common, say
from mlcontrol.cli.session import workspace_of
from mlcontrol.core.problem import Problem, ProblemError


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("screenshot", help="render a page to a file, without a display")
    parser.add_argument("file", type=Path)
    parser.add_argument("--page", default="fleet")
    parser.add_argument("--service", help="the service to show, where a page shows one")
    parser.add_argument("--size", default="1280x800", metavar="WxH")
    parser.add_argument("--theme", choices=("dark", "light", "high_contrast"), default="dark")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    size = re.fullmatch(r"(\d{3,5})x(\d{3,5})", args.size)
    if size is None:
        raise ProblemError(Problem(f"{args.size!r} is no size.", "", "Write 1280x800.", code="usage"))
    require_qt()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from mlcontrol.gui.screenshot import render

    render(
        workspace_of(args.workspace),
        args.page,
        (int(size[1]), int(size[2])),
        args.theme,
        args.file,
        service=args.service,
    )
    say(f"{args.file} shows {args.page}.")
    return DONE

"""`mlcontrol`: finds the command, runs it, turns problems into words and exit codes.

Exit codes: 0 done, 1 blocked or failed, 2 unknown or no data, 3 cannot run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mlcontrol import __version__
from mlcontrol.cli.exit_codes import CANNOT_RUN, DONE, of_problem
from mlcontrol.cli.output import say_problem
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.deep_link import is_link, parse_link

COMMANDS = {
    "status": "what is intended, served and used, and how every service is",
    "check": "the compatibility checker, both directions",
    "plan": "what a deploy or rollback would do",
    "deploy": "deploy a version through the guard",
    "rollback": "go back to the last version known good",
    "stage": "the running rollout: show, hold, promote, clear a fail, abort",
    "gate": "run a plan's guards over a past change",
    "drill": "walk the way back on purpose and time it",
    "approve": "say yes to a plan that somebody else is to run",
    "quarantine": "versions that were rolled back; let one return",
    "golden": "what a golden set covers, how old it is, and what each generation scored on it",
    "timeline": "what changed and what was noticed",
    "backtest": "run alert rules and change-point detection over history",
    "drift": "distribution changes between two prediction logs",
    "audit": "verify or export the audit log; its head and key, to be kept elsewhere",
    "review": "the review bench alone; import, campaigns, judge, score, export",
    "incident": "declare, write, resolve, export the postmortem; exercises",
    "connection": "list, add, test or remove connections; store a secret",
    "doctor": "what is installed, reachable, unlocked, slow",
    "engine": "run the engine without a window",
    "sandbox": "the real local fleet: up, down, status, fault, traffic",
    "demo": "start the sandbox if needed and open the panel on it",
    "screenshot": "render a page to a file, without a display",
}

EVERYWHERE = ("--workspace", "--format", "--log-level")


def parser_for(name: str | None) -> argparse.ArgumentParser:
    """The parser with one command filled in (only its module is imported), or with all as names."""
    parser = argparse.ArgumentParser(
        prog="mlcontrol",
        description="A control panel for machine-learning models in production. Without a command it opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"mlcontrol {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command, text in COMMANDS.items():
        if command == name:
            importlib.import_module(f"mlcontrol.cli.{command}").add_parser(commands)
        else:
            commands.add_parser(command, help=text, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        words = _command_first(words)
        if not words or words[0].startswith("--workspace") or is_link(words[0]):
            return _open_window(words)
        return _run_command(words)
    except SystemExit as stop:  # argparse ends with 2 on wrong usage; here that means "unknown"
        return DONE if stop.code in (0, None) else CANNOT_RUN
    except ProblemError as error:
        say_problem(error.problem)
        return of_problem(error.problem)
    except KeyboardInterrupt:
        say_problem(
            Problem(
                "Cancelled.",
                "",
                "Nothing was left half done; what the engine carries out goes on without this command.",
            )
        )
        return CANNOT_RUN
    except BrokenPipeError:  # the reader (`| head`) has enough; the flush at the end must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _command_first(words: list[str]) -> list[str]:
    """The options that every command has may also come before it: `mlcontrol --workspace FILE status`."""
    at = 0
    while at < len(words) and words[at].partition("=")[0] in EVERYWHERE:
        at += 1 if "=" in words[at] else 2
    return [words[at], *words[:at], *words[at + 1 :]] if at < len(words) and words[at] in COMMANDS else words


def _run_command(words: list[str]) -> int:
    name = next((word for word in words if not word.startswith("-")), None)
    args = parser_for(name).parse_args(words)
    if args.command is None:
        parser_for(None).print_help()
        return CANNOT_RUN
    if getattr(args, "log_level", "warning") != "warning":
        import logging

        logging.basicConfig(level=args.log_level.upper(), stream=sys.stderr)
    return int(importlib.import_module(f"mlcontrol.cli.{args.command}").run(args))


def _open_window(words: list[str]) -> int:
    from mlcontrol.cli.display import require_display, require_qt
    from mlcontrol.engine.last_workspace import find, remember

    parser = argparse.ArgumentParser(prog="mlcontrol")
    parser.add_argument("--workspace", type=Path, metavar="FILE")
    parser.add_argument("link", nargs="?", metavar="mlcontrol://incident?service=NAME")
    args = parser.parse_args(words)
    link = parse_link(args.link) if args.link else None
    workspace = find(args.workspace)
    require_qt()
    require_display()
    import gc

    gc.disable()  # loading and building make no garbage; the panel collects by itself once its window is there
    from mlcontrol.gui.app import main as open_window

    if workspace is not None and workspace.is_file():
        remember(workspace)
    return int(open_window([], workspace=workspace, link=link))

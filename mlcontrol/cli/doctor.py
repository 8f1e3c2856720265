"""`mlcontrol doctor`: what is installed, reachable, unlocked, slow; a bundle for bug reports without a secret in it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcontrol import __version__
from mlcontrol.cli.exit_codes import BLOCKED, DONE
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, say
from mlcontrol.cli.session import Session, workspace_of
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import ConnectionState, Health

PACKAGES = (
    "PySide6-Essentials",
    "pyqtgraph",
    "numpy",
    "pandas",
    "requests",
    "keyring",
    "SQLAlchemy",
    "duckdb",
    "tritonclient",
)

SLOW_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at. ``state``: ok, warning or failed."""

    what: str
    state: str
    detail: str


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="what is installed, reachable, unlocked, slow")
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="also write a zip file for a bug report, without secrets"
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    lines = [*_machine(), _keyring(), *_workspace(args.workspace)]
    findings = {"schema": "mlcontrol.doctor/1", "lines": jsonable(lines)}
    if args.bundle is not None:
        _pack(args, findings)
    if args.format == "json":
        put_json(findings)
    else:
        for line in lines:
            print(f"{line.state:8} {line.what}: {plain(line.detail)}")
    return BLOCKED if any(line.state == "failed" for line in lines) else DONE


def _pack(args: argparse.Namespace, findings: dict[str, Any]) -> None:
    from mlcontrol.cli.bundle import write_bundle

    try:
        workspace = workspace_of(args.workspace)
    except ProblemError:
        workspace = None
    write_bundle(args.bundle, findings, workspace)
    say(
        f"{args.bundle} holds these findings, the workspace file and the engine's log. Look through it before you send it."
    )


def _machine() -> list[Line]:
    lines = [
        Line("mlcontrol", "ok", __version__),
        Line("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
    ]
    for package in PACKAGES:
        try:
            lines.append(Line(package, "ok", importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            lines.append(Line(package, "failed", "not installed; run `uv sync`"))
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux"):
        words = shown or "none: no window can be opened here; commands and `screenshot` work"
        lines.append(Line("display", "ok" if shown else "warning", words))
    return lines


def _keyring() -> Line:
    from mlcontrol.engine.secret_entry import keyring_viability

    viability = keyring_viability()
    return Line("keyring", "ok" if viability.viable else "warning", viability.why or "usable")


def _workspace(given: Path | None) -> list[Line]:
    try:
        workspace = workspace_of(given)
    except ProblemError as error:
        return [Line("workspace", "warning", str(error.problem))]
    lines = [Line("workspace", "ok", str(workspace))]
    try:
        with Session(workspace) as session:
            session.refresh()
            state, hello = session.state, session.hello
    except ProblemError as error:
        return [*lines, Line("engine", "failed", str(error.problem))]
    if hello is not None:
        detail = hello.view_only or f"process {hello.pid}"
        lines.append(Line("engine", "warning" if hello.view_only else "ok", detail))
    lines += [Line("workspace file", "warning", problem) for problem in state.settings.problems]
    for connection in state.connections.values():
        lines.append(_connection(connection))
    return lines


def _connection(connection: ConnectionState) -> Line:
    took = "" if connection.latency_ms is None else f"({connection.latency_ms:.0f} ms)"
    parts = [connection.server, connection.text, connection.why, connection.next, took]
    state = "ok" if connection.health is Health.OK else "failed"
    if state == "ok" and (connection.latency_ms or 0.0) > SLOW_MS:
        state, parts = "warning", [*parts, f"slow: over {SLOW_MS:.0f} ms"]
    return Line(connection.id, state, " ".join(part for part in parts if part))

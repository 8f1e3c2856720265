"""Words to standard error, data to standard output: text for people, one JSON document for programs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem


def add_common(
    parser: argparse.ArgumentParser, *, formats: tuple[str, ...] = ("text", "json"), again: bool = False
) -> None:
    """The options that every command has. ``again``: the command above has them too, and what it was given holds."""

    def usual(value: str | None) -> str | None:
        return argparse.SUPPRESS if again else value

    file = "the mlcontrol.toml to work on"
    parser.add_argument("--workspace", type=Path, metavar="FILE", default=usual(None), help=file)
    parser.add_argument("--format", choices=formats, default=usual("text"))
    levels = ("debug", "info", "warning", "error")
    parser.add_argument("--log-level", choices=levels, default=usual("warning"))


def say(text: str) -> None:
    """A message for the person; never data."""
    print(text, file=sys.stderr, flush=True)


def say_problem(problem: Problem) -> None:
    say("\n".join(plain(part) for part in (problem.what, problem.why, problem.next) if part))


def plain(text: str) -> str:
    """Text of a server, safe for a terminal: control characters are shown, not obeyed."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def utc(at_s: float | None) -> str | None:
    """UTC ISO 8601 with milliseconds."""
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def put_json(document: dict[str, Any]) -> None:
    """One document on one line of standard output; NaN becomes null."""
    print(json.dumps(jsonable(document), ensure_ascii=False, allow_nan=False), flush=True)


def jsonable(value: Any) -> Any:
    """Dataclasses, enums, tuples and NaN as JSON knows them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def put_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their widest cell; no line is cut."""
    cells = [header, *[tuple(plain(cell) for cell in row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def age_words(seconds: float | None) -> str:
    """ "4 s", "3 min", "2 h", "9 d"; "?" when not known."""
    if seconds is None:
        return "?"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{max(0, seconds) / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} d"

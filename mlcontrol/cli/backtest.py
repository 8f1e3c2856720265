"""`mlcontrol backtest SERIES [--rules FILE]`: what the rules would have said, and how often they would cry wolf."""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, put_json, put_table, say, say_problem, utc
from mlcontrol.core.problem import Problem, ProblemError

if TYPE_CHECKING:
    from mlcontrol.core.alerts.backtest import Backtest
    from mlcontrol.core.alerts.evaluate import History
    from mlcontrol.core.alerts.rule import Rule

QUIET_S = 2.0
LONG_ROWS = 300_000


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "backtest",
        help="run alert rules and change-point detection over history",
        description="Runs alert rules and change-point detection over a table of times and values (CSV, JSON Lines, Parquet; "
        "a column for each series, or one of their names), or over a saved Prometheus range-query answer. "
        "Exit codes: 0 nothing found, 1 alerts or change points, 2 too little data, 3 cannot run.",
    )
    parser.add_argument("series", type=Path, metavar="SERIES")
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="TOML or JSON with [[rule]] tables; without it, sensible defaults"
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    from mlcontrol.cli.series_file import read_series
    from mlcontrol.cli.series_table import aligned
    from mlcontrol.core.alerts.backtest import backtest

    try:
        histories, notes = read_series(args.series)
        rules = read_rules(args.rules) if args.rules is not None else ()
        _need_columns(rules, {history.name for history in histories}, args.series)
    except ProblemError as error:
        say_problem(error.problem)
        return CANNOT_RUN
    if any(rule.bad or rule.total for rule in rules):
        histories = aligned(histories)
    result = backtest(histories, rules, begun=_Progress(len(histories)))
    notes = [*notes, *result.notes]
    document = _document(result, notes, [history.name for history in histories])
    if args.format == "json":
        put_json(document)
    else:
        _put_text(document)
    for note in notes:
        say(note)
    if result.alerts or result.changes:
        return BLOCKED
    return DONE if result.false_per_week is not None else UNKNOWN


class _Progress:
    """Says which series it is at, on standard error, where one waits for seconds."""

    def __init__(self, of: int) -> None:
        self._of, self._said_s = of, time.monotonic()

    def __call__(self, number: int, history: History) -> None:
        size = history.values.size
        if time.monotonic() - self._said_s > QUIET_S or size > LONG_ROWS:
            self._said_s = time.monotonic()
            say(f"Series {number + 1} of {self._of}: {history.name}, {size} rows")


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Raises `ProblemError` (code "usage")."""
    from mlcontrol.core.alerts.rule import parse_rules

    try:
        text = path.read_text("utf-8")
        read = json.loads(text) if text.lstrip()[:1] in ("{", "[") and path.suffix != ".toml" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        problem = Problem(f"{path} cannot be read.", f"{error}.", "Rules are TOML or JSON.", code="usage")
        raise ProblemError(problem) from error
    entries = read if isinstance(read, list) else read.get("rule", read.get("rules"))
    return parse_rules(entries, str(path))


def _need_columns(rules: tuple[Rule, ...], there: set[str], path: Path) -> None:
    for rule in rules:
        for name in (rule.series, rule.bad, rule.total):
            if name and name not in there:
                known = ", ".join(sorted(there)) or "none"
                raise ProblemError(
                    Problem(
                        f"Rule {rule.name} asks for {name!r}.", f"{path} holds {known}.", "Mend the name.", code="usage"
                    )
                )


def _document(result: Backtest, notes: list[str], names: list[str]) -> dict[str, Any]:
    rate = result.false_per_week
    return {
        "schema": "mlcontrol.backtest/1",
        "rows": result.rows,
        "series": names,
        "alerts": [
            {
                "at": utc(alert.at_s),
                "until": utc(alert.until_s),
                "rule": alert.rule,
                "kind": alert.kind.value,
                "severity": alert.severity,
                "series": alert.series,
                "value": alert.value,
                "limit": alert.limit,
                "why": alert.why,
            }
            for alert in result.alerts
        ],
        "change_points": [
            {
                "at": utc(change.at_s),
                "index": change.index,
                "before": change.before,
                "after": change.after,
                "confidence": change.confidence,
                "earliest": utc(change.low_s),
                "latest": utc(change.high_s),
                "shape": change.shape.value,
                "series": name,
            }
            for name, change in result.changes
        ],
        "expected_false_alarms_per_week": None if rate is None else float(f"{rate:.2g}"),
        "simulated_weeks": round(result.simulated_weeks, 1),
        "notes": notes,
    }


def _put_text(document: dict[str, Any]) -> None:
    alerts, changes = jsonable(document["alerts"]), jsonable(document["change_points"])
    if alerts:
        rows = [(a["at"], a["until"] or "goes on", a["severity"], a["rule"], a["series"], a["why"]) for a in alerts]
        put_table(("ALERT AT (UTC)", "UNTIL", "SEVERITY", "RULE", "SERIES", "WHY"), rows)
    else:
        print("No alert.")
    if changes:
        print()
        rows = [
            (
                c["at"],
                f"{c['before']:.6g}",
                f"{c['after']:.6g}",
                f"{100 * c['confidence']:.1f} %",
                c["shape"],
                c["series"],
            )
            for c in changes
        ]
        put_table(("CHANGE AT (UTC)", "BEFORE", "AFTER", "SURE", "SHAPE", "SERIES"), rows)
    rate = document["expected_false_alarms_per_week"]
    print()
    print(
        "False alarms cannot be foretold: too few readings."
        if rate is None
        else f"{document['rows']} rows. Expected false alarms: {rate:g} a week "
        f"(from {document['simulated_weeks']:g} simulated weeks)."
    )

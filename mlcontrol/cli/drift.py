"""`mlcontrol drift LOG --reference LOG [--by COLUMN]`: what has changed between two prediction logs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, put_json, put_table, say, say_problem
from mlcontrol.core.problem import Problem, ProblemError

if TYPE_CHECKING:
    from mlcontrol.core.signals.drift import Comparison
    from mlcontrol.core.signals.log_columns import Log


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "drift",
        help="distribution changes by column and slice between two prediction logs",
        description="Compares two prediction logs (CSV, JSON Lines, Parquet; a file, a folder or a pattern). A finding is both "
        "significant after correction for all comparisons and large enough to matter. Exit codes: 0 no change, 1 findings, "
        "2 too little data, 3 cannot run.",
    )
    parser.add_argument("log", metavar="LOG")
    parser.add_argument(
        "--reference", required=True, metavar="LOG", help="what to compare with: training data, last week"
    )
    parser.add_argument("--by", metavar="COLUMN", help="compare every slice of this column too")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    from mlcontrol.adapters.predictions.log_file import read_log
    from mlcontrol.core.signals.compared_as import telling_rows_apart
    from mlcontrol.core.signals.drift import Judged, compare

    try:
        reference, log = read_log(args.reference), read_log(args.log)
        for place, one in ((args.reference, reference), (args.log, log)):
            if args.by is not None and one.rows and args.by not in one.columns:
                there = ", ".join(sorted(one.columns)) or "none"
                raise ProblemError(
                    Problem(
                        f"{place} has no column {args.by!r}.", f"It has {there}.", "Name one of them.", code="usage"
                    )
                )
    except ProblemError as error:
        say_problem(error.problem)
        return CANNOT_RUN
    compared = compare(reference, log, args.by) if reference.rows and log.rows else ()
    notes = [f"{place}: {note}" for place, one in ((args.reference, reference), (args.log, log)) for note in one.notes]
    apart = telling_rows_apart(reference, log)
    not_compared = f"{', '.join(apart)}: each row has a value of its own; not compared by value." if apart else ""
    if args.format == "json":
        put_json(_document(args, reference, log, compared, [*notes, *([not_compared] if apart else [])]))
    else:
        _put_text(compared)
        print(not_compared, end="\n" if apart else "")
    for note in notes:
        say(note)
    if any(c.judged is Judged.DRIFT for c in compared):
        return BLOCKED
    told = any(c.judged is Judged.NONE for c in compared)
    return DONE if told else UNKNOWN


def _document(
    args: argparse.Namespace, reference: Log, log: Log, compared: tuple[Comparison, ...], notes: list[str]
) -> dict[str, Any]:
    longer = max(reference.rows, log.rows) / max(log.rows, 1)
    entries = [_entry(c, longer) for c in compared]
    return {
        "schema": "mlcontrol.drift/1",
        "log": args.log,
        "reference": args.reference,
        "by": args.by,
        "rows": {"log": log.rows, "reference": reference.rows},
        "drift": any(entry["verdict"] == "drift" for entry in entries),
        "comparisons": len(entries),
        "findings": [entry for entry in entries if entry["verdict"] == "drift"],
        "unknowns": [entry for entry in entries if entry["verdict"] == "unknown"],
        "unchanged": [entry for entry in entries if entry["verdict"] == "none"],
        "notes": notes,
    }


def _entry(c: Comparison, longer: float) -> dict[str, Any]:
    """``longer``: how many rows there are for each of the log's; harm is told as a share."""
    far = c.distance
    return {
        "column": c.column,
        "slice": c.slice,
        "kind": c.aspect.value,
        "verdict": c.judged.value,
        "measure": c.measure,
        "effect": c.effect,
        "least": c.least,
        "p_value": c.p_value,
        "q_value": c.q_value,
        "psi": far.psi if far else None,
        "psi_limit": far.psi_limit if far else None,
        "js_distance": far.js if far else None,
        "wasserstein": far.wasserstein if far else None,
        "before": c.before,
        "after": c.after,
        "names": list(c.names),
        "n": {"reference": c.n_reference, "log": c.n_log},
        "harm": round(c.harm / longer, 4),
        "why": c.why,
    }


def _put_text(compared: tuple[Comparison, ...]) -> None:
    found = [c for c in compared if c.judged.value == "drift"]
    unknown = [c for c in compared if c.judged.value == "unknown"]
    if found:
        rows = [
            (
                c.column,
                c.slice or "all",
                c.aspect.value,
                f"{c.effect:.3f}" if c.effect is not None and c.measure else "-",
                f"{c.q_value:.1e}" if c.q_value is not None else "-",
                c.why,
            )
            for c in found
        ]
        put_table(("COLUMN", "SLICE", "WHAT CHANGED", "EFFECT", "Q", "WHY"), rows)
    elif compared:
        print("No change that is both significant and large enough to matter.")
    else:
        print("Nothing to compare.")
    print()
    print(f"{len(compared)} comparisons: {len(found)} changed, {len(unknown)} not known for lack of data.")

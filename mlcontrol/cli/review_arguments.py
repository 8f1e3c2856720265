"""The words of `mlcontrol review`, and the campaign they describe."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mlcontrol.cli.output import add_common
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.campaign import (
    RUBRICS,
    Allocation,
    Campaign,
    Mode,
    Policy,
    Sampling,
    Source,
    SourceKind,
    Stop,
    mixture_of,
)
from mlcontrol.core.review.rubric_words import DUE_FORM, LABEL_FORM, SCALE_FORM, due_of, rubric_of


def _common(parser: argparse.ArgumentParser) -> None:
    """The common options again after the word; one given before it stands."""
    add_common(parser)
    for action in parser._actions:
        if action.dest in ("workspace", "format", "log_level"):
            action.default = argparse.SUPPRESS


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "review", help="the review bench; import, campaigns, judge, score, export without a window",
        description="Without a word after it: opens the bench alone.",
    )  # fmt: skip
    add_common(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT")
    one = what.add_parser("import", help="a file of predictions as a campaign, or in-product feedback")
    one.add_argument("file", type=Path, help="JSON Lines, CSV or Parquet, one prediction a row")
    one.add_argument("--service", required=True)
    one.add_argument("--title", default="")
    one.add_argument("--campaign", default="", metavar="ID", help="the id of the new campaign")
    one.add_argument("--feedback", action="store_true", help="rows are feedback: request_id, kind, value")
    _common(one)
    one = what.add_parser("campaigns", help="list campaigns, start one, pause, close or unblind one")
    one.add_argument("--service", default="")
    group = one.add_mutually_exclusive_group()
    group.add_argument("--start", metavar="TITLE", help="draw items and open a campaign")
    for name in ("open", "pause", "close", "unblind"):
        group.add_argument(f"--{name}", metavar="ID")
    one.add_argument("--mode", choices=[mode.value for mode in Mode], default="rate")
    one.add_argument("--source", choices=[kind.value for kind in SourceKind], default="log")
    one.add_argument("--experiment", default="", help="of --source traces")
    one.add_argument("--file", default="", help="of --source file")
    one.add_argument("--hours", type=float, default=24.0, help="how far back the log is read")
    one.add_argument("--versions", default="", help="comma-separated; two of them to compare in pairs")
    one.add_argument("--n", type=int, default=200)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument(
        "--sample", default="random", metavar="POLICY[:SHARE],...", help=", ".join(p.value for p in Policy)
    )
    one.add_argument("--around", type=float, metavar="UTC_S", help="the time of the incident")
    one.add_argument("--by", default="", help="slices that make the strata, comma-separated")
    one.add_argument("--allocation", choices=[a.value for a in Allocation], default="half")
    one.add_argument("--overlap", type=int, default=1)
    one.add_argument("--gold", type=float, default=0.0, help="share of hidden gold items")
    one.add_argument("--repeats", type=float, default=0.0, help="share of hidden repeats")
    one.add_argument("--raters", default="", help="comma-separated; empty: anyone")
    one.add_argument("--precision", type=float, help="target half width of every slice, e.g. 0.03")
    one.add_argument("--due", default="", metavar="DATE", help=DUE_FORM)
    one.add_argument("--calibration", type=int, default=0, metavar="N", help="open items with explanations come first")
    one.add_argument("--question", default="")
    one.add_argument("--guidance", default="", help="for the first page of a sitting")
    one.add_argument("--label", action="append", default=[], metavar="LABEL", help=f"again and again: {LABEL_FORM}")
    one.add_argument("--scale", action="append", default=[], metavar="SCALE", help=f"again and again: {SCALE_FORM}")
    one.add_argument("--tags", default="", help="comma-separated")
    one.add_argument("--no-comment", action="store_true", help="evaluators write no free text")
    one.add_argument("--cost", type=float, default=0.0, metavar="PER_HOUR", help="of an evaluator")
    _common(one)
    one = what.add_parser("judge", help="give the next item, or store a judgement of one")
    one.add_argument("--campaign", default="")
    one.add_argument("--service", default="")
    one.add_argument("--rater", default="")
    one.add_argument("--item", default="", help="the item to judge; without it the next one is printed")
    one.add_argument("--label", default="", help="a label of the rubric, or skip")
    one.add_argument("--correct", default="")
    one.add_argument("--comment", default="")
    one.add_argument("--scale", action="append", default=[], metavar="NAME=VALUE")
    one.add_argument("--tags", default="", help="comma-separated")
    one.add_argument("--id", default="", help="of the judgement: the same id twice is one judgement")
    one.add_argument("--undo", action="store_true", help="take back the newest judgement")
    _common(one)
    one = what.add_parser("score", help="quality by version and slice, agreement, verdict")
    one.add_argument("service", nargs="?", default="")
    one.add_argument("--campaign", default="")
    _common(one)
    one = what.add_parser("export", help="judged and corrected examples with their provenance")
    one.add_argument("file", type=Path, help=".jsonl, .csv or .parquet; - for JSON Lines on standard output")
    one.add_argument("--campaign", default="")
    one.add_argument("--service", default="")
    one.add_argument("--all", action="store_true", help="gold, repeats and skips too")
    one.add_argument(
        "--write-back", action="store_true", help="write to the campaign's MLflow traces as assessments, too"
    )
    _common(one)


def campaign_of(args: argparse.Namespace) -> Campaign:
    if not args.service:
        raise ProblemError(Problem("A campaign is of one service.", "", "Name it with --service.", code="usage"))
    try:
        mixture = mixture_of(args.sample.split(","), args.around)
    except ValueError as error:
        raise ProblemError(
            Problem(str(error), "", "Write a policy, and its share: uncertain:2.", code="usage")
        ) from error
    try:
        rubric = rubric_of(
            RUBRICS[Mode(args.mode)],
            question=args.question,
            guidance=args.guidance,
            labels=args.label,
            scales=args.scale,
            tags=words(args.tags),
            free_text=not args.no_comment,
        )
        due_s = due_of(args.due) if args.due else None
    except ValueError as error:
        raise ProblemError(Problem(str(error), code="usage")) from error
    versions, raters, by = (words(args.__dict__[name]) for name in ("versions", "raters", "by"))
    path = str(Path(args.file).expanduser().resolve()) if args.file else ""
    return Campaign(
        id="",
        service=args.service,
        title=args.start,
        mode=Mode(args.mode),
        rubric=rubric,
        source=Source(SourceKind(args.source), path=path, experiment=args.experiment, hours=args.hours),
        sampling=Sampling(args.n, args.seed, mixture, by, Allocation(args.allocation), max(20_000, 4 * args.n)),
        versions=versions,
        overlap=args.overlap,
        gold_share=args.gold,
        repeat_share=args.repeats,
        calibration=args.calibration,
        raters=raters,
        due_s=due_s,
        cost_per_hour=args.cost,
        stop=Stop(half_width=args.precision),
    )


def scales_of(given: list[str]) -> dict[str, float]:
    """From NAME=VALUE. Raises `ProblemError`."""
    found = {}
    for one in given:
        name, _, value = one.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError as error:
            raise ProblemError(Problem(f"{one!r} is no value of a scale.", "", "Write NAME=VALUE.", "usage")) from error
    return found


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())

"""`mlcontrol golden SERVICE`: what the golden set covers, how old it is, and what each generation scored on it."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, put_table, utc
from mlcontrol.cli.session import Session
from mlcontrol.core.golden_history import Drift, Generation, GoldenLook
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "golden",
        help="what a golden set covers, how old it is, what each generation scored on it",
        description="Exit codes: 1 when the newest generation is worse than the good ones before it, 2 when none was asked.",
    )
    parser.add_argument("service")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        answer = session.ask(m.QueryGolden(request=new_request(), service=args.service))
    assert isinstance(answer, m.GoldenSetAnswer)
    if args.format == "json":
        put_json(document(answer.look))
    else:
        _put(answer.look)
    return exit_code(answer.look)


def exit_code(look: GoldenLook) -> int:
    asked = [one for one in look.generations if one.drift is not Drift.OTHER_ITEMS]
    if not asked:
        return UNKNOWN
    return BLOCKED if asked[-1].drift is Drift.WORSE else DONE


def document(look: GoldenLook) -> dict[str, Any]:
    body = jsonable(look)
    for row, one in zip(body["generations"], look.generations, strict=True):
        row["score"] |= {"estimate": one.score.estimate, "at": utc(one.score.at_s)}
    return {"schema": "mlcontrol.golden-look/1", **body}


def _put(look: GoldenLook) -> None:
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(look.tolerances.items()))
    low, high = look.weights
    print(f"{plain(look.service)}: {look.n} items ({kinds}), {look.critical} critical, importance {low:g} to {high:g}")
    ages = look.ages
    if ages.oldest_days is None or ages.median_days is None:
        print("  age: nobody knows when the expected answers were last said to be right")
    else:
        undated = f", {ages.undated} without a date" if ages.undated else ""
        print(f"  age: half are older than {ages.median_days:.0f} days, the oldest {ages.oldest_days:.0f}{undated}")
    for name, days in ages.old[:10]:
        print(f"  OLD: {plain(name)}, {days:.0f} days; look at it again (older than {look.stale_days:g})")
    if len(ages.old) > 10:
        print(f"  OLD: and {len(ages.old) - 10} more")
    if look.slices:
        print("  slices: " + ", ".join(f"{plain(name)} {n}" for name, n in look.slices.items()))
    if look.floor is not None:
        print(f"  the next version must reach {look.floor:.1%}: {look.floor_from}")
    if not look.generations:
        print("No version has been asked yet; the panel asks every loaded version by itself.")
        return
    head = (
        "VERSION",
        "SCORE",
        "RIGHT",
        "95 %",
        "CHANGE",
        "AGAINST THOSE BEFORE",
        "CRITICAL FAILED",
        "WORST SLICE",
        "AT",
    )
    put_table(head, [_row(one) for one in look.generations])


def _row(one: Generation) -> tuple[str, ...]:
    score = one.score
    worst = min(score.by_slice.items(), key=lambda row: row[1][0] / row[1][1], default=None)
    return (
        f"v{score.version}" + (" good" if one.known_good else ""),
        "?" if score.estimate is None else f"{score.estimate:.1%}",
        f"{score.right} of {score.n}",
        f"{score.low:.0%} to {score.high:.0%}" if score.share is not None else "?",
        "" if one.change is None else f"{one.change:+.1%}",
        one.drift.value,
        ", ".join(plain(name) for name in score.critical_failed[:3]) or "none",
        "" if worst is None else f"{plain(worst[0])} {worst[1][0]} of {worst[1][1]}",
        utc(score.at_s) or "",
    )

"""`mlcontrol incident`: the incidents without a window, their postmortems, and exercises with their scores."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlcontrol.cli.exit_codes import DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, put_table, say, utc
from mlcontrol.cli.rollout import PLAN_S, add_action_options, carry_out, overrides_of
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.incidents.exercise import Score
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.core.incidents.story import duration
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

MAKE_S = 60.0
PLAY_S = 360.0  # a fault that deploys waits for the model to load


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("incident", help="declare, write, resolve, export the postmortem; exercises")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    listing = what.add_parser("list", help="newest first")
    listing.add_argument("--text", default="", help="words that must occur")
    declare = what.add_parser("declare", help="open an incident of a service, or join it")
    declare.add_argument("service")
    declare.add_argument("--title", default="")
    show = what.add_parser("show", help="what is known of it now")
    write = what.add_parser("write", help="add a line: a note, a decision, a hypothesis, an action item")
    write.add_argument("text")
    write.add_argument(
        "--kind", choices=("note", "decision", "hypothesis", "action-item", "mitigated", "resolved"), default="note"
    )
    bisect = what.add_parser(
        "bisect", help="tell two close suspects apart: a small share back, compared, and here again"
    )
    add_action_options(bisect)
    export = what.add_parser("export", help="the postmortem as Markdown, HTML and PDF")
    export.add_argument("--to", type=Path, default=Path(), metavar="FOLDER")
    practice = what.add_parser("practice", help="play a scripted incident of the sandbox as an exercise")
    practice.add_argument("fault", nargs="?", default="", help="default: any, and you are not told which")
    scored = what.add_parser("score", help="score the last exercise; kept for you alone")
    scored.add_argument("--give-up", action="store_true", help="although recovery is not proven; ends the fault")
    board = what.add_parser("board", help="your exercises, best first")
    for one in (show, write, bisect, export):
        one.add_argument("--incident", default="", metavar="NUMBER", help="default: the newest")
    for one in (listing, declare, show, write, bisect, export, practice, scored, board):
        add_common(one)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        handlers = {
            "list": _list,
            "declare": _declare,
            "show": _show,
            "write": _write,
            "bisect": _bisect,
            "export": _export,
            "practice": _practice,
            "score": _score,
            "board": _board,
        }
        return handlers[args.what](session, args)


def _all(session: Session, text: str = "") -> tuple[Incident, ...]:
    answer = session.ask(m.FindIncidents(request=new_request(), text=text))
    assert isinstance(answer, m.IncidentsAnswer)
    return answer.incidents


def _chosen(session: Session, number: str) -> Incident:
    found = [one for one in _all(session) if not number or str(one.number) == number.removeprefix("#")]
    if not found:
        raise ProblemError(
            Problem("There is no such incident.", "", "`mlcontrol incident list` shows them.", "not-found")
        )
    return found[0]


def _list(session: Session, args: argparse.Namespace) -> int:
    found = _all(session, args.text)
    if args.format == "json":
        put_json({"schema": "mlcontrol.incidents/1", "incidents": [_plain(one) for one in found]})
    elif found:
        rows = [
            (str(one.number), str(utc(one.detected_s)), one.service, one.phase.value, one.holder or "-", one.title)
            for one in found
        ]
        put_table(("NUMBER", "SINCE (UTC)", "SERVICE", "PHASE", "HELD BY", "TITLE"), rows)
    else:
        print("There are no incidents.")
    return DONE if found else UNKNOWN


def _plain(incident: Incident) -> dict[str, Any]:
    body: dict[str, Any] = jsonable(incident)
    return {**body, "detected": utc(incident.detected_s)}


def _declare(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(
        m.DeclareIncident(request=new_request(), service=args.service, actor=actor(), title=args.title)
    )
    assert isinstance(answer, m.IncidentAnswer)
    return _tell(answer.incident, args)


def _tell(incident: Incident, args: argparse.Namespace) -> int:
    if args.format == "json":
        put_json({"schema": "mlcontrol.incident/1", **_plain(incident)})
    else:
        print(
            plain(f"Incident {incident.number} ({incident.phase.value}): {incident.title}; held by {incident.holder}.")
        )
    return DONE


def _show(session: Session, args: argparse.Namespace) -> int:
    chosen = _chosen(session, args.incident)
    answer = session.ask(m.QueryIncident(request=new_request(), incident=chosen.id), MAKE_S)
    assert isinstance(answer, m.BriefAnswer)
    if args.format == "json":
        put_json({"schema": "mlcontrol.incident-brief/1", **jsonable(answer.brief)})
    else:
        print(plain(answer.brief.handoff).strip())
        for one in answer.brief.by_hand:
            print(plain(f"# {one.title}\n{one.shell}"))
    return DONE


def _write(session: Session, args: argparse.Namespace) -> int:
    chosen = _chosen(session, args.incident)
    answer = session.ask(
        m.WriteIncident(
            request=new_request(), incident=chosen.id, kind=EntryKind(args.kind), actor=actor(), text=args.text
        )
    )
    assert isinstance(answer, m.IncidentAnswer)
    return _tell(answer.incident, args)


def _bisect(session: Session, args: argparse.Namespace) -> int:
    chosen = _chosen(session, args.incident)
    answer = session.ask(m.PlanBisect(request=new_request(), incident=chosen.id), PLAN_S)
    assert isinstance(answer, m.PlanAnswer)
    return carry_out(session, args, answer, overrides_of(args.override))


def _export(session: Session, args: argparse.Namespace) -> int:
    chosen = _chosen(session, args.incident)
    answer = session.ask(m.MakePostmortem(request=new_request(), incident=chosen.id), MAKE_S)
    assert isinstance(answer, m.PostmortemAnswer)
    place = args.to / answer.name
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{answer.name}.md").write_text(answer.markdown, "utf-8")
        (place / f"{answer.name}.html").write_text(answer.html, "utf-8")
        (place / "printable.html").write_text(answer.printable, "utf-8")
        for name, svg in answer.charts.items():
            (place / name).write_text(svg, "utf-8")
    except OSError as error:
        raise ProblemError(Problem(f"{place} cannot be written.", error.strerror or "", "", "store")) from error
    why = _print_pages(place / "printable.html", place / f"{answer.name}.pdf")
    (place / "printable.html").unlink(missing_ok=True)
    if args.format == "json":
        put_json({"schema": "mlcontrol.postmortem/1", "folder": str(place), "pdf": not why, "why_no_pdf": why})
    else:
        print(f"{place}: Markdown, HTML{'' if why else ' and PDF'}.")
        if why:
            sys.stderr.write(f"mlcontrol: the PDF was not made: {why}\n")
    return DONE


def _print_pages(source: Path, target: Path) -> str:
    """Why the PDF was not made; empty when it was. Laying out pages needs Qt, which a server may not have."""
    ran = subprocess.run(
        [sys.executable, "-m", "mlcontrol.gui.print_pages", str(source), str(target)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=MAKE_S,
        check=False,
    )
    return "" if ran.returncode == 0 else (ran.stderr.strip().splitlines() or ["no reason was given"])[-1]


def _practice(session: Session, args: argparse.Namespace) -> int:
    say("Playing it; a fault that deploys waits until its version is loaded.")
    answer = session.ask(m.StartPractice(request=new_request(), actor=actor(), fault=args.fault), PLAY_S)
    assert isinstance(answer, m.PracticeAnswer)
    what = args.fault or "something"
    print(f"{what} is being played. Work it through; then `mlcontrol incident score`.")
    return DONE


def _score(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.ScorePractice(request=new_request(), actor=actor(), give_up=args.give_up), PLAY_S)
    assert isinstance(answer, m.ScoreAnswer)
    _put_score(answer.score, args)
    return DONE


def _put_score(found: Score, args: argparse.Namespace) -> None:
    if args.format == "json":
        put_json({"schema": "mlcontrol.exercise/1", **jsonable(found)})
        return
    words = [
        f"{name} {duration(seconds) if seconds is not None else 'not done'}"
        for name, seconds in (
            ("noticed in", found.detect_s),
            ("decided in", found.decide_s),
            ("recovered in", found.recover_s),
        )
    ]
    print(f"{found.fault}: {found.points} points; {', '.join(words)}.")
    for turn in found.wrong_turns:
        print(plain(f"  wrong turn: {turn}"))


def _board(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.QueryPractice(request=new_request(), actor=actor()))
    assert isinstance(answer, m.PracticeAnswer)
    scores = answer.practice.scores
    if args.format == "json":
        put_json({"schema": "mlcontrol.exercises/1", "scores": jsonable(scores)})
    elif scores:
        put_table(
            ("POINTS", "FAULT", "WHEN (UTC)", "NOTICED", "DECIDED", "RECOVERED", "WRONG TURNS"),
            [
                (
                    str(one.points),
                    one.fault,
                    str(utc(one.at_s)),
                    *("-" if s is None else duration(s) for s in (one.detect_s, one.decide_s, one.recover_s)),
                    str(len(one.wrong_turns)),
                )
                for one in scores
            ],
        )
    else:
        print("No exercise has been scored yet.")
    return DONE if scores else UNKNOWN

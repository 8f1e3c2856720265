"""`mlcontrol timeline add`: a pipeline, or a person, records a change of its own, so that it is a suspect when something breaks."""

from __future__ import annotations

import argparse
import time
from typing import Any

from mlcontrol.cli.exit_codes import DONE
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, say, utc
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.moments import parse_moment
from mlcontrol.core.recorded import KINDS, RecordedChange, event_of
from mlcontrol.core.types import EventKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(actions: Any) -> None:
    parser = actions.add_parser(
        "add",
        help="record a change of your own: a data snapshot, a release of a feature pipeline, a schema, a schedule",
        epilog="Deploys, routes and restarts are observed and cannot be recorded. Exit codes: 0 on the timeline (also when the id "
        "was there already), 1 refused, 2 not known, 3 cannot run.",
    )
    parser.add_argument("--kind", required=True, choices=[kind.value for kind in KINDS])
    parser.add_argument("--title", required=True, help="what changed, in a few words; at most 200 characters")
    parser.add_argument(
        "--service", default=None, help="whose inputs or settings it is; without one: the whole fleet's"
    )
    parser.add_argument("--version-from", metavar="V", help="of the data or the configuration, not of the model")
    parser.add_argument("--version-to", metavar="V")
    parser.add_argument("--at", help="when it took effect: 02:14, 30m ago, or a UTC time (default now)")
    parser.add_argument("--detail", default="", help="more words; at most 4000 characters")
    parser.add_argument("--id", default="", help="your own name of it (the run): trying again under it adds it once")
    add_common(parser, again=True)


def run(args: argparse.Namespace) -> int:
    now_s = time.time()
    change = RecordedChange(
        EventKind(args.kind),
        args.title,
        args.service,
        args.detail,
        args.version_from,
        args.version_to,
        parse_moment(args.at, now_s) if args.at else None,
        args.id,
    )
    event_of(change, actor(), now_s)  # what is wrong is said before an engine is started
    with Session(args.workspace) as session:
        answer = session.ask(m.RecordChange(request=new_request(), change=change, actor=actor()))
    assert isinstance(answer, m.ChangeRecorded)
    event = answer.event
    if args.format == "json":
        document = {**jsonable(event), "at": utc(event.at_s)}
        put_json({"schema": "mlcontrol.timeline-added/1", "added": answer.fresh, "event": document})
    else:
        where = event.service or "the fleet"
        said = "On the timeline" if answer.fresh else "On the timeline already"
        say(plain(f"{said}: {utc(event.at_s)}  {where}  {event.kind.value}  {event.title}"))
    return DONE

"""`mlcontrol timeline`: what changed and what was noticed; `add` is in `timeline_add`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from mlcontrol.cli import timeline_add
from mlcontrol.cli.exit_codes import DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json, put_table, utc
from mlcontrol.cli.session import Session
from mlcontrol.core.moments import parse_moment, parse_since
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.recorded import concerns, told_by
from mlcontrol.core.timeline_search import says
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.core.world import TELLS, Aspect, observed_from, world_at
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

MOST = 10_000


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("timeline", help="what changed and what was noticed")
    parser.add_argument("--service")
    parser.add_argument("--since", default="24h", help="30m, 24h, 7d, or a UTC time (default 24h)")
    parser.add_argument("--until", help="a span back from now, or a UTC time (default now)")
    parser.add_argument("--at", help="what served at that moment instead: 02:14, 30m, or a UTC time")
    parser.add_argument("--kind", action="append", choices=[kind.value for kind in EventKind], default=[])
    parser.add_argument("--text", default="", help="words that must appear")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--follow", action="store_true", help="go on with what happens now, until Ctrl-C")
    add_common(parser)
    timeline_add.add_parser(parser.add_subparsers(dest="what", metavar="add", title="or"))


def run(args: argparse.Namespace) -> int:
    if args.what == "add":
        return timeline_add.run(args)
    if args.at:
        return _world(args)
    command = m.QueryTimeline(
        request=new_request(),
        service=args.service,
        since_s=parse_since(args.since, time.time()),
        until_s=parse_since(args.until, time.time()) if args.until else None,
        kinds=tuple(EventKind(kind) for kind in args.kind),
        text=args.text,
        limit=args.limit,
    )
    with Session(args.workspace) as session:
        answer = session.ask(command)
        assert isinstance(answer, m.TimelineAnswer)
        if args.follow:
            for event in reversed(answer.events):
                _put_line(event, args)
            return _follow(session, {event.id for event in answer.events}, args)
    events = answer.events
    if args.format == "json":
        rows = [{**jsonable(event), "at": utc(event.at_s)} for event in events]
        put_json({"schema": "mlcontrol.timeline/1", "events": rows})
    elif events:
        put_table(
            ("TIME (UTC)", "SERVICE", "KIND", "WHAT", "BY"),
            [(str(utc(e.at_s)), e.service or "-", e.kind.value, e.title, told_by(e)) for e in events],
        )
    else:
        print("Nothing happened in that time.")
    return DONE if events else UNKNOWN


def _world(args: argparse.Namespace) -> int:
    """What served at a moment, for each service: used and intended version, and what was last known of the rest."""
    now_s = time.time()
    at_s = parse_moment(args.at, now_s)
    if at_s > now_s:
        raise ProblemError(Problem(f"{args.at} is yet to come.", "", "Name a moment that has passed.", code="usage"))
    with Session(args.workspace) as session:
        state = session.state
        # What tells of the world is asked for by itself: alerts and probes of a busy fleet must not crowd it out.
        telling = _asked(session, m.QueryTimeline(request=new_request(), kinds=TELLS, limit=MOST))
        newest = _asked(session, m.QueryTimeline(request=new_request(), limit=MOST))
    events = tuple({event.id: event for event in (*telling, *newest)}.values())
    # Before anybody watched, what serves now says nothing.
    watched = at_s >= observed_from(events)
    if args.service and args.service not in state.services:
        raise ProblemError(
            Problem(f"There is no service {args.service!r}.", "", "`mlcontrol status` lists them.", code="usage")
        )
    rows = []
    for service in state.services.values():
        if args.service in (None, service.id):
            own = [e for e in events if concerns(e, service.id)]
            used, intended = (service.used.single, service.intended.single) if watched else (None, None)
            rows.append((service.id, world_at(own, at_s, used, intended)))
    if args.format == "json":
        worlds = [
            {
                "service": name,
                **{a.name: {"value": a.words, "since": utc(a.since_s) if a.since_s else None} for a in world},
            }
            for name, world in rows
        ]
        put_json({"schema": "mlcontrol.world/1", "at": utc(at_s), "services": worlds})
    elif rows:
        print(f"At {utc(at_s)}, by the events that are known:")
        put_table(
            ("SERVICE", "USED", "INTENDED", "LAST KNOWN"),
            [(name, *(_aspects(world))) for name, world in rows],
        )
    return DONE if rows and all(world[0].words is not None for _, world in rows) else UNKNOWN


def _asked(session: Session, question: m.QueryTimeline) -> tuple[TimelineEvent, ...]:
    answer = session.ask(question)
    assert isinstance(answer, m.TimelineAnswer)
    return answer.events


def _aspects(world: tuple[Aspect, ...]) -> tuple[str, str, str]:
    used, intended, *rest = world
    return used.words or "?", intended.words or "?", "; ".join(f"{a.name}: {a.words}" for a in rest) or "-"


def _follow(session: Session, told: set[str], args: argparse.Namespace) -> int:
    try:
        while True:
            came = session.events.get()
            if isinstance(came, Problem):
                raise ProblemError(came)
            for event in came.events if isinstance(came, m.TimelineGrew) else ():
                asked = args.service in (None, event.service) and (not args.kind or event.kind.value in args.kind)
                if asked and event.id not in told and says(event, args.text):
                    told.add(event.id)
                    _put_line(event, args)
    except KeyboardInterrupt:
        return DONE


def _put_line(event: TimelineEvent, args: argparse.Namespace) -> None:
    if args.format == "json":
        put_json({"schema": "mlcontrol.timeline-event/1", **jsonable(event), "at": utc(event.at_s)})
    else:
        words = (str(utc(event.at_s)), event.service or "-", event.kind.value, event.title, told_by(event))
        print(plain("  ".join(words)), flush=True)

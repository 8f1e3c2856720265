"""`mlcontrol connection list|add|test|remove|agree|secret`."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE
from mlcontrol.cli.output import add_common, jsonable, put_json, put_table, say, say_problem
from mlcontrol.cli.session import Session, actor, workspace_of
from mlcontrol.cli.status import connection_document
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("connection", help="list, add, test or remove connections; store a secret")
    actions = parser.add_subparsers(dest="what", required=True)
    add_common(actions.add_parser("list", help="all connections and how they are"))
    add = actions.add_parser("add", help="add or replace a connection, after a live test")
    add.add_argument("id")
    add.add_argument("--kind", required=True, choices=[kind.value for kind in ConnectionKind])
    add.add_argument("--adapter", required=True)
    add.add_argument("--url", required=True)
    add.add_argument("--auth", choices=("none", "basic", "token"), default="none")
    add.add_argument("--username", default="")
    add.add_argument("--secret", default="", help="where it is kept: keyring (default), or env:NAME")
    add.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    add.add_argument("--untested", action="store_true", help="save although it does not answer")
    add_common(add)
    for name, text in (
        ("test", "ask the server who it is"),
        ("remove", "remove a connection"),
        ("agree", "let its name lead to the private addresses that it leads to now"),
        ("secret", "read a secret from standard input or a prompt and store it in the keyring"),
    ):
        one = actions.add_parser(name, help=text)
        one.add_argument("id")
        add_common(one)


def run(args: argparse.Namespace) -> int:
    if args.what == "secret":
        return _secret(args)
    with Session(args.workspace) as session:
        if args.what == "list":
            return _list(session, args)
        if args.what == "remove":
            session.ask(m.RemoveConnection(request=new_request(), connection=args.id, actor=actor()))
            say(f"{args.id} is removed.")
            return DONE
        if args.what == "agree":
            # A fresh engine has not looked yet where the name leads.
            session.ask(m.TestConnection(request=new_request(), settings=_known(session, args.id)))
            answer = session.ask(m.AgreeToAddress(request=new_request(), connection=args.id, actor=actor()))
            say(f"{answer.text}." if isinstance(answer, m.Done) else "")
            return DONE
        settings = _known(session, args.id) if args.what == "test" else _from_options(args)
        answered = _test(session, settings, args)
        if args.what == "test" or not (answered or args.untested):
            return DONE if answered else BLOCKED
        session.ask(m.SaveConnection(request=new_request(), settings=settings, actor=actor()))
        say(f"{args.id} is saved.")
        return DONE


def _list(session: Session, args: argparse.Namespace) -> int:
    session.refresh()
    connections = list(session.state.connections.values())
    if args.format == "json":
        put_json({"schema": "mlcontrol.connections/1", "connections": [connection_document(c) for c in connections]})
    else:
        rows = [(c.id, c.kind.value, c.adapter, c.health.value, c.server, c.text) for c in connections]
        put_table(("CONNECTION", "KIND", "ADAPTER", "HEALTH", "SERVER", "SAYS"), rows)
    return DONE


def _test(session: Session, settings: ConnectionSettings, args: argparse.Namespace) -> bool:
    answer = session.ask(m.TestConnection(request=new_request(), settings=settings))
    assert isinstance(answer, m.ConnectionDiagnosis)
    if args.format == "json":
        put_json(
            {"schema": "mlcontrol.diagnosis/1", **jsonable({f: getattr(answer, f) for f in answer.__struct_fields__})}
        )
    elif answer.problem is None:
        print(f"{settings.id} answers: {answer.server}, {answer.latency_ms or 0:.0f} ms. {answer.detail}".rstrip())
    else:
        say_problem(answer.problem)
    return answer.problem is None


def _known(session: Session, connection_id: str) -> ConnectionSettings:
    settings = session.state.settings.connections.get(connection_id)
    if settings is None:
        known = ", ".join(sorted(session.state.settings.connections)) or "none"
        raise ProblemError(Problem(f"There is no connection {connection_id!r}.", f"Known: {known}.", "", "not-found"))
    return settings


def _from_options(args: argparse.Namespace) -> ConnectionSettings:
    options = {}
    for pair in args.option:
        name, mark, value = pair.partition("=")
        if not mark:
            raise ProblemError(Problem(f"{pair!r} is no option.", "", "Write --option NAME=VALUE.", "usage"))
        options[name] = value
    return ConnectionSettings(
        args.id,
        ConnectionKind(args.kind),
        args.adapter,
        args.url,
        auth=args.auth,
        username=args.username,
        secret=args.secret or ("" if args.auth == "none" else "keyring"),
        options=options,
    )


def _secret(args: argparse.Namespace) -> int:
    """The secret never crosses the engine's socket: this process puts it into the keyring itself."""
    from mlcontrol.engine.secret_entry import store_secret

    workspace = workspace_of(args.workspace)
    secret = getpass.getpass(f"Secret of {args.id}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not secret:
        raise ProblemError(Problem("No secret was given.", "", "Type it, or send it on standard input.", "usage"))
    store_secret(workspace, args.id, secret)
    say(f"The secret of {args.id} is in the keyring.")
    return DONE

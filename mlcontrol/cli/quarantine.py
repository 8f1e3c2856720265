"""`mlcontrol quarantine list|lift`: versions that were rolled back, and letting one return."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import DONE
from mlcontrol.cli.output import add_common, put_json, put_table, say
from mlcontrol.cli.session import Session, actor
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("quarantine", help="versions that were rolled back; let one return, with a reason")
    actions = parser.add_subparsers(dest="what", required=True)
    add_common(actions.add_parser("list", help="what is in quarantine, and why"))
    lift = actions.add_parser("lift", help="let a version be deployed again")
    lift.add_argument("service")
    lift.add_argument("version")
    lift.add_argument("--reason", required=True)
    add_common(lift)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        if args.what == "lift":
            session.ask(
                m.LiftQuarantine(
                    request=new_request(),
                    service=args.service,
                    version=args.version,
                    actor=actor(),
                    reason=args.reason,
                )
            )
            say(f"v{args.version} of {args.service} may be deployed again.")
            return DONE
        session.refresh()
        rows = [
            (service.id, version.version, version.quarantined)
            for service in session.state.services.values()
            for version in service.versions
            if version.quarantined
        ]
    if args.format == "json":
        found = [{"service": s, "version": v, "reason": r} for s, v, r in rows]
        put_json({"schema": "mlcontrol.quarantine/1", "quarantined": found})
    elif rows:
        put_table(("SERVICE", "VERSION", "ROLLED BACK BECAUSE"), [(s, f"v{v}", r) for s, v, r in rows])
    else:
        print("Nothing is in quarantine.")
    return DONE

"""`mlcontrol sandbox up|down|status|fault|traffic`."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE
from mlcontrol.cli.output import add_common, jsonable, put_json, put_table, say
from mlcontrol.engine.last_workspace import remember
from mlcontrol.sandbox import fleet


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("sandbox", help="the real local fleet: up, down, status, fault, traffic")
    actions = parser.add_subparsers(dest="what", required=True)
    for name, text in (
        ("up", "start the fleet, or join the one that runs"),
        ("down", "stop it; nothing is left running"),
        ("status", "what runs"),
    ):
        action = actions.add_parser(name, help=text)
        if name == "up":
            add_serving(action)
        add_common(action)
    fault = actions.add_parser("fault", help="play a scripted incident")
    fault.add_argument("name", nargs="?", help="its name, or 'clear'; without one: what there is")
    fault.add_argument("--seconds", type=float, help="how long")
    add_common(fault)
    traffic = actions.add_parser("traffic", help="change the rate of the traffic")
    traffic.add_argument("rate", type=float, help="requests per second and service")
    add_common(traffic)


def add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serving",
        choices=fleet.SERVING,
        help="the model server; without it Triton where it has a build for this machine, MLServer elsewhere",
    )


def run(args: argparse.Namespace) -> int:
    return {"up": _up, "down": _down, "status": _status, "fault": _fault, "traffic": _traffic}[args.what](args)


def _up(args: argparse.Namespace) -> int:
    status = fleet.up(progress=say, serving=args.serving)
    if status.workspace is not None:
        remember(status.workspace)
    return _tell(status, args)


def _down(args: argparse.Namespace) -> int:
    fleet.down()
    return DONE if _tell(fleet.status(), args) in (DONE, BLOCKED) else CANNOT_RUN


def _status(args: argparse.Namespace) -> int:
    return _tell(fleet.status(), args)


def _tell(status: fleet.FleetStatus, args: argparse.Namespace) -> int:
    if args.format == "json":
        put_json({"schema": "mlcontrol.sandbox/1", **jsonable(status)})
    else:
        print(f"{status.state}: {status.message}" if status.message else status.state)
        if status.is_up:
            print(f"workspace {status.workspace}")
            print(f"traffic {status.traffic_rate_per_s:g} requests/s and service")
            put_table(("PROCESS", "PID", "STATE"), [(p.name, str(p.pid), p.state) for p in status.processes])
            for fault in status.faults:
                print(f"fault {fault.name}: {fault.state}, ends in {fault.ends_in_s:.0f} s")
    return DONE if status.is_up else BLOCKED


def _fault(args: argparse.Namespace) -> int:
    if args.name is None:
        if args.format == "json":
            faults = [{"name": f.name, "description": f.description, "shows": f.shows} for f in fleet.FAULTS]
            put_json({"schema": "mlcontrol.faults/1", "faults": faults})
        else:
            put_table(("FAULT", "WHAT IT DOES"), [(f.name, f.description) for f in fleet.FAULTS])
        return DONE
    if args.name == "clear":
        fleet.clear_faults()
        say("All faults are undone.")
        return DONE
    fault = fleet.play_fault(None, args.name, args.seconds)
    if args.format == "json":
        put_json({"schema": "mlcontrol.fault/1", **jsonable(fault)})
    else:
        print(f"{fault.name} is {fault.state}, ends by itself in {fault.ends_in_s:.0f} s.")
    return DONE


def _traffic(args: argparse.Namespace) -> int:
    fleet.set_traffic(None, args.rate)
    return _tell(fleet.status(), args)

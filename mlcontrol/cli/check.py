"""`mlcontrol check CANDIDATE --against CURRENT`: may we deploy, and may we come back?"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, say_problem
from mlcontrol.core.compatibility.check import compare, over_window
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.present import document, junit, markdown, text
from mlcontrol.core.compatibility.reader import READERS, Reader
from mlcontrol.core.compatibility.report import Report, Verdict, worst
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.signature import Signature


def resolve_reference(reference: str, workspace: Path | None) -> tuple[Signature, str | None]:
    """The signature of `mlflow:CONNECTION/model/3`, `…@alias` or `service:NAME`, and the reader it is known to be served by.

    ``workspace`` `None`: the one found as every command finds it. Raises `ProblemError`.
    """
    from mlcontrol.cli.session import workspace_of
    from mlcontrol.engine.references import resolve

    return resolve(reference, workspace_of(workspace))


def workspace_policy(workspace: Path | None, service: str | None) -> Policy:
    """The workspace's policy in the environment of that service, else of the workspace."""
    from mlcontrol.cli.session import workspace_of
    from mlcontrol.engine.references import policy_of_workspace

    return policy_of_workspace(workspace_of(workspace), service)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="may we deploy it, and may we come back",
        description="Compares two versions in both directions. Exit codes: 0 passes (warnings allowed), 1 blocked, "
        "2 unknown, 3 cannot run.",
        epilog="CANDIDATE and CURRENT are each: mlflow:CONNECTION/model/3, mlflow:CONNECTION/model@alias, service:NAME, "
        "a model directory or MLmodel file, config.pbtxt, model metadata JSON, an ONNX or skops file, a SavedModel directory, "
        "an Avro or JSON schema, or a signature JSON.",
    )
    parser.add_argument("candidate", metavar="CANDIDATE")
    parser.add_argument("--against", required=True, metavar="CURRENT", help="the version used now")
    parser.add_argument(
        "--reader", choices=sorted(READERS), help="how the serving side reads requests (default: strict)"
    )
    parser.add_argument("--observed", type=Path, metavar="FILE", help="recent requests, JSON Lines or Parquet")
    parser.add_argument("--consumers", type=Path, metavar="FILE", help="who reads the outputs, TOML or JSON")
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="severities, ignores, overrides, limits: TOML; else the workspace's",
    )
    parser.add_argument("--runtime", type=Path, metavar="FILE", help="what the serving binary provides, TOML or JSON")
    parser.add_argument(
        "--previous-runtime", type=Path, metavar="FILE", help="the binary before it, if the release changes it"
    )
    parser.add_argument(
        "--facts",
        type=Path,
        metavar="FILE",
        help="what else is known: artifact, probe, golden, data, quality, operation; TOML or JSON",
    )
    parser.add_argument(
        "--window",
        action="append",
        default=[],
        metavar="VERSION",
        help="a further version that the way back must reach; may be given again",
    )
    add_common(parser, formats=("text", "json", "junit", "markdown"))
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Prints the report and returns the exit code. Only the report goes to standard output."""
    try:
        report = _report(args)
    except ProblemError as error:
        say_problem(error.problem)
        return CANNOT_RUN
    # Names come from files of strangers: half a surrogate pair, or what this terminal cannot write, is written as its escape.
    words = _shown(report, args.format).encode(_encoding(), "backslashreplace")
    sys.stdout.write(words.decode(_encoding()))
    return exit_code(report)


def _encoding() -> str:
    return (sys.stdout.encoding or "utf-8").lower()


def exit_code(report: Report) -> int:
    """Both directions count: a release that cannot be taken back is not passed by a pipeline."""
    verdict = worst((report.deploy, report.rollback))
    return {Verdict.BLOCK: BLOCKED, Verdict.UNKNOWN: UNKNOWN}.get(verdict, DONE)


def _report(args: argparse.Namespace) -> Report:
    # Imported here: the parser of every other command must not pay for YAML.
    from mlcontrol.adapters.signatures import facts_file, side_files

    workspace = args.workspace
    candidate, new_reader = _signature(args.candidate, workspace)
    current, old_reader = _signature(args.against, workspace)
    policy = side_files.read_policy(args.policy) if args.policy else _policy_of_workspace(args)
    reader = _reader(args.reader or old_reader or new_reader)
    observed = observe(side_files.read_payloads(args.observed)) if args.observed else None
    facts = facts_file.read_facts(args.facts) if args.facts else {}
    now_s = time.time()
    consumers = side_files.read_consumers(args.consumers) if args.consumers else None
    binary = side_files.read_runtime(args.runtime) if args.runtime else None
    report = compare(
        candidate,
        current,
        reader,
        observed=observed,
        consumers=consumers,
        binary=binary,
        previous_binary=side_files.read_runtime(args.previous_runtime) if args.previous_runtime else None,
        policy=policy,
        now_s=now_s,
        **facts,
    )
    older = [_signature(reference, workspace)[0] for reference in args.window]
    if older:
        report = over_window(
            report, candidate, older, reader, policy, observed, now_s, consumers=consumers, binary=binary
        )
    return replace(report, candidate=args.candidate, current=args.against)


def _reader(name: str | None) -> Reader:
    return READERS[name or "strict"]


def _signature(reference: str, workspace: Path | None) -> tuple[Signature, str | None]:
    if _scheme(reference):
        return resolve_reference(reference, workspace)
    from mlcontrol.adapters.signatures.files import read_path

    return read_path(Path(reference)), None


def _policy_of_workspace(args: argparse.Namespace) -> Policy:
    """Of the workspace that a reference is looked up in; files alone have none."""
    services = [
        reference.removeprefix("service:")
        for reference in (args.candidate, args.against)
        if _scheme(reference) == "service"
    ]
    if not services and not any(_scheme(reference) for reference in (args.candidate, args.against)):
        return Policy()
    return workspace_policy(args.workspace, services[0] if services else None)


def _scheme(reference: str) -> str:
    """ "mlflow" or "service" where it is looked up in the workspace; empty for a file."""
    scheme, separator, _ = reference.partition(":")
    return scheme if separator and scheme in ("mlflow", "service") and not Path(reference).exists() else ""


def _shown(report: Report, form: str) -> str:
    if form == "json":
        return json.dumps(document(report), ensure_ascii=not _encoding().startswith("utf"), indent=2) + "\n"
    if form == "junit":
        return junit(report)
    if form == "markdown":
        return markdown(report)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return text(report, min(100, shutil.get_terminal_size().columns), colour)

"""`mlcontrol audit verify|export|head|verifier`."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, jsonable, plain, put_json
from mlcontrol.cli.session import Session
from mlcontrol.core.audit import ChainVerdict
from mlcontrol.core.audit_export import export
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.gui.resources import resource

VERIFY_S = 120.0
PAGE = 1000


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("audit", help="verify or export the audit log")
    parser.add_argument("what", choices=("verify", "export", "head", "verifier"))
    parser.add_argument("file", nargs="?", type=Path, help="verify: an exported log instead of the store's")
    parser.add_argument("--head", metavar="SEQ:HASH", help="verify FILE: a row that was written down elsewhere")
    parser.add_argument(
        "--public-key", default="", metavar="HEX", help="verify FILE: the panel's key, as `audit head` tells it"
    )
    parser.add_argument(
        "--redacted", action="store_true", help="export: versions, steps, digests and times alone; still verifiable"
    )
    parser.add_argument(
        "--withhold", action="append", default=[], metavar="FIELD", help="export: also without this field"
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    if args.what == "verifier":
        print(resource("audit", "verify_audit.py").read_text(), end="")
        return DONE
    if args.what == "verify" and args.file is not None:
        return _verify_file(args)
    with Session(args.workspace) as session:
        if args.what == "verify":
            return _verify(session, args)
        if args.what == "head":
            return _head(session, args)
        return _export(session, set(args.withhold), args.redacted)


def _verify(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.VerifyAudit(request=new_request()), VERIFY_S)
    assert isinstance(answer, m.AuditVerified)
    return _tell(answer.verdict, args)


def _verify_file(args: argparse.Namespace) -> int:
    found = _verifier()["verify"](_bytes_of(args.file), _head_of(args.head), args.public_key)
    code = _tell(_verdict_of(found), args, found["remarks"])
    return UNKNOWN if code == DONE and _verifier()["in_doubt"](found, args.public_key) else code


def _head(session: Session, args: argparse.Namespace) -> int:
    """What an auditor must have from elsewhere than the export: the newest row, and the key that signs."""
    answer = session.ask(m.QueryAudit(request=new_request(), before=None, limit=1))
    assert isinstance(answer, m.AuditAnswer)
    if not answer.rows:
        raise ProblemError(Problem("The audit log holds no row.", "", "", "unknown"))
    points = session.ask(m.QueryCheckpoints(request=new_request()))  # which signs the newest row
    assert isinstance(points, m.CheckpointsAnswer)
    signed = next((one for one in reversed(points.checkpoints) if one.seq >= answer.rows[0].seq), None)
    newest = answer.rows[0] if signed is None else signed
    head, key = f"{newest.seq}:{newest.hash}", "" if signed is None else signed.public_key
    if args.format == "json":
        put_json({"schema": "mlcontrol.audit-head/1", "head": head, "public_key": key or None})
    else:
        print(f"--head {head}")
        print(f"--public-key {key}" if key else "The newest row is not signed.")
    return DONE if key else UNKNOWN


def _tell(verdict: ChainVerdict, args: argparse.Namespace, remarks: Sequence[str] = ()) -> int:
    if args.format == "json":
        put_json({"schema": "mlcontrol.audit/1", **jsonable(verdict), "remarks": list(remarks)})
    elif verdict.ok:
        print(f"The chain holds: {verdict.rows} rows, head {verdict.head}.")
        for remark in remarks:
            print(plain(remark))
    elif verdict.first_bad is None:
        print(f"Not verified: {plain(verdict.why)}.")
    else:
        print(f"The chain is broken at row {verdict.first_bad}: it {plain(verdict.why)}.")
    return DONE if verdict.ok else UNKNOWN if verdict.first_bad is None else BLOCKED


def _export(session: Session, withhold: set[str], redacted: bool) -> int:
    """One row a line, oldest first; a last line with the count and the head shows a cut tail."""
    pages = []
    points = session.ask(m.QueryCheckpoints(request=new_request()))
    assert isinstance(points, m.CheckpointsAnswer)
    before: int | None = None
    while True:
        answer = session.ask(m.QueryAudit(request=new_request(), before=before, limit=PAGE))
        assert isinstance(answer, m.AuditAnswer)
        if not answer.rows:
            break
        pages.append(answer.rows)
        before = answer.rows[-1].seq
    rows = (row for page in reversed(pages) for row in reversed(page))
    for line in export(rows, points.checkpoints, withhold, redacted):
        print(line)
    sys.stdout.flush()
    return DONE


def verify_export(data: bytes, head: tuple[int, str] | None = None) -> ChainVerdict:
    """Verify an exported log with the verifier that auditors are given: there is one, and it knows nothing of this program."""
    return _verdict_of(_verifier()["verify"](data, head))


def _verdict_of(found: dict[str, Any]) -> ChainVerdict:
    return ChainVerdict(found["ok"], found["rows"], found["head"], found["first_bad"], found["why"])


@cache
def _verifier() -> dict[str, Any]:
    return runpy.run_path(str(resource("audit", "verify_audit.py")))


def _head_of(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    seq, _, found = text.partition(":")
    if not seq.isdecimal() or int(seq) < 1 or not found:
        raise ProblemError(Problem(f"{text!r} is no head.", "", "Write SEQ:HASH.", code="usage"))
    return int(seq), found


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProblemError(Problem(f"{path} cannot be read.", error.strerror or "", "", code="not-found")) from error

"""`mlcontrol audit verify|export`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from mlcontrol.cli.exit_codes import BLOCKED, DONE
from mlcontrol.cli.output import add_common, jsonable, plain, put_json
from mlcontrol.cli.session import Session
from mlcontrol.core.audit import GENESIS, AuditRow, ChainVerdict, verify
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

VERIFY_S = 120.0
PAGE = 1000


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("audit", help="verify or export the audit log")
    parser.add_argument("what", choices=("verify", "export"))
    parser.add_argument("file", nargs="?", type=Path, help="verify: an exported log instead of the store's")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    if args.what == "verify" and args.file is not None:
        return _tell(verify_export(_bytes_of(args.file)), args)
    with Session(args.workspace) as session:
        return _verify(session, args) if args.what == "verify" else _export(session)


def _verify(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.VerifyAudit(request=new_request()), VERIFY_S)
    assert isinstance(answer, m.AuditVerified)
    return _tell(answer.verdict, args)


def _tell(verdict: ChainVerdict, args: argparse.Namespace) -> int:
    if args.format == "json":
        put_json({"schema": "mlcontrol.audit/1", **jsonable(verdict)})
    elif verdict.ok:
        print(f"The chain holds: {verdict.rows} rows, head {verdict.head}.")
    else:
        print(f"The chain is broken at row {verdict.first_bad}: it {plain(verdict.why)}.")
    return DONE if verdict.ok else BLOCKED


def _export(session: Session) -> int:
    """One row a line, oldest first; a last line with the count and the head shows a cut tail."""
    pages = []
    before: int | None = None
    while True:
        answer = session.ask(m.QueryAudit(request=new_request(), before=before, limit=PAGE))
        assert isinstance(answer, m.AuditAnswer)
        if not answer.rows:
            break
        pages.append(answer.rows)
        before = answer.rows[-1].seq
    for page in reversed(pages):
        for row in reversed(page):
            print(export_line(row))
    count, head = (pages[0][0].seq, pages[0][0].hash) if pages else (0, GENESIS)
    print(end_line(count, head), flush=True)
    return DONE


def export_line(row: AuditRow) -> str:
    return _line({"schema": "mlcontrol.audit-row/1", **jsonable(row)})


def end_line(count: int, head: str) -> str:
    return _line({"schema": "mlcontrol.audit-end/1", "rows": count, "head": head})


def verify_export(text: bytes) -> ChainVerdict:
    """Verify an exported log alone: every byte must be what the rows it holds are written as."""
    lines = text.split(b"\n")
    rows: list[AuditRow] = []
    for line in lines[:-2]:
        row = _row(line)
        if row is None:
            return ChainVerdict(False, len(rows), "", len(rows) + 1, "is not written as an export writes it")
        rows.append(row)
    verdict = verify(rows)
    if verdict.ok and lines[-2:] != [end_line(len(rows), verdict.head).encode(), b""]:
        why = "is missing: the end of the export was cut or does not fit its rows"
        return ChainVerdict(False, len(rows), verdict.head, len(rows) + 1, why)
    return verdict


def _row(line: bytes) -> AuditRow | None:
    try:
        row = msgspec.json.decode(line, type=AuditRow)
        return row if export_line(row).encode() == line else None
    except (msgspec.DecodeError, UnicodeError, ValueError):
        return None


def _line(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProblemError(Problem(f"{path} cannot be read.", error.strerror or "", "", code="not-found")) from error

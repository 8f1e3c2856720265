"""The hash chain of the audit log: append and verify. The row bodies are data; nothing here touches a database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One fact of the log. ``body`` is canonical JSON; ``hash`` covers every other field and the previous hash."""

    seq: int  # 1, 2, 3, ... without gaps
    at_s: float
    actor: str
    action: str  # "deploy.intent", "deploy.step", "deploy.outcome", "connection.saved", ...
    service: str
    operation: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """``first_bad``: sequence number of the first row that does not fit, with ``why``; both empty when the chain holds."""

    ok: bool
    rows: int
    head: str
    first_bad: int | None = None
    why: str = ""


def canonical(body: dict[str, Any]) -> str:
    """The one JSON text of a body: sorted keys, no blanks, no NaN."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_hash(
    seq: int, at_s: float, actor: str, action: str, service: str, operation: str, body: str, previous: str
) -> str:
    """SHA-256 over a length-unambiguous rendering (a JSON list) of all fields."""
    text = json.dumps([seq, repr(at_s), actor, action, service, operation, body, previous], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def append(
    previous: AuditRow | None,
    at_s: float,
    actor: str,
    action: str,
    service: str,
    operation: str,
    body: dict[str, Any],
) -> AuditRow:
    """The next row of the chain."""
    seq = 1 if previous is None else previous.seq + 1
    link = GENESIS if previous is None else previous.hash
    text = canonical(body)
    return AuditRow(
        seq,
        at_s,
        actor,
        action,
        service,
        operation,
        text,
        link,
        row_hash(seq, at_s, actor, action, service, operation, text, link),
    )


def verify(rows: Iterable[AuditRow], expected_head: tuple[int, str] | None = None) -> ChainVerdict:
    """Walk the chain from its first row.

    ``expected_head``: (seq, hash) kept outside the log; it catches a cut tail or a restored backup.
    """
    link, count = GENESIS, 0
    seen_expected = expected_head is None or expected_head[0] == 0
    for row in rows:
        count += 1
        why = _fault(row, count, link)
        if why:
            return ChainVerdict(False, count, link, count, why)
        link = row.hash
        if expected_head is not None and row.seq == expected_head[0]:
            if row.hash != expected_head[1]:
                return ChainVerdict(False, count, link, row.seq, "differs from the head that was kept outside the log")
            seen_expected = True
    if not seen_expected and expected_head is not None:
        why = f"the log ends at row {count}, but row {expected_head[0]} had been written: its tail was cut or a backup was restored"
        return ChainVerdict(False, count, link, count + 1, why)
    return ChainVerdict(True, count, link)


def _fault(row: AuditRow, position: int, link: str) -> str:
    if row.seq != position:
        return f"row {position} is missing or out of order (found row {row.seq})"
    if row.previous != link:
        return "does not continue the row before it"
    if row.hash != row_hash(
        row.seq, row.at_s, row.actor, row.action, row.service, row.operation, row.body, row.previous
    ):
        return "was changed after it was written"
    return ""

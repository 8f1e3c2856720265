"""The hash chain of the audit log: append and verify. The row bodies are data; nothing here touches a database.

A row's hash covers one digest a field, each made with a salt of its own, so that an export may withhold a field and its chain can
still be verified (`core.audit_export`). Rows of older logs, without a salt, are hashed over their fields directly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

GENESIS = "0" * 64
SALT = "~salt"  # the row's secret salt, kept in its body; never exported as it is


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


class Field(NamedTuple):
    """One field of a row as it is hashed. ``text``: canonical JSON of the value. ``salt``: hex."""

    name: str
    text: str
    salt: str


_quoted, _string = json.encoder.encode_basestring_ascii, json.encoder.encode_basestring
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(body: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, no NaN."""
    return _string(body) if type(body) is str else _encode(body)


def digest(value: Any) -> str:
    """Names a piece of evidence: "sha256:..." of its canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


def row_fields(row: AuditRow) -> tuple[Field, ...]:
    """The fields of a row in the order in which they are hashed; empty for a row without a salt."""
    try:
        body = json.loads(row.body)
    except ValueError:
        return ()
    salt = body.get(SALT) if isinstance(body, dict) else None
    if not isinstance(salt, str) or not salt:
        return ()
    texts = {key: canonical(body[key]) for key in sorted(body)}
    # What is hashed is what was parsed: a body that is written in any other way than the one is none.
    if row.body != "{" + ",".join([f"{_string(key)}:{text}" for key, text in texts.items()]) + "}":
        return ()
    del texts[SALT]
    named = [("actor", row.actor), ("action", row.action), ("service", row.service), ("operation", row.operation)]
    fields = [Field(name, _string(value), field_salt(salt, name)) for name, value in named]
    fields += [Field(name := f"body.{key}", text, field_salt(salt, name)) for key, text in texts.items()]
    return tuple(fields)


def field_salt(salt: str, name: str) -> str:
    """A field's salt, from which neither the row's nor another field's can be found."""
    return hashlib.sha256(f"{salt}:{name}".encode()).hexdigest()[:32]


def field_digest(field: Field) -> str:
    return hashlib.sha256(f"{field.salt}:{field.name}:{field.text}".encode()).hexdigest()


def hash_of_digests(seq: int, at_s: float, previous: str, digests: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the row's place and its fields' names and digests."""
    lines = [f"mlcontrol.audit/2 {seq} {at_s!r} {previous}", *(f"{name} {found}" for name, found in digests)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def row_hash(
    seq: int, at_s: float, actor: str, action: str, service: str, operation: str, body: str, previous: str
) -> str:
    """What a row's hash must be."""
    if f'"{SALT}"' in body:
        row = AuditRow(seq, at_s, actor, action, service, operation, body, previous, "")
        fields = row_fields(row)
        if fields:
            return hash_of_digests(seq, at_s, previous, [(_quoted(f.name), field_digest(f)) for f in fields])
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
    salt: str = "",
) -> AuditRow:
    """The next row of the chain. ``salt``: random hex, so that single fields can later be withheld."""
    seq = 1 if previous is None else previous.seq + 1
    link = GENESIS if previous is None else previous.hash
    text = canonical({**body, SALT: salt} if salt else body)
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


def verify(rows: Iterable[AuditRow], expected: Iterable[tuple[int, str]] = ()) -> ChainVerdict:
    """Walk the chain from its first row.

    ``expected``: (seq, hash) pairs kept outside the log, or signed; they catch a cut tail, a restored backup and a chain that
    somebody wrote anew.
    """
    wanted: dict[int, set[str]] = {}
    for seq, found in expected:
        if seq > 0:
            wanted.setdefault(seq, set()).add(found)
    link, count = GENESIS, 0
    for row in rows:
        count += 1
        why = _fault(row, count, link)
        if why:
            return ChainVerdict(False, count, link, count, why)
        link = row.hash
        kept = wanted.pop(row.seq, None)
        if kept is not None and kept != {row.hash}:
            return ChainVerdict(False, count, link, row.seq, "differs from the head that was kept outside the log")
    if wanted:
        why = f"the log ends at row {count}, but row {max(wanted)} had been written: its tail was cut or a backup was restored"
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

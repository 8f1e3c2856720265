"""An audit log as JSON Lines that anybody can verify without this program (`resources/audit/verify_audit.py`).

Each line ends with a digest of itself and of the line before it; each row holds its fields with their salts, or, where a field is
withheld, its digest alone: the chain of hashes still comes out. The last line names the number of rows, the head and the signed
checkpoints, so that a cut end is seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mlcontrol.core.audit import GENESIS, AuditRow, field_digest, row_fields
from mlcontrol.core.journal import INTENT, NOTE, OUTCOME, STEP
from mlcontrol.core.operation import OperationKind

ROW, OLD_ROW, END = "mlcontrol.audit-row/2", "mlcontrol.audit-row/1", "mlcontrol.audit-end/2"
_PLACE = frozenset({"action", "service", "operation"})
_OF_OPERATIONS = frozenset(
    {
        "from",
        "to",
        "express",
        "strategy",
        "strategy_data",
        "plan_hash",
        "steps",
        "assumes",
        "before",
        "evidence",
        "step",
        "state",
    }
) | {"phase", "found"}
_OF_THE_REST = frozenset({"plan_hash", "version", "until_s", "number", "detected_s", "evidence"})
_KINDS = frozenset(kind.value for kind in OperationKind)
_JOURNAL = frozenset({INTENT, STEP, OUTCOME, NOTE})


def is_redacted(action: str, name: str) -> bool:
    """Whether an export for outsiders withholds this field of a row of this action ("deploy.intent").

    Named is what is shown: what the program itself wrote, versions, steps, digests, times. Whatever else there is, or comes to be,
    may hold who did it or what people wrote, an address or a user name, and "to" is a version here and a colleague there.
    """
    body, _, field = name.partition(".")
    if not field:
        return name not in _PLACE
    kind, _, what = action.partition(".")
    shown = _OF_OPERATIONS if kind in _KINDS and what in _JOURNAL else _OF_THE_REST
    return body != "body" or field not in shown


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed word on how long the log was and what its last row's hash was. ``public_key``/``signature``: Ed25519, hex."""

    seq: int
    hash: str
    at_s: float
    public_key: str = ""
    signature: str = ""

    @property
    def message(self) -> bytes:
        """What is signed."""
        return f"mlcontrol.audit-checkpoint/1 {self.seq} {self.hash} {self.at_s!r}".encode()


def export(
    rows: Iterable[AuditRow],
    checkpoints: Iterable[Checkpoint] = (),
    withhold: Collection[str] = (),
    redacted: bool = False,
) -> Iterator[str]:
    """The lines, without their ends. ``rows``: oldest first. ``withhold``: names of fields ("actor", "body.reason"). ``redacted``:
    without people and what they wrote, too (`is_redacted`)."""
    link, count, head = GENESIS, 0, GENESIS
    withheld = {*withhold, *(("actor",) if redacted else ())}
    for row in rows:
        count, head = count + 1, row.hash
        body = _row(row, withhold, redacted)
        withheld |= {name for name, field in body.get("fields", {}).items() if "digest" in field}
        line = _sealed(body, link)
        link = line[-66:-2]
        yield line
    end = {
        "schema": END,
        "rows": count,
        "head": head,
        "withheld": sorted(withheld),
        "checkpoints": [asdict(found) for found in checkpoints],
    }
    yield _sealed(end, link)


def _row(row: AuditRow, withhold: Collection[str], redacted: bool) -> dict[str, Any]:
    place = {"seq": row.seq, "at_s": row.at_s, "previous": row.previous, "hash": row.hash}
    fields = row_fields(row)
    if fields:
        shown = {
            f.name: {"digest": field_digest(f)}
            if f.name in withhold or (redacted and is_redacted(row.action, f.name))
            else {"value": json.loads(f.text), "salt": f.salt}
            for f in fields
        }
        return {"schema": ROW, **place, "fields": shown}
    if withhold or redacted:  # an old row is hashed as one: it is shown whole or not at all
        return {"schema": OLD_ROW, **place, "withheld": True}
    whole = {name: getattr(row, name) for name in ("actor", "action", "service", "operation", "body")}
    return {"schema": OLD_ROW, **place, **whole}


def _sealed(body: dict[str, Any], link: str) -> str:
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False)[:-1]
    return f'{text},"line":"{hashlib.sha256(f"{link}{text}".encode()).hexdigest()}"}}'

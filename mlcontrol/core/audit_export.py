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

ROW, OLD_ROW, END = "mlcontrol.audit-row/2", "mlcontrol.audit-row/1", "mlcontrol.audit-end/2"
PEOPLE_AND_WORDS = ("actor", "body.reason", "body.detail", "body.summary", "body.problem", "body.text")
"""What an outside auditor rarely needs: who, and what people wrote."""


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
    rows: Iterable[AuditRow], checkpoints: Iterable[Checkpoint] = (), withhold: Collection[str] = ()
) -> Iterator[str]:
    """The lines, without their ends. ``rows``: oldest first. ``withhold``: names of fields ("actor", "body.reason")."""
    link, count, head = GENESIS, 0, GENESIS
    for row in rows:
        count, head = count + 1, row.hash
        line = _sealed(_row(row, withhold), link)
        link = line[-66:-2]
        yield line
    body = {
        "schema": END,
        "rows": count,
        "head": head,
        "withheld": sorted(withhold),
        "checkpoints": [asdict(found) for found in checkpoints],
    }
    yield _sealed(body, link)


def _row(row: AuditRow, withhold: Collection[str]) -> dict[str, Any]:
    place = {"seq": row.seq, "at_s": row.at_s, "previous": row.previous, "hash": row.hash}
    fields = row_fields(row)
    if fields:
        shown = {
            f.name: {"digest": field_digest(f)} if f.name in withhold else {"value": json.loads(f.text), "salt": f.salt}
            for f in fields
        }
        return {"schema": ROW, **place, "fields": shown}
    if withhold:  # an old row is hashed as one: it is shown whole or not at all
        return {"schema": OLD_ROW, **place, "withheld": True}
    whole = {name: getattr(row, name) for name in ("actor", "action", "service", "operation", "body")}
    return {"schema": OLD_ROW, **place, **whole}


def _sealed(body: dict[str, Any], link: str) -> str:
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False)[:-1]
    return f'{text},"line":"{hashlib.sha256(f"{link}{text}".encode()).hexdigest()}"}}'

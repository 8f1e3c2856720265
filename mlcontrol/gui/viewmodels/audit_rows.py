"""The audit log as words: what a row says in one line, and what the chain's verdict means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mlcontrol.core.audit import SALT, AuditRow, ChainVerdict
from mlcontrol.core.types import Health
from mlcontrol.gui.viewmodels.phrases import age_text, count_text, moment_text, version_text, visible_text


def summary(row: AuditRow) -> str:
    """One line out of the body: the words that people wrote first, then versions and outcome."""
    body = body_of(row)
    parts: list[str] = []
    origin, target = body.get("from_version", body.get("from")), body.get("to_version", body.get("to"))
    if target:
        parts.append(
            f"{version_text(str(origin))} to {version_text(str(target))}" if origin else version_text(str(target))
        )
    for key in (
        "step",
        "title",
        "phase",
        "state",
        "outcome",
        "verdict",
        "detail",
        "summary",
        "what",
        "id",
        "connection",
    ):
        value = body.get(key)
        if isinstance(value, str) and value and value not in parts:
            parts.append(value)
    reason = body.get("reason")
    if isinstance(reason, str) and reason:
        parts.append(f"“{reason}”")
    if not parts:
        parts = [f"{k} {v}" for k, v in body.items() if isinstance(v, str | int | float)][:3]
    return visible_text(" · ".join(parts[:5]), 240).replace("\n", " ")


def body_of(row: AuditRow) -> dict[str, Any]:
    try:
        body = json.loads(row.body)
    except ValueError:
        return {"unreadable": row.body}
    return {k: v for k, v in body.items() if k != SALT} if isinstance(body, dict) else {"value": body}


def pretty_body(row: AuditRow) -> str:
    return visible_text(json.dumps(body_of(row), indent=2, ensure_ascii=False, sort_keys=True), 20_000)


def matches(row: AuditRow, text: str) -> bool:
    pool = " ".join((str(row.seq), moment_text(row.at_s), row.actor, row.action, row.service, row.operation, row.body))
    pool = pool.casefold()
    return all(word in pool for word in text.casefold().split())


@dataclass(frozen=True, slots=True)
class ChainWords:
    headline: str
    sentence: str
    health: Health


def chain_words(
    verdict: ChainVerdict | None, rows: int, ok: bool | None, verified_s: float | None, now_s: float
) -> ChainWords:
    """``verdict``: of a check made here; else ``ok`` is the engine's last own check (`None`: never)."""
    if rows == 0 and (verdict is None or verdict.rows == 0):
        return ChainWords("Nothing to verify yet", "No row is written; an empty log proves nothing.", Health.UNKNOWN)
    if verdict is not None:
        if verdict.ok:
            age = age_text(verified_s, now_s) if verified_s is not None else "now"
            return ChainWords(
                "The chain holds",
                f"{count_text(verdict.rows, 'row')} verified {age}; none was changed or removed.",
                Health.OK,
            )
        if verdict.first_bad is None:
            return ChainWords("Not verified", f"{verdict.why[:1].upper()}{verdict.why[1:]}.", Health.CRITICAL)
        bad = verdict.first_bad
        return ChainWords(
            f"Audit row {bad:,} does not verify".replace(",", " "),
            f"It {verdict.why.removeprefix('it ')}. {_before(bad)} What comes after it cannot be trusted.",
            Health.CRITICAL,
        )
    if ok is None:
        return ChainWords(
            "Not verified yet",
            f"{count_text(rows, 'row')}; nothing is known of the chain until it was walked.",
            Health.UNKNOWN,
        )
    if ok:
        return ChainWords(
            "The chain holds", f"{count_text(rows, 'row')}, verified {age_text(verified_s, now_s)}.", Health.OK
        )
    return ChainWords("The chain does not verify", "Verify it here to see the first bad row.", Health.CRITICAL)


def _before(bad: int) -> str:
    return f"Rows 1 to {bad - 1:,} verify.".replace(",", " ") if bad > 1 else "It is the first row."


def row_text(row: AuditRow) -> str:
    """Everything of one row, to copy."""
    lines = (
        f"row {row.seq}",
        f"time {moment_text(row.at_s)}",
        f"actor {row.actor}",
        f"action {row.action}",
        f"service {row.service}",
        f"operation {row.operation}",
        f"previous {row.previous}",
        f"hash {row.hash}",
        f"body {row.body}",
    )
    return "\n".join(lines)

"""`mlcontrol audit`: what it verifies, exports and tells, against a scripted engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlcontrol.core import audit as chain
from mlcontrol.core.audit import AuditRow, ChainVerdict
from mlcontrol.core.audit_export import Checkpoint
from mlcontrol.engine import messages as m


def chain_of(n: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for k in range(n):
        body = {"k": k, "text": 'ä"\u2028'}
        rows.append(
            chain.append(rows[-1] if rows else None, 1.8e9 + k / 3, "ann", "note.added", "digits", "", body, "5a" * k)
        )
    return rows  # the first as an older panel wrote it, without a salt


def exported(engine: Any, run: Callable[..., Any], n: int) -> str:
    rows = chain_of(n)

    def page(c: m.QueryAudit) -> m.AuditAnswer:
        older = [row for row in reversed(rows) if c.before is None or row.seq < c.before]
        return m.AuditAnswer(request=c.request, rows=tuple(older[: c.limit]), total=n)

    engine.answers[m.QueryAudit] = page
    engine.answers[m.QueryCheckpoints] = lambda c: m.CheckpointsAnswer(request=c.request, checkpoints=())
    ran = run("audit", "export")
    assert ran.code == 0
    return str(ran.out)


def test_audit_verify_tells_the_first_bad_row(engine: Any, run: Callable[..., Any]) -> None:
    verdict = ChainVerdict(False, 9, "ab", 7, "was changed after it was written")
    engine.answers[m.VerifyAudit] = lambda c: m.AuditVerified(request=c.request, verdict=verdict)
    ran = run("audit", "verify", "--format", "json")
    assert ran.code == 1
    assert ran.documents[0]["first_bad"] == 7
    engine.answers[m.VerifyAudit] = lambda c: m.AuditVerified(request=c.request, verdict=ChainVerdict(True, 9, "ab"))
    assert run("audit", "verify").code == 0


def test_an_export_is_whole_and_verifies_alone(engine: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(exported(engine, run, 1503))
    del engine.answers[m.QueryAudit]
    ran = run("audit", "verify", str(file), "--format", "json")
    assert ran.code == 0
    assert ran.documents[0]["rows"] == 1503
    assert run("audit", "verify", str(tmp_path / "nothing")).code == 3
    head = json.loads(file.read_text().splitlines()[1502])["hash"]
    assert run("audit", "verify", str(file), "--head", f"1503:{head}").code == 0
    assert run("audit", "verify", str(file), "--head", f"1504:{head}").code == 1
    assert run("audit", "verify", str(file), "--head", "newest").code == 3
    assert len(ran.documents[0]["remarks"]) == 2
    assert run("audit", "verify", str(file), "--public-key", "00" * 32).code == 1


def test_the_head_and_the_key_to_be_kept_elsewhere_are_told(engine: Any, run: Callable[..., Any]) -> None:
    newest = chain_of(3)[-1]
    point = Checkpoint(newest.seq, newest.hash, 1.9e9, "ab" * 32, "cd" * 64)
    engine.answers[m.QueryAudit] = lambda c: m.AuditAnswer(request=c.request, rows=(newest,), total=3)
    engine.answers[m.QueryCheckpoints] = lambda c: m.CheckpointsAnswer(request=c.request, checkpoints=(point,))
    ran = run("audit", "head")
    assert (ran.code, ran.out.split()) == (0, ["--head", f"3:{newest.hash}", "--public-key", "ab" * 32])
    engine.answers[m.QueryCheckpoints] = lambda c: m.CheckpointsAnswer(
        request=c.request, checkpoints=(replace(point, seq=2),)
    )
    ran = run("audit", "head", "--format", "json")
    assert (ran.code, ran.documents[0]["public_key"]) == (2, None)


def test_every_flipped_bit_of_an_export_is_found(engine: Any, run: Callable[..., Any]) -> None:
    from mlcontrol.cli.audit import verify_export

    text = exported(engine, run, 3).encode()
    assert verify_export(text).ok
    for at in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[at // 8] ^= 1 << (at % 8)
        assert not verify_export(bytes(flipped)).ok, (at, bytes(flipped))


def test_a_cut_export_is_found(engine: Any, run: Callable[..., Any]) -> None:
    from mlcontrol.cli.audit import verify_export

    lines = exported(engine, run, 4).encode().splitlines(keepends=True)
    for kept in range(len(lines)):
        assert not verify_export(b"".join(lines[:kept])).ok
    for dropped in range(len(lines)):
        assert not verify_export(b"".join(lines[:dropped] + lines[dropped + 1 :])).ok

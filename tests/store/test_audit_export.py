"""An export verifies alone, whatever is withheld; every single bit of it matters; checkpoints are signed and kept outside, too."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.secrets.signing_key import SigningKey
from mlcontrol.core import audit as chain
from mlcontrol.core.audit import AuditRow
from mlcontrol.core.audit_export import Checkpoint, export, is_redacted
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Health
from mlcontrol.gui.resources import resource
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.connection import Viability
from mlcontrol.ports.errors import NeedsCredentials, Unreachable
from mlcontrol.services import checkpoints as checkpoints_module
from mlcontrol.services.checkpoints import Checkpoints
from mlcontrol.store.store import Store

VERIFIER = resource("audit", "verify_audit.py")
alone = runpy.run_path(str(VERIFIER))


def chain_of(n: int, body: dict[str, Any] | None = None) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for k in range(n):
        facts = {"reason": "errors ä\u202e", "to": "2"} if body is None else body
        previous = rows[-1] if rows else None
        rows.append(chain.append(previous, 1.8e9 + k / 3, "ann", "deploy.intent", "digits", "o", facts, f"{k:032x}"))
    return rows


def text_of(
    rows: list[AuditRow], withhold: tuple[str, ...] = (), points: tuple[Checkpoint, ...] = (), redacted: bool = False
) -> bytes:
    return "".join(line + "\n" for line in export(rows, points, withhold, redacted)).encode()


def test_a_flipped_bit_anywhere_in_six_thousand_rows_is_found() -> None:
    """Fault 49.

    Each flip meets the check that the verifier makes of each line first; a newline that comes or goes makes other lines."""
    whole = alone["line_is_whole"]
    lines = text_of(chain_of(6000, {})).splitlines(keepends=True)
    assert len(lines) == 6001
    link, flips = chain.GENESIS.encode(), 0
    for i, line in enumerate(lines):
        assert whole(line[:-1], link)
        after = lines[i + 1] if i < 6000 else b""
        # Every bit of every 500th row; of the others one bit of every eighth byte, others in the next row.
        whole_row = i % 500 == 0
        bits = range(8) if whole_row else (i % 8,)
        for at in range(len(line)) if whole_row else range(i // 8 % 8, len(line), 8):
            for bit in bits:
                flipped = bytearray(line)
                flipped[at] ^= 1 << bit
                seen = (
                    flipped[:-1] if flipped[-1] == 10 and flipped.count(10) == 1 else (flipped + after).split(b"\n")[0]
                )
                if whole(seen, link):
                    pytest.fail(f"row {i + 1}, byte {at}, bit {bit}")
                flips += 1
        link = line[-67:-3]
    assert flips > 6000 * 40


@pytest.mark.parametrize("redacted", [False, True], ids=["whole", "redacted"])
def test_every_flipped_bit_of_a_small_export_names_its_row(redacted: bool) -> None:
    text = text_of(chain_of(3), redacted=redacted)
    ends = [at for at, byte in enumerate(text) if byte == 10]
    for at in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[at // 8] ^= 1 << (at % 8)
        verdict = alone["verify"](bytes(flipped))
        assert not verdict["ok"], at
        row = sum(end < at // 8 for end in ends) + 1
        assert verdict["first_bad"] == row, (at, verdict)


def parsed(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_redacted_export_keeps_its_chain_and_says_nothing_of_what_it_withholds() -> None:
    text = text_of(chain_of(40), redacted=True)
    assert alone["verify"](text)["ok"]
    assert b"ann" not in text
    assert b"errors" not in text
    assert chain.SALT.encode() not in text
    # Equal words do not look equal: a guess cannot be tried against the digest without the field's salt.
    digests = {row["fields"]["body.reason"]["digest"] for row in parsed(text)[:-1]}
    assert len(digests) == 40


def test_a_cut_export_and_an_old_one_are_found() -> None:
    rows = chain_of(9)
    lines = text_of(rows).splitlines(keepends=True)
    for kept in range(len(lines)):
        assert alone["verify"](b"".join(lines[:kept]))["first_bad"] == kept + 1
    restored = text_of(rows[:6])  # complete in itself: only a head written down elsewhere tells
    assert alone["verify"](restored)["ok"]
    verdict = alone["verify"](restored, (9, rows[8].hash))
    assert (verdict["ok"], verdict["first_bad"]) == (False, 7)


NAMED = "zoe.q"
BODIES: dict[str, dict[str, Any]] = {
    "deploy.intent": {
        "from": "1",
        "to": "2",
        "reason": NAMED,
        "warnings": [NAMED],
        "moves": [{"part": {"command": NAMED}}],
    },
    "deploy.step": {"step": "load", "state": "done", "phase": "running", "detail": NAMED},
    "deploy.outcome": {"phase": "failed", "summary": NAMED, "problem": {"what": NAMED, "why": "", "next": ""}},
    "deploy.glass-broken": {"plan_hash": "sha256:0", "reason": "x", "against": f"frozen by {NAMED}"},
    "deploy.rule-overridden": {"rule": "I1", "reason": "x", "against": NAMED, "may_override": [NAMED]},
    "quarantine.lifted": {"version": "2", "was": NAMED, "reason": "x"},
    "incident.declared": {"text": NAMED, "alert": NAMED, "number": "1", "detected_s": "5.0"},
    "incident.handed-over": {"text": "x", "to": NAMED},
    "incident.role": {"text": "", "role": "lead", "person": NAMED},
    "connection.saved": {"id": "m", "username": NAMED, "options": {"note": NAMED}, "url": f"https://{NAMED}.example"},
    "notify.saved": {"id": "mail", "to": [f"{NAMED}@example.org"], "url": NAMED},
    "freeze.added": {"id": "f", "reason": NAMED, "labels": {"team": NAMED}},
    "alert.silenced": {"reason": NAMED, "until_s": 5.0, "labels": {"owner": NAMED}},
    "something.new": {"whoever": NAMED},
}


def test_no_action_of_the_panel_puts_a_person_or_their_words_into_a_redacted_export() -> None:
    rows: list[AuditRow] = []
    for k, (action, body) in enumerate(BODIES.items()):
        previous = rows[-1] if rows else None
        rows.append(chain.append(previous, 1.8e9 + k, NAMED, action, "digits", "o", body, f"{k:032x}"))
    text = text_of(rows, redacted=True)
    verdict = alone["verify"](text)
    assert verdict["ok"], verdict
    assert NAMED.encode() not in text
    first, *_rest, end = parsed(text)
    shown = {name: field["value"] for name, field in first["fields"].items() if "value" in field}
    assert shown == {"action": "deploy.intent", "service": "digits", "operation": "o", "body.from": "1", "body.to": "2"}
    assert {"actor", "body.person", "body.whoever"} <= set(end["withheld"])
    assert NAMED.encode() in text_of(rows)


def test_twin_a_list_of_what_is_withheld_would_forget_what_comes_later() -> None:
    assert is_redacted("something.new", "body.whoever")
    assert is_redacted("incident.handed-over", "body.to")
    assert not is_redacted("rollback.intent", "body.to")


class NoKeyring:
    """Stands for a session without one."""

    def viability(self) -> Viability:
        return Viability(False, "no D-Bus session")


class InMemory:
    """A keyring that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def viability(self) -> Viability:
        return Viability(True)

    def get(self, workspace: str, connection: str, deadline_s: float = 10.0) -> str | None:
        return self.kept.get((workspace, connection))

    def set(self, workspace: str, connection: str, secret: str, deadline_s: float = 30.0) -> None:
        self.kept[workspace, connection] = secret

    def delete(self, workspace: str, connection: str, deadline_s: float = 10.0) -> None:
        del self.kept[workspace, connection]


class World:
    """As much of a service context as checkpoints need; the store is real."""

    view_only = ""

    def __init__(self, place: Path) -> None:
        self.clock = SystemClock()
        self.store = Store.open("sqlite:///panel.db", place, self.clock, place / "heads")
        self.told: list[Any] = []

    def emit(self, *facts: Any) -> None:
        self.told += facts


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for n in range(5):
        made.store.audit.append("ann", "note.added", {"n": n})
    yield made
    made.store.close()


def test_checkpoints_are_signed_kept_outside_and_verified(world: World, tmp_path: Path) -> None:
    keyring = InMemory()
    points = Checkpoints(world, SigningKey("w", keyring, tmp_path))  # type: ignore[arg-type]
    first = points.sign()
    assert first is not None
    assert points.sign() is None  # the newest row has one
    assert points.judged(world.store.audit.verify()).ok
    assert [event.title for event in world.told] == ["A key to sign the audit log was made"]
    assert list(tmp_path.glob("audit-signing*")) == []
    again = SigningKey("w", keyring, tmp_path)
    assert again.load() == "in the keyring"
    assert again.public_key == first.public_key

    text = text_of(list(world.store.audit.all()), (), world.store.audit.checkpoints())
    ran = run_alone(tmp_path, text, "--public-key", first.public_key)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    other = "00" * 32
    assert run_alone(tmp_path, text, "--public-key", other).returncode == 1


def test_a_forged_signature_is_found_here_and_outside(world: World, tmp_path: Path) -> None:
    from mlcontrol.store.tables.records import checkpoints as table

    points = Checkpoints(world, SigningKey("w", InMemory(), tmp_path))  # type: ignore[arg-type]
    point = points.sign()
    assert point is not None
    with world.store.audit._db.write() as connection:
        connection.execute(table.update().values(at_s=1.0))
    verdict = points.judged(world.store.audit.verify())
    assert (verdict.ok, verdict.first_bad) == (False, 5)
    text = text_of(list(world.store.audit.all()), (), world.store.audit.checkpoints())
    assert alone["verify"](text)["first_bad"] == 5


def test_a_lost_store_does_not_lose_the_last_checkpoint(world: World, tmp_path: Path) -> None:
    points = Checkpoints(world, SigningKey("w", InMemory(), tmp_path))  # type: ignore[arg-type]
    shutil.copy(tmp_path / "panel.db", tmp_path / "backup.db")
    world.store.audit.append("ann", "note.added", {"n": "late"})
    assert points.sign() is not None
    world.store.close()
    shutil.copy(tmp_path / "backup.db", tmp_path / "panel.db")
    for leftover in tmp_path.glob("panel.db-*"):
        leftover.unlink()
    (next((tmp_path / "heads").glob("*.head"))).unlink()  # even without the head
    back = World(tmp_path)
    try:
        assert back.store.audit.verify().ok is False
    finally:
        back.store.close()


def test_without_a_keyring_the_key_is_a_private_file_and_that_is_said(world: World, tmp_path: Path) -> None:
    key = partial(SigningKey, "w", NoKeyring(), tmp_path / "state")  # type: ignore[arg-type]
    points = Checkpoints(world, key())  # type: ignore[arg-type]
    assert points.sign() is not None
    (told,) = world.told
    assert "because there is no keyring" in told.detail
    (file,) = (tmp_path / "state").iterdir()
    assert "without-a-keyring" in file.name
    assert file.stat().st_mode & 0o777 == 0o600
    assert key().load().startswith("in the file")
    file.chmod(0o644)
    with pytest.raises(NeedsCredentials):
        key().load()


def test_evidence_is_named_by_what_it_is(world: World) -> None:
    from mlcontrol.store.tables.records import evidence as table

    name = world.store.audit.put_evidence({"rule": "I1", "verdict": "block"})
    assert world.store.audit.put_evidence({"verdict": "block", "rule": "I1"}) == name
    assert world.store.audit.evidence(name) == {"rule": "I1", "verdict": "block"}
    with world.store.audit._db.write() as connection:
        connection.execute(table.update().values(body='{"rule":"I1","verdict":"pass"}'))
    assert world.store.audit.evidence(name) is None


def run_alone(place: Path, text: bytes, *words: str) -> subprocess.CompletedProcess[str]:
    """As an auditor would: a copy of the one file, in an empty folder, by a Python that knows nothing of this project."""
    bare = place / "auditor"
    bare.mkdir(exist_ok=True)
    shutil.copy(VERIFIER, bare)
    (bare / "export.jsonl").write_bytes(text)
    return subprocess.run(
        [sys.executable, "-I", "verify_audit.py", "export.jsonl", *words], cwd=bare, capture_output=True, text=True
    )


def test_the_verifier_needs_nothing_but_python() -> None:
    import ast

    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(VERIFIER.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_running_engine_walks_the_chain_by_itself(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "FIRST_S", 0.0)
    points = Checkpoints(world, SigningKey("w", InMemory(), tmp_path))  # type: ignore[arg-type]
    walked = threading.Event()

    def verify() -> None:
        walked.set()
        raise Unreachable(Problem("The store is away."))

    points.start(verify)
    try:
        assert walked.wait(30)
    finally:
        points.close()
    assert world.told[-1].title == "The audit log could not be verified"
    assert world.told[-1].severity is Health.UNKNOWN

"""The head of the audit chain outside the store: overwritten in its place, whole for whoever reads it meanwhile."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from mlcontrol.store.audit_head import SIZE, AuditHead


def keep(head: AuditHead, seq: int, found: str) -> None:
    with head.changing() as file:
        file.read()
        file.write(seq, found)


def test_what_was_kept_last_is_read_also_by_another(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "new" / "a.head")
    assert head.kept() is None
    for seq in (9, 10, 2**60):
        keep(head, seq, "f" * 64)
        assert AuditHead(head.path).kept() == (seq, "f" * 64)
    assert head.path.stat().st_size == SIZE
    assert head.path.stat().st_mode & 0o777 == 0o600


def test_it_stays_the_same_file(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "a.head")
    keep(head, 1, "a" * 64)
    first = head.path.stat().st_ino
    keep(head, 2, "b" * 64)
    assert head.path.stat().st_ino == first
    assert [path.name for path in tmp_path.iterdir()] == ["a.head"]


def test_a_head_of_an_older_program_is_read_and_written_over(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "a.head")
    head.path.write_text(json.dumps({"seq": 41, "hash": "c" * 64}))
    assert head.kept() == (41, "c" * 64)
    keep(head, 42, "d" * 64)
    assert head.kept() == (42, "d" * 64)


def test_nothing_is_left_of_what_was_longer(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "a.head")
    head.path.write_text("x" * 5000)
    assert head.kept() is None
    keep(head, 1, "a" * 64)
    assert head.kept() == (1, "a" * 64)


def test_a_reader_sees_one_head_or_the_next_and_never_half_of_each(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "a.head")
    keep(head, 1, "1" * 64)
    ended = threading.Event()

    def write() -> None:
        seq = 1
        while not ended.is_set():
            seq += 1
            keep(head, seq, f"{seq % 10}" * 64)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {AuditHead(head.path).kept() for _ in range(2000)}
    finally:
        ended.set()
        writer.join(30)
    assert None not in seen
    assert all(kept is not None and kept[1] == f"{kept[0] % 10}" * 64 for kept in seen)

"""The head of the audit chain outside the store: overwritten in its place, whole for whoever reads it meanwhile."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from pathlib import Path

import pytest

from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.audit_head import SIZE, AuditHead, HeadUnreadableError
from mlcontrol.store.store import Store


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
    with pytest.raises(HeadUnreadableError):
        head.kept()
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


@pytest.mark.parametrize("left", [b"", b"\0" * SIZE], ids=["made and not written", "its content went with the power"])
def test_a_head_whose_writer_died_before_it_wrote_is_none_and_is_written_next_time(tmp_path: Path, left: bytes) -> None:
    head = AuditHead(tmp_path / "a.head")
    head.path.write_bytes(left)
    assert head.kept() is None
    keep(head, 1, "a" * 64)
    assert head.kept() == (1, "a" * 64)


def test_a_writer_that_dies_before_it_cuts_what_was_longer_leaves_a_whole_head(tmp_path: Path) -> None:
    head = AuditHead(tmp_path / "a.head")
    keep(head, 7, "7" * 64)
    head.path.write_bytes(head.path.read_bytes() + b"x" * 300)
    assert head.kept() == (7, "7" * 64)


@pytest.mark.parametrize("torn", range(1, SIZE, 9))
def test_half_a_head_is_never_taken_for_one_nor_for_none(tmp_path: Path, torn: int) -> None:
    """The kernel's page is written as a whole; a file that was copied or restored need not be."""
    head = AuditHead(tmp_path / "a.head")
    keep(head, 12, "c" * 64)
    whole = head.path.read_bytes()
    head.path.write_bytes(whole[:torn])
    if torn < len(whole.rstrip()):
        with pytest.raises(HeadUnreadableError):
            head.kept()
    else:
        assert head.kept() == (12, "c" * 64)


def opened(place: Path) -> Store:
    return Store.open("sqlite:///panel.db", place, SystemClock(), place / "heads")


def test_a_head_that_cannot_be_read_is_no_verified_log(tmp_path: Path) -> None:
    store = opened(tmp_path)
    try:
        store.audit.append("ann", "note.added", {})
        assert store.audit.verify().ok
        (path,) = (tmp_path / "heads").glob("*.head")
        path.write_text("no head")
        verdict = store.audit.verify()
        assert (verdict.ok, verdict.rows, verdict.first_bad) == (False, 1, None)
        assert str(path) in verdict.why
        path.unlink()
        assert store.audit.verify().ok, "twin: who wrote it remembers it"
        assert not opened(tmp_path).audit.verify().ok
    finally:
        store.close()


def test_a_process_that_was_stopped_with_the_lock_keeps_nobody_from_the_journal(tmp_path: Path) -> None:
    store = opened(tmp_path)
    try:
        store.audit.append("ann", "note.added", {"n": 1})
        (path,) = (tmp_path / "heads").glob("*.head")
        with path.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = threading.Event()

            def add() -> None:
                store.audit.append("bob", "note.added", {"n": 2})
                done.set()

            started = time.monotonic()
            adding = threading.Thread(target=add)
            adding.start()
            assert done.wait(30.0), "twin: a lock that is waited for without an end"
            adding.join()
            assert time.monotonic() - started < 20.0
            assert store.audit.count() == 2
        assert store.audit.verify().ok, "an older head still fits"
        store.audit.append("ann", "note.added", {"n": 3})
        assert AuditHead(path).kept() == (3, store.audit.rows(None, 1)[0].hash)
    finally:
        store.close()

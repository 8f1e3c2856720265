"""A disk that fails, fills up, turns read-only or lies: what was acknowledged is there, what was not is said (rows 26 to 30)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.store import Store

APPENDS = """
import sys
from pathlib import Path
from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.database import StoreError
from mlcontrol.store.store import Store
place = Path(sys.argv[1])
store = Store.open("sqlite:///panel.db", place, SystemClock(), place / "heads")
for n in range(int(sys.argv[2])):
    try:
        print("acknowledged", store.audit.append("ann", "a.b", {"text": "x" * int(sys.argv[3])}).seq, flush=True)
    except StoreError as error:
        print("refused", error.problem.why, "|", error.problem.next, flush=True)
store.close()
"""


BROKEN = """
from types import SimpleNamespace
from mlcontrol.store import audit_log, database, store as whole
honest = audit_log.AuditLog.append
def append(self, *row):
    try:
        return honest(self, *row)
    except database.StoreError:
        return SimpleNamespace(seq=0)
audit_log.AuditLog.append = append
database._make_private = lambda path: None
whole.History = lambda path: SimpleNamespace(close=lambda: None)
"""
"""Put before `APPENDS`: a store that takes an error of the disk for success."""


def append_in(place: Path, count: int, size: int, *before: str, broken: bool = False) -> list[str]:
    """A process of its own appends; its words. ``before``: what it runs under. ``broken``: the twin's store."""
    program = (BROKEN if broken else "") + APPENDS
    command = [*before, sys.executable, "-c", program, str(place), str(count), str(size)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def holds(place: Path) -> int:
    """How many rows there are; the chain holds."""
    store = Store.open("sqlite:///panel.db", place, SystemClock(), place / "heads")
    try:
        verdict = store.audit.verify()
        assert verdict.ok, verdict.why
        return verdict.rows
    finally:
        store.close()


def acknowledged(words: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in words if line.startswith("acknowledged")]


@pytest.mark.real
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", ["fdatasync,fsync", "pwrite64"])
def test_an_error_of_the_disk_refuses_the_row_and_never_turns_into_success(tmp_path: Path, call: str) -> None:
    """Fault 26. It comes once, in the middle: that row is refused and not tried again on pages that the kernel calls clean."""
    store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    quiet = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(tmp_path / "panel.db-wal")]
    # While another holds the store, its log is long enough: what the process writes into it are its rows.
    words = append_in(tmp_path, 12, 200, *quiet, "-e", f"inject={call}:error=EIO:when=9")
    store.close()
    refused = [line for line in words if line.startswith("refused")]
    assert len(refused) >= 1, words
    # A refused row is not there, and the numbers go on without a hole.
    assert acknowledged(words) == list(range(1, 13 - len(refused)))
    assert holds(tmp_path) == 12 - len(refused)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_twin_a_store_that_swallows_the_error_acknowledges_what_is_not_there(tmp_path: Path) -> None:
    store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    quiet = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(tmp_path / "panel.db-wal")]
    words = append_in(tmp_path, 12, 200, *quiet, "-e", "inject=pwrite64:error=EIO:when=9", broken=True)
    store.close()
    assert len(acknowledged(words)) == 12 > holds(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes of this test's own."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_commits_write_into_room_that_the_log_already_has(tmp_path: Path) -> None:
    """A file that grows with every commit makes each of them wait for the file system's journal, too."""
    store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    log = tmp_path / "panel.db-wal"
    try:
        before, size = log.stat().st_size, (tmp_path / "panel.db").stat().st_size
        for n in range(30):
            store.audit.append("ann", "a.b", {"n": n})
        assert log.stat().st_size == before > 3_000_000
        assert (tmp_path / "panel.db").stat().st_size == size, "the room is no part of the store"
        assert holds(tmp_path) == 30  # another finds the rows, and nothing of what only made room
    finally:
        store.close()


def test_a_full_file_system_refuses_and_loses_nothing(small_disk: Path) -> None:
    """Fault 27."""
    words = append_in(small_disk, 60, 60_000)
    refused = [line for line in words if line.startswith("refused")]
    assert refused
    assert "Free space" in refused[0] or "full" in refused[0]
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert holds(small_disk) == len(acknowledged(words))
    assert len(append_in(small_disk, 1, 10)) == 1  # with room again it goes on


def test_twin_on_a_full_disk_a_store_that_swallows_the_error_acknowledges_what_is_not_there(small_disk: Path) -> None:
    words = append_in(small_disk, 60, 60_000, broken=True)
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert len(acknowledged(words)) == 60 > holds(small_disk)


def test_a_file_system_that_turned_read_only_is_said_and_what_was_written_is_there(small_disk: Path) -> None:
    """Fault 28."""
    before = append_in(small_disk, 3, 10)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        command = [sys.executable, "-c", APPENDS, str(small_disk), "1", "10"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "acknowledged" not in ran.stdout
        assert "Read-only" in ran.stderr or "readonly" in ran.stdout or "read-only" in ran.stderr.lower()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert holds(small_disk) == len(acknowledged(before)) == 3


def test_twin_on_a_read_only_disk_a_store_that_swallows_the_error_acknowledges_what_is_not_there(
    small_disk: Path,
) -> None:
    # One that was killed leaves its log there: without it SQLite could not even be opened.
    killed = APPENDS.replace("store.close()", "import os; os._exit(0)")
    subprocess.run([sys.executable, "-c", killed, str(small_disk), "1", "10"], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        assert acknowledged(append_in(small_disk, 1, 10, broken=True)) == [0]
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert holds(small_disk) == 1


def test_a_page_that_rots_while_the_store_is_open_is_noticed_and_the_file_kept(tmp_path: Path) -> None:
    """Fault 29."""
    size = rotten(tmp_path)
    store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    try:
        verdict = store.audit.verify()
    finally:
        store.close()
    assert (verdict.ok, verdict.first_bad) == (False, 20)
    assert (tmp_path / "panel.db").stat().st_size == size


def test_twin_without_the_chain_a_rotten_page_passes_for_sound(tmp_path: Path) -> None:
    rotten(tmp_path)
    with closing(sqlite3.connect(tmp_path / "panel.db")) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("select count(*) from audit").fetchall() == [(40,)]


def rotten(place: Path) -> int:
    """A store of 40 rows, the 20th otherwise than it was written; the size of its file."""
    append_in(place, 40, 2000)
    with closing(sqlite3.connect(place / "panel.db", isolation_level=None)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        text = db.execute("select body from audit where seq = 20").fetchone()[0]
    raw = (place / "panel.db").read_bytes()
    at = raw.index(text.encode()[-50:])  # the row's own salt stands there
    with (place / "panel.db").open("r+b") as file:
        file.seek(at - 100)
        file.write(b"y" * 8)  # still sound as a database: only the chain can tell
    return len(raw)


def test_a_lost_end_of_the_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    """What a power cut does to a disk that lied about having written: the head outside tells that rows are missing."""
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDS + "\nimport time; time.sleep(600)", str(tmp_path), "0", "1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
        for n in range(6):
            store.audit.append("ann", "a.b", {"n": n, "text": "x" * 3000})
        wal = tmp_path / "panel.db-wal"
        copy = tmp_path / "after"
        copy.mkdir()
        shutil.copy(tmp_path / "panel.db", copy)
        raw = wal.read_bytes()
        (copy / "panel.db-wal").write_bytes(raw[: raw.rindex(b"x" * 3000) * 2 // 3])
        store.close()
    finally:
        child.kill()
        child.wait()
    lost = Store.open(f"sqlite:///{tmp_path / 'panel.db'}", tmp_path, SystemClock(), tmp_path / "heads")
    lost.close()
    shutil.copy(copy / "panel.db", tmp_path / "panel.db")
    shutil.copy(copy / "panel.db-wal", tmp_path / "panel.db-wal")
    (tmp_path / "panel.db-shm").unlink(missing_ok=True)
    again = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    try:
        verdict = again.audit.verify()
    finally:
        again.close()
    assert verdict.ok is False
    assert "tail was cut or a backup was restored" in verdict.why

"""What the store does with files it cannot trust, cannot write, or shares."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlcontrol.ports.clock import SystemClock
from mlcontrol.store import schema
from mlcontrol.store.database import StoreError
from mlcontrol.store.store import Store


def open_at(place: Path, url: str = "sqlite:///panel.db") -> Store:
    return Store.open(url, place, SystemClock(), place / "heads")


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "profile"
    store = open_at(place)
    store.audit.append("ann", "a.b", {})
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    shared = [path.name for path in place.glob("*.db*") if path.stat().st_mode & 0o077]
    assert shared == []
    store.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """Fault 25."""
    store = open_at(tmp_path)
    with store._database.write() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2  # FULL
    store.close()


def test_twin_without_full_synchronous_a_commit_would_not_wait(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    sa.event.listen(store._database._engine, "connect", lambda c, _record: c.execute("pragma synchronous = normal"))
    store._database._engine.dispose()
    with store._database.write() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() != 2
    store.close()


def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    """Fault 31."""
    open_at(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as db:
        db.execute("update schema_version set version = ?", (schema.SCHEMA_VERSION + 1,))
    before = (tmp_path / "panel.db").read_bytes()
    with pytest.raises(StoreError) as refused:
        open_at(tmp_path)
    assert "newer" in refused.value.problem.what
    assert str(schema.SCHEMA_VERSION + 1) in refused.value.problem.why
    assert (tmp_path / "panel.db").read_bytes() == before


def test_twin_without_the_check_a_newer_schema_would_be_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as db:
        db.execute("update schema_version set version = ?", (schema.SCHEMA_VERSION + 1,))
    monkeypatch.setattr("mlcontrol.store.database._check", lambda _database: None)
    store = open_at(tmp_path)
    assert store.audit.append("ann", "a.b", {}).seq == 1
    store.close()


@pytest.mark.parametrize("damage", [(0, b"\0" * 100), (4096, os.urandom(4096) * 4)])
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, damage: tuple[int, bytes]) -> None:
    store = open_at(tmp_path)
    for n in range(50):
        store.audit.append("ann", "a.b", {"n": n, "text": "x" * 500})
    store.close()
    with (tmp_path / "panel.db").open("r+b") as file:
        file.seek(damage[0])
        file.write(damage[1])
    before = (tmp_path / "panel.db").read_bytes()
    with pytest.raises(StoreError) as refused:
        open_at(tmp_path)
    assert "damaged" in refused.value.problem.what
    assert (tmp_path / "panel.db").read_bytes() == before


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
    limited = sa.event.listens_for(store._database._engine, "checkout")
    limited(lambda connection, *_: connection.execute(f"pragma max_page_count={pages + 12}"))
    acknowledged = 0
    with pytest.raises(StoreError) as refused:  # noqa: PT012 - which append fails is the disk's choice
        while acknowledged < 1000:
            store.audit.append("ann", "a.b", {"text": "x" * 2000})
            acknowledged += 1
    assert "full" in refused.value.problem.why
    assert "Free space" in refused.value.problem.next
    assert 0 < acknowledged < 1000
    store.close()
    again = open_at(tmp_path)
    assert (again.audit.count(), again.audit.verify().ok) == (acknowledged, True)
    again.close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "panel.db").mkdir()
    with pytest.raises(StoreError) as refused:
        open_at(tmp_path)
    assert "cannot be written" in refused.value.problem.what


def test_a_writer_elsewhere_is_waited_for_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 30."""
    monkeypatch.setattr("mlcontrol.store.database.BUSY_TIMEOUT_S", 0.1)
    store = open_at(tmp_path)
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError) as refused:
            store.audit.append("ann", "a.b", {})
        assert "Another program holds it" in refused.value.problem.next
        other.execute("rollback")
    assert store.audit.append("ann", "a.b", {}).seq == 1
    store.close()


def held_for_a_moment(place: Path, store: Store) -> int:
    """Another program writes and ends after a while; the number of the row that is appended meanwhile."""
    with closing(sqlite3.connect(place / "panel.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("begin immediate")
        end = threading.Timer(0.5, other.execute, ("rollback",))
        end.start()
        try:
            return store.audit.append("ann", "a.b", {}).seq
        finally:
            end.join()


def test_a_writer_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    """Fault 30."""
    store = open_at(tmp_path)
    assert held_for_a_moment(tmp_path, store) == 1
    store.close()


def test_twin_without_the_patience_a_writer_of_a_moment_would_refuse_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.store.database.BUSY_TIMEOUT_S", 0.0)
    store = open_at(tmp_path)
    with pytest.raises(StoreError):
        held_for_a_moment(tmp_path, store)
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "postgresql+psycopg://ann:hidden@127.0.0.1:1/panel"])
def test_an_address_that_leads_nowhere_is_said_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError) as refused:
        open_at(tmp_path, url)
    assert "hidden" not in str(refused.value.problem)


@pytest.mark.real
def test_a_restarted_postgresql_is_reached_again(postgres, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    store = open_at(tmp_path, postgres.new_database())
    store.audit.append("ann", "a.b", {})
    postgres.stop()
    try:
        with pytest.raises(StoreError):
            store.audit.append("ann", "lost.row", {})
    finally:
        postgres.start()
    store.audit.append("ann", "a.b", {})
    assert [row.action for row in store.audit.rows(None, 9)] == ["a.b", "a.b"]
    assert store.audit.verify().ok
    store.close()


def opened_at_once(url: str, place: Path, how_many: int) -> None:
    """Raises what opening raised in one of them."""
    gate = threading.Barrier(how_many)

    def one(number: int) -> None:
        (place / str(number)).mkdir(parents=True)
        gate.wait(30)
        open_at(place / str(number), url).close()

    with ThreadPoolExecutor(how_many) as pool:
        list(pool.map(one, range(how_many)))


@pytest.mark.real
def test_engines_that_start_at_once_on_a_new_postgresql_make_it_once(postgres, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    opened_at_once(postgres.new_database(), tmp_path, 8)


@pytest.mark.real
def test_twin_without_the_lock_they_get_in_each_others_way(  # type: ignore[no-untyped-def]
    postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "alone", lambda _connection: None)

    def again_and_again() -> None:
        for number in range(20):
            opened_at_once(postgres.new_database(), tmp_path / str(number), 8)

    with pytest.raises(StoreError, match="duplicate key"):
        again_and_again()


@pytest.mark.real
def test_a_read_only_postgresql_says_so(postgres, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    url = postgres.new_database()
    store = open_at(tmp_path, url)
    with store._database.write() as connection:
        connection.exec_driver_sql(f"alter database {url.rpartition('/')[2]} set default_transaction_read_only = on")
    store._database._engine.dispose()
    with pytest.raises(StoreError) as refused:
        store.audit.append("ann", "a.b", {})
    assert "read-only" in refused.value.problem.why
    store.close()


def test_a_store_of_an_older_version_gains_what_is_new_and_keeps_what_it_holds(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "panel.db")) as db:
        db.execute("insert into known_good values ('digits', '7', 1.0)")
        db.execute("drop table quarantine")
        db.execute("update schema_version set version = 1")
        db.commit()
    open_at(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "panel.db")) as db:
        assert db.execute("select version from schema_version").fetchall() == [(schema.SCHEMA_VERSION,)]
        assert db.execute("select version from known_good").fetchall() == [("7",)]
        assert db.execute("select count(*) from quarantine").fetchall() == [(0,)]

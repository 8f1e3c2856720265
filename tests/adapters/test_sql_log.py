"""The prediction log in a SQL table: the same rows as in the JSON Lines log, in a SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mlcontrol.adapters.predictions import sql_table
from mlcontrol.adapters.predictions.sql_table import SqlTableLog
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, Denied, NotFound, Rejected, TimedOut, Unexpected, Unreachable
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.predictions import DEADLINE_S
from mlcontrol.testing.fault_proxy import Fault, FaultProxy
from tests.adapters.digits_log import SPAN, START_S, DigitsContract, assert_same, folder, prediction as entry
from tests.store.conftest import PostgresServer, postgres

__all__ = ["folder", "postgres"]

TEXT = """
create table predictions(request_id text, time text, service text, version text, inputs text, outputs text, slices text,
    status integer, error text, latency_ms real);
create table labels(request_id text, time text, label text);
create table feedback(request_id text, time text, kind text, value text);
"""
NATIVE = """
create table predictions(id bigserial, request_id text, created_at timestamptz, service text, model_version text, inputs jsonb,
    outputs jsonb, slices jsonb, status integer, error text, latency_ms double precision);
create table labels(request_id text, created_at timestamp, label jsonb);
create table feedback(request_id text, created_at timestamptz, kind text, value jsonb);
"""
OPTIONS = {"table": "predictions", "labels": "labels", "feedback": "feedback"}
RENAMED = OPTIONS | {"table": "public.predictions", "order": "id", "columns": "time=created_at, version=model_version"}
_INSERT = "insert into predictions({}) values ({})"


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in sorted((folder / kind / "digits").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]


class Lite:
    """A SQLite file that somebody writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with sqlite3.connect(path) as db:
            db.executescript(TEXT)

    def predict(self, *rows: dict[str, Any]) -> None:
        with sqlite3.connect(self.path) as db:
            for row in rows:
                kept = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items() if k != "model"}
                db.execute(_INSERT.format(", ".join(kept), ", ".join("?" * len(kept))), list(kept.values()))

    def label(self, request_id: str, at_s: float, label: Any) -> None:
        with sqlite3.connect(self.path) as db:
            moment = datetime.fromtimestamp(at_s, UTC).isoformat()
            db.execute("insert into labels values (?, ?, ?)", (request_id, moment, json.dumps(label)))

    def log(self, **changes: Any) -> SqlTableLog:
        settings = ConnectionSettings(
            "log", ConnectionKind.PREDICTIONS, "sql", f"sqlite:///{self.path}", options=OPTIONS
        )
        return SqlTableLog(replace(settings, **changes), no_secret)


@pytest.fixture
def lite(folder: Path, tmp_path: Path) -> Lite:
    made = Lite(tmp_path / "log.db")
    made.predict(*lines(folder, "predictions"))
    for number, row in enumerate(lines(folder, "labels")):
        made.label(row["request_id"], START_S + 30 * number, row["label"])
    return made


@pytest.fixture
def log(lite: Lite) -> Iterator[SqlTableLog]:
    made = lite.log()
    yield made
    made.close()


class Same(DigitsContract):
    def test_its_answers_are_those_of_the_same_log_as_files(self, adapter: SqlTableLog, folder: Path) -> None:
        assert_same(adapter, folder)


class TestSqlite(Same):
    @pytest.fixture
    def adapter(self, log: SqlTableLog) -> SqlTableLog:
        return log


@pytest.mark.real
class TestPostgres(Same):
    @pytest.fixture
    def adapter(self, postgres: PostgresServer, folder: Path) -> Iterator[SqlTableLog]:
        url = postgres.new_database()
        engine = sa.create_engine(url)
        with engine.begin() as c:
            c.exec_driver_sql(NATIVE)
            for row in lines(folder, "predictions"):
                kept = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items() if k != "model"}
                names = [{"time": "created_at", "version": "model_version"}.get(name, name) for name in kept]
                marks = ", ".join(f":{name}" for name in kept)
                c.execute(sa.text(_INSERT.format(", ".join(names), marks)), kept)
            for number, row in enumerate(lines(folder, "labels")):
                moment = datetime.fromtimestamp(START_S + 30 * number, UTC).replace(tzinfo=None)
                values = {"r": row["request_id"], "t": moment, "l": json.dumps(row["label"])}
                c.execute(sa.text("insert into labels values (:r, :t, :l)"), values)
        engine.dispose()
        made = SqlTableLog(
            ConnectionSettings("log", ConnectionKind.PREDICTIONS, "sql", url, options=RENAMED), no_secret
        )
        yield made
        made.close()

    def test_a_server_that_says_nothing_or_is_not_there(self, adapter: SqlTableLog) -> None:
        def probed(port: int) -> AdapterError:
            url = f"postgresql+psycopg://127.0.0.1:{port}/x"
            moved = SqlTableLog(replace(adapter.settings, url=url), no_secret)
            with pytest.raises(AdapterError) as caught:
                moved.probe(1.0)
            moved.close()
            assert caught.value.problem.next
            return caught.value

        with FaultProxy(b"") as proxy:
            proxy.fault = Fault.HANG
            assert isinstance(probed(proxy.port), TimedOut)
        assert isinstance(probed(proxy.port), Unreachable)

    def test_nothing_can_be_written_there(self, adapter: SqlTableLog) -> None:
        with pytest.raises(AdapterError, match="read-only"), adapter._reading(DEADLINE_S) as connection:
            connection.exec_driver_sql("delete from predictions")
        assert adapter.shares("digits", *SPAN, deadline_s=DEADLINE_S)

    def test_a_question_that_takes_too_long_ends(self, adapter: SqlTableLog) -> None:
        with pytest.raises(TimedOut), adapter._reading(0.2) as connection:
            connection.exec_driver_sql("select pg_sleep(20)")
        assert adapter.probe(DEADLINE_S).server.startswith("PostgreSQL")

    def test_it_comes_back_when_the_server_was_restarted(self, adapter: SqlTableLog, postgres: PostgresServer) -> None:
        before = adapter.shares("digits", *SPAN, deadline_s=DEADLINE_S)
        postgres.stop()
        with pytest.raises(Unreachable):
            adapter.shares("digits", *SPAN, deadline_s=DEADLINE_S)
        postgres.start()
        assert adapter.shares("digits", *SPAN, deadline_s=DEADLINE_S) == before


def test_only_what_is_new_is_read_and_a_late_commit_is_not_missed(
    lite: Lite, log: SqlTableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    feed = log._feeds["log"]
    pages = feed.pages

    def counting(*asked: Any) -> Iterator[Any]:
        for page in pages(*asked):
            read.append(len(page))
            yield page

    monkeypatch.setattr(feed, "pages", counting)
    until_s = SPAN[1] + 600
    assert sum(s.answered for s in log.shares("digits", SPAN[0], until_s, deadline_s=DEADLINE_S)) == 120
    assert read == [150], "the 30 that the panel asked itself are in the table, and nowhere else"
    read.clear()
    lite.predict(
        entry(500, SPAN[1] + 1.0), entry(501, SPAN[1] - 55.0)
    )  # the second took its time before and commits after
    assert sum(s.answered for s in log.shares("digits", SPAN[0], until_s, deadline_s=DEADLINE_S)) == 122
    assert sum(read) < 10
    assert (
        sum(s.answered for s in log.shares("digits", SPAN[0], until_s, deadline_s=DEADLINE_S)) == 122
    )  # what is read again counts once


def test_an_earlier_span_is_fetched_when_it_is_asked_for(log: SqlTableLog) -> None:
    middle = (SPAN[0] + SPAN[1]) / 2
    assert sum(s.answered for s in log.shares("digits", middle, SPAN[1], deadline_s=DEADLINE_S)) == 60
    assert sum(s.answered for s in log.shares("digits", *SPAN, deadline_s=DEADLINE_S)) == 120
    assert sum(s.answered for s in log.shares("digits", middle, SPAN[1], deadline_s=DEADLINE_S)) == 60


def test_a_corrected_label_counts_whichever_is_read_first(lite: Lite, log: SqlTableLog) -> None:
    """r1 is right (1), was first labelled 5 more than an hour before; r3's labels came at one moment and say different things."""
    lite.label("r1", START_S - 4000.0, 5)
    lite.label("r3", START_S + 60.0, 3)
    lite.label("r3", START_S + 60.0, 4)

    def counted() -> list[tuple[str, str | None, bool]]:
        rows = log.sample("digits", 999, 1, *SPAN)
        return sorted((p.request_id, p.label, p.contradicted) for p in rows if p.request_id in ("r1", "r3"))

    assert counted()[0] == ("r1", "1", False)  # of that span alone nothing contradicts it
    log.shares("digits", START_S - 7200.0, SPAN[1])
    log.quality("digits", "digit", START_S - 7200.0, SPAN[1], 60.0, False)  # the earlier label is read, later
    assert counted() == [("r1", "1", True), ("r3", None, True)]


def test_two_versions_that_answered_one_request_are_both_known_whichever_is_read_first(
    lite: Lite, log: SqlTableLog
) -> None:
    """A shadow's row had taken the place of the other one's."""
    lite.predict(entry(500, START_S + 1.0, version="1"))
    until_s = SPAN[1] + 600
    before = {s.version: s.answered for s in log.shares("digits", SPAN[0], until_s)}
    lite.predict(entry(500, SPAN[1] + 2.0, version="2"))
    assert {s.version: s.answered for s in log.shares("digits", SPAN[0], until_s)} == before | {"2": before["2"] + 1}


def test_a_label_that_is_dated_before_its_answer_is_found(lite: Lite, log: SqlTableLog) -> None:
    at_s = SPAN[1] + 100.0
    lite.predict(entry(500, at_s, version="1", outputs={"digit": 7}))
    lite.label("r500", at_s - 60.0, 7)
    (bucket,) = log.quality("digits", "digit", at_s - 1.0, at_s + 900.0, 3600.0, False)
    assert (bucket.served, bucket.n, bucket.correct) == (1, 1, 1)


def test_a_table_with_the_needed_columns_alone_can_be_sampled(tmp_path: Path) -> None:
    path = tmp_path / "bare.db"
    with sqlite3.connect(path) as db:
        db.execute("create table predictions(request_id text, time real, outputs text)")
        db.executemany("insert into predictions values (?, ?, ?)", [("a", START_S, '{"y": 1}'), ("b", START_S, None)])
    log = SqlTableLog(
        ConnectionSettings(
            "log", ConnectionKind.PREDICTIONS, "sql", f"sqlite:///{path}", options={"table": "predictions"}
        ),
        no_secret,
    )
    assert [(s.version, s.answered) for s in log.shares("digits", *SPAN)] == [("", 2)]
    assert [(p.inputs, p.outputs, p.slices) for p in log.failures("digits", 9, *SPAN)] == []
    rows = log._ask(
        "digits", *SPAN, 5.0, "select inputs::varchar, outputs::varchar, slices::varchar from log order by request_id"
    )
    assert rows == [("{}", '{"y": 1}', "{}"), ("{}", "{}", "{}")]
    log.close()


def test_the_newest_rows_are_kept_and_a_span_beyond_them_is_not_answered_in_part(
    lite: Lite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, not fewer: a count of the newest part would pass for the count of the span."""
    monkeypatch.setattr(sql_table, "MOST_ROWS", 50)
    log = lite.log()
    newest = SPAN[1] - 39 * 30.0  # the panel's own rows are read, too, and then left out
    assert sum(s.answered for s in log.shares("digits", newest, SPAN[1], deadline_s=DEADLINE_S)) == 39
    with pytest.raises(Unexpected, match="not known for the whole span") as told:
        log.shares("digits", *SPAN, deadline_s=DEADLINE_S)
    assert "newest 50 rows are kept" in told.value.problem.why
    assert log._feeds["log"].full  # so that the older ones are not read at every question
    lite.predict(*(entry(900 + n, SPAN[1] - 20.0 + n / 10) for n in range(30)))
    assert sum(s.answered for s in log.shares("digits", SPAN[1] - 15 * 30.0, SPAN[1], deadline_s=DEADLINE_S)) > 30
    with pytest.raises(Unexpected):
        log.shares("digits", newest, SPAN[1], deadline_s=DEADLINE_S)
    log.close()


def test_a_huge_input_counts_and_stays_where_it_is(lite: Lite, log: SqlTableLog) -> None:
    lite.predict(entry(700, SPAN[1] - 1.0, inputs={"image": ["x" * 70_000]}))
    assert sum(s.answered for s in log.shares("digits", *SPAN, deadline_s=DEADLINE_S)) == 121
    found = {p.request_id: p.inputs for p in log.sample("digits", 200, 1, *SPAN, deadline_s=DEADLINE_S)}
    assert found["r700"] == "{}"


def test_times_with_a_space_and_as_seconds_are_understood(tmp_path: Path) -> None:
    for kind, written in (("text", "2026-03-29 00:40:00"), ("integer", START_S + 600)):
        path = tmp_path / f"{kind}.db"
        with sqlite3.connect(path) as db:
            db.execute(f"create table predictions(request_id text, time {kind}, outputs text)")
            db.execute("insert into predictions values ('a', ?, '{}')", (written,))
        log = Lite.log(type("P", (), {"path": path})(), options={"table": "predictions"})  # type: ignore[arg-type]
        assert sum(s.answered for s in log.shares("any", *SPAN, deadline_s=DEADLINE_S)) == 1
        assert sum(s.answered for s in log.shares("any", START_S + 601, SPAN[1], deadline_s=DEADLINE_S)) == 0
        log.close()


def test_what_is_wrong_is_said_in_words(lite: Lite, tmp_path: Path) -> None:
    for changes, kind, words in (
        ({"options": {"table": "nothing"}}, NotFound, "no table nothing"),
        ({"options": {"table": "predictions", "columns": "time=created_at"}}, NotFound, "no column created_at"),
        ({"options": {}}, Rejected, "names no table"),
        ({"url": f"sqlite:///{tmp_path}/none.db"}, NotFound, "no file"),
        ({"url": "mysql://127.0.0.1/x"}, Rejected, "no address of a database"),
        ({"url": "postgresql://a:b@127.0.0.1/x"}, Rejected, "holds a password"),
    ):
        log = lite.log(**changes)
        with pytest.raises(kind, match=words):
            log.probe(DEADLINE_S)
        log.close()


@pytest.mark.real
def test_a_wrong_password_is_denied_and_the_secret_is_the_connections(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        c.exec_driver_sql("drop role if exists reader")
        c.exec_driver_sql("create role reader login password 'right'")
        c.exec_driver_sql("create table predictions(request_id text, time timestamptz, outputs jsonb)")
        c.exec_driver_sql("grant select on predictions to reader")
    engine.dispose()
    postgres.ask_for_passwords_of("reader")
    base = ConnectionSettings(
        "log",
        ConnectionKind.PREDICTIONS,
        "sql",
        url.replace("panel@", ""),
        "basic",
        "reader",
        options={"table": "predictions"},
    )
    for secret, good in (("right", True), ("wrong", False)):
        log = SqlTableLog(base, lambda secret=secret: secret)  # type: ignore[misc]
        if good:
            assert log.shares("any", *SPAN, deadline_s=DEADLINE_S) == ()
        else:
            with pytest.raises(Denied) as caught:
                log.probe(DEADLINE_S)
            assert "wrong" not in str(caught.value.problem)
        log.close()

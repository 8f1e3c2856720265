"""ML Metadata in MySQL and in PostgreSQL: stores that the real ml-metadata package writes into real servers, read as a file is."""

from __future__ import annotations

import re
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.lineage import metadata_mysql, metadata_postgres
from mlcontrol.adapters.lineage.metadata_address import database_of
from mlcontrol.adapters.lineage.ml_metadata import MlMetadata
from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.core.pipeline import Lineage
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, VersionSummary
from mlcontrol.ports.errors import AdapterError, Denied, MovedInside, NotFound, TimedOut, Unexpected, Unreachable
from mlcontrol.testing.contracts.connection import ConnectionContract
from tests.adapters.ml_metadata_servers import SECRET, Server, certificate, listening, mysql, postgresql
from tests.adapters.ml_metadata_writer import write_store
from tests.store.conftest import postgres

__all__ = ["certificate", "mysql", "postgres", "postgresql"]

pytestmark = pytest.mark.real

WRONG = "not-the-s3cret"
SHORT_S = 0.5
PUBLIC = "93.184.216.34"


@pytest.fixture(params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> MlMetadata:
    path = tmp_path_factory.mktemp("mlmd") / "metadata.db"
    write_store(f'sqlite {{ filename_uri: "{path}" connection_mode: READWRITE_OPENCREATE }}')
    settings = ConnectionSettings("lineage", ConnectionKind.LINEAGE, "ml-metadata", f"sqlite:///{path}")
    return MlMetadata(settings, lambda: None)


class TestContract(ConnectionContract):
    @pytest.fixture
    def adapter(self, server: Server) -> MlMetadata:
        return server.store()

    def test_a_probe_says_how_much_is_there(self, adapter: MlMetadata) -> None:
        found = adapter.probe()
        assert (found.server, found.detail) == ("ML Metadata (schema 10)", "21 executions")


def version(number: str) -> VersionSummary:
    return VersionSummary(number, 1000.0)


def timeless(told: Lineage) -> Lineage:
    """Without its times: each store was written at another moment."""
    steps = tuple(replace(step, at_s=None, until_s=None) for step in told.steps)
    return replace(told, began_s=None, ended_s=None, evaluated_s=None, steps=steps)


@pytest.mark.parametrize(("model", "number"), [("fraud", n) for n in "1239"] + [("churn", "5"), ("spam", "rc1")])
def test_the_same_is_told_wherever_it_is_kept(file: MlMetadata, server: Server, model: str, number: str) -> None:
    told, expected = server.store().lineage(model, version(number)), file.lineage(model, version(number))
    assert timeless(told) == timeless(expected)
    assert (told.began_s is None, told.evaluated_s is None) == (expected.began_s is None, expected.evaluated_s is None)
    assert bool(told.source) == (number != "9")


@pytest.mark.parametrize("other", ["RC1", "rc1 ", "rc"])
def test_a_version_is_taken_as_it_is_written(server: Server, other: str) -> None:
    """MySQL finds "rc1" where "RC1" was asked for."""
    assert server.store().lineage("spam", version(other)) == Lineage()


def test_the_user_may_stand_in_the_address(server: Server) -> None:
    url = server.url.replace("://", "://reader@")
    assert server.store(url=url, username="").probe().detail == "21 executions"


def test_a_user_who_may_only_look_is_enough(server: Server) -> None:
    if "mysql" in server.url:
        server.execute(f"create user onlooker@'%' identified by '{SECRET}'")
        server.execute("grant select on metadb.* to onlooker@'%'")
    else:
        server.execute("create role onlooker login")
        server.execute("grant select on all tables in schema public to onlooker")
    assert server.store(username="onlooker").lineage("fraud", version("1")).run


def test_a_wrong_secret_is_denied_and_not_told(server: Server) -> None:
    for told in (WRONG, ""):
        with pytest.raises(Denied) as caught:
            server.store(told).probe()
        words: BaseException | None = caught.value
        while words is not None:
            assert WRONG not in repr(words)
            assert SECRET not in repr(words)
            words = words.__cause__ or words.__context__
        assert caught.value.problem.next
    with pytest.raises(Denied):
        server.store(username="nobody").probe()


def test_what_is_no_store_is_said_in_words(server: Server) -> None:
    with pytest.raises(Unexpected, match=r"Database empty on .* is no ML Metadata store"):
        server.store(url=server.url.replace("metadb", "empty")).probe()
    # MySQL says of a database that is not there only that one may not go there.
    with pytest.raises((NotFound, Denied)):
        server.store(url=server.url.replace("metadb", "gone")).probe()


def test_a_schema_that_is_not_known_is_not_guessed_at(server: Server) -> None:
    server.execute("update MLMDEnv set schema_version = 11")
    try:
        with pytest.raises(Unexpected, match="schema that is not known"):
            server.store().lineage("fraud", version("1"))
    finally:
        server.execute("update MLMDEnv set schema_version = 10")


def test_a_server_that_was_stopped_is_unreachable_and_comes_back(server: Server) -> None:
    store = server.store()
    with database_of(store.settings, lambda: SECRET).reading(30.0) as ask:
        assert ask("select count(*) from Execution", ()) == [(21,)]
        server.stop()
        try:
            with pytest.raises(Unreachable):
                ask("select count(*) from Execution", ())
            with pytest.raises(Unreachable):
                store.probe()
        finally:
            server.start()
    assert store.probe().detail == "21 executions"


def elsewhere(url: str, port: int) -> str:
    return f"{url.partition(':')[0]}://127.0.0.1:{port}/metadb"


def test_a_server_that_never_answers_ends_at_the_deadline(server: Server) -> None:
    with listening(b"") as (port, _):
        began = time.monotonic()
        with pytest.raises(TimedOut):
            server.store(url=elsewhere(server.url, port)).probe(SHORT_S)
        assert time.monotonic() - began < 3.0  # as the contract of all adapters on a network has it
    with pytest.raises(Unreachable):
        server.store(url=elsewhere(server.url, port)).probe(SHORT_S)


def test_a_server_that_says_a_byte_now_and_then_ends_at_the_deadline(mysql: Server) -> None:
    with listening(b"\xff\xff\x00\x00", b".") as (port, _):
        began = time.monotonic()
        with pytest.raises(TimedOut):
            mysql.store(url=elsewhere(mysql.url, port)).probe(SHORT_S)
        assert time.monotonic() - began < 3.0


@pytest.mark.parametrize("what", ["the server", "the line"])
def test_a_question_that_takes_too_long_ends(server: Server, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either end is enough: the server's own limit, or the line that is cut."""
    module = metadata_mysql if "mysql" in server.url else metadata_postgres
    if what == "the server":
        monkeypatch.setattr(module, "cut_after", lambda _seconds, fileno: _cut_after(30.0, fileno))
    elif module is metadata_mysql:
        monkeypatch.setattr(module, "_BOUNDS", "set session wait_timeout = 60")
    else:
        monkeypatch.setattr(module, "_BOUNDS", "-c application_name=unbounded")
    sleep = "select sleep(20)" if module is metadata_mysql else "select pg_sleep(20)"
    began = time.monotonic()
    with pytest.raises(TimedOut), database_of(server.settings(), lambda: SECRET).reading(1.0) as ask:
        ask(sleep, ())
    assert time.monotonic() - began < 15.0


_cut_after = metadata_mysql.cut_after


def test_nothing_can_be_written_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the twin: without the read-only session the same user's writing goes through."""
    database = database_of(server.settings(), lambda: SECRET)
    made = f"t{uuid.uuid4().hex}"
    changes = "delete from Artifact where id = -1", f"create table {made}(x integer)"

    for change in changes:
        with pytest.raises(Unexpected) as caught, database.reading(10.0) as ask:
            ask(change, ())
        assert re.search("read.only", caught.value.problem.why, re.IGNORECASE)
    with pytest.raises(server.error, match=made):
        server.execute(f"drop table {made}")
    monkeypatch.setattr(metadata_mysql, "READ_ONLY", "set @nothing = 1")
    monkeypatch.setattr(metadata_postgres, "READ_ONLY", "-c application_name=twin")
    for change in changes:
        # PostgreSQL's driver has no rows to fetch of a change, and says so when it is done.
        with suppress(Unexpected), database.reading(10.0) as ask:
            ask(change, ())
    server.execute(f"drop table {made}")


def test_a_name_that_moved_inside_is_not_followed_before_a_person_agrees(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = NameMemory()
    monkeypatch.setattr("mlcontrol.adapters.target.NAMES", fresh)
    fresh.check("localhost", (PUBLIC,))
    store = server.store(url=server.url.replace("127.0.0.1", "localhost"))
    for ask in (store.probe, lambda: store.lineage("fraud", version("1"))):
        with pytest.raises(MovedInside, match="leads inside now"):
            ask()
    fresh.agree("localhost", fresh.waiting("localhost"))
    assert store.probe().detail == "21 executions"


def test_the_name_is_looked_up_once_and_by_us(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, asked = socket.getaddrinfo, []

    def watched(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    server.store(url=server.url.replace("127.0.0.1", "localhost")).probe()
    assert [host for host in asked if host not in ("127.0.0.1", "::1")] == ["localhost"]


def test_a_certificate_is_checked_where_a_file_names_who_signs(server: Server, certificate: Path) -> None:
    named = server.url.replace("127.0.0.1", "localhost")
    settings = server.settings(url=named, ca_file=str(certificate))
    if "mysql" in server.url:
        how, encrypted = "ssl-mode=VERIFY_CA", "show status like 'Ssl_cipher'"
    else:
        how, encrypted = (
            "sslmode=verify-full&sslrootcert=system",
            "select 'by', cipher from pg_stat_ssl where pid = pg_backend_pid()",
        )
    with database_of(settings, lambda: SECRET).reading(10.0) as ask:
        assert ask(encrypted, ())[0][1]
    with pytest.raises(Unreachable) as caught:  # nobody of the system's signed it
        server.store(url=f"{named}?{how}").probe()
    assert "certificate" in caught.value.problem.why
    with pytest.raises(Unreachable):
        server.store(ca_file=str(certificate)).probe()  # it is not of 127.0.0.1


HANDSHAKE = (
    b"\x0a8.0.36\x00" + b"\x01\x00\x00\x00" + b"12345678\x00" + b"\xff\xf7" + b"\x21" + b"\x02\x00" + b"\x0f\x00"
    + b"\x15" + bytes(10) + b"123456789012\x00" + b"mysql_native_password\x00"
)  # fmt: skip
ASKS_FOR_IT = b"\xfemysql_clear_password\x00"


def test_a_server_that_asks_for_the_secret_itself_does_not_get_it(
    mysql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written down by hand: no real server does so. Its capabilities leave out TLS."""
    greeting = len(HANDSHAKE).to_bytes(3, "little") + b"\x00" + HANDSHAKE
    asking = len(ASKS_FOR_IT).to_bytes(3, "little") + b"\x02" + ASKS_FOR_IT
    with listening(greeting + asking) as (port, heard):
        store = mysql.store(url=elsewhere(mysql.url, port))
        with pytest.raises(Denied, match="does not let us in"):
            store.probe(5.0)
        assert SECRET.encode() not in b"".join(heard)
        monkeypatch.setattr(metadata_mysql, "_GIVING_AWAY", ())
        with pytest.raises(AdapterError):
            store.probe(SHORT_S)
        assert SECRET.encode() in b"".join(heard), "the twin: without the guard it would have been sent"


def test_what_is_no_database_is_said_in_words(server: Server) -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4) as (port, _), pytest.raises(AdapterError) as caught:
        server.store(url=elsewhere(server.url, port)).probe(SHORT_S)
    assert caught.value.problem.what
    assert caught.value.problem.next

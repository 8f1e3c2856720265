"""A prediction log's PostgreSQL is reached only where its address says: a name that moves inside waits for a person."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.adapters.predictions.sql_address import engine_of
from mlcontrol.adapters.predictions.sql_table import SqlTableLog
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import MovedInside, Rejected, Unreachable
from mlcontrol.testing.contracts.connection import no_secret
from tests.store.conftest import PostgresServer, postgres

__all__ = ["postgres"]

PUBLIC, DEADLINE_S = "93.184.216.34", 30.0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameMemory:
    """One that knows "localhost" as a name of the public internet, which it has just moved away from."""
    fresh = NameMemory()
    monkeypatch.setattr("mlcontrol.adapters.target.NAMES", fresh)
    fresh.check("localhost", (PUBLIC,))
    return fresh


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A real database with a log's table, by a name."""
    made = postgres.new_database()
    engine = sa.create_engine(made)
    with engine.begin() as c:
        c.exec_driver_sql("create table predictions(request_id text, time timestamptz, outputs jsonb)")
    engine.dispose()
    return made.replace("127.0.0.1", "localhost")


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the driver was told at each attempt to connect."""
    seen: list[dict[str, Any]] = []
    connect = psycopg.connect

    def watched(*words: Any, **told: Any) -> Any:
        seen.append(told)
        return connect(*words, **told)

    monkeypatch.setattr(psycopg, "connect", watched)
    return seen


def log_of(url: str) -> SqlTableLog:
    options = {"table": "predictions"}
    return SqlTableLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "sql", url, options=options), no_secret)


@pytest.fixture
def log(url: str) -> Iterator[SqlTableLog]:
    made = log_of(url)
    yield made
    made.close()


@pytest.mark.real
def test_a_name_that_moved_inside_is_not_followed_before_a_person_agrees(
    log: SqlTableLog, names: NameMemory, dialled: list[dict[str, Any]]
) -> None:
    for ask in (log.probe, lambda deadline_s: log.shares("any", 0.0, 1.0, deadline_s)):
        with pytest.raises(MovedInside, match="leads inside now"):
            ask(DEADLINE_S)
    assert dialled == [], "nothing was sent there"
    assert names.waiting("localhost")
    names.agree("localhost", names.waiting("localhost"))
    assert log.probe(DEADLINE_S).server.startswith("PostgreSQL")
    assert log.shares("any", 0.0, 1.0, DEADLINE_S) == ()


@pytest.mark.real
def test_it_goes_where_the_look_up_led_and_keeps_the_name_for_the_certificate(
    log: SqlTableLog, dialled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is checked and then looked up again by the driver could lead elsewhere the second time."""
    look_up = socket.getaddrinfo
    asked: list[str] = []
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: (asked.append(host), look_up(host, *rest, **more))[1]
    )
    assert log.probe(DEADLINE_S).server.startswith("PostgreSQL")
    (told,) = dialled
    assert set(told["host"].split(",")) == {"localhost"}
    assert set(told["hostaddr"].split(",")) <= {"127.0.0.1", "::1"}
    assert asked == ["localhost"]


@pytest.mark.real
def test_without_the_look_up_of_ours_it_would_have_been_followed(
    log: SqlTableLog, names: NameMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the driver alone goes wherever the name leads."""
    engine = log._engine_of()
    sa.event.remove(engine, "do_connect", engine.dialect.dispatch.do_connect.listeners[0])
    assert log.probe(DEADLINE_S).server.startswith("PostgreSQL")
    assert names.waiting("localhost") == ()


@pytest.mark.parametrize("address", ["169.254.169.254", "metadata.google.internal"])
def test_a_cloud_s_metadata_is_never_asked(address: str) -> None:
    log = log_of(f"postgresql://{address}/x")
    with pytest.raises(Unreachable, match="never contacted"):
        log.probe(DEADLINE_S)
    log.close()


@pytest.mark.parametrize(
    ("address", "mode"), [("localhost/x", "verify-full"), ("localhost/x?sslmode=verify-ca", "verify-ca")]
)
def test_a_file_that_names_who_signs_is_used(address: str, mode: str) -> None:
    settings = ConnectionSettings(
        "log", ConnectionKind.PREDICTIONS, "sql", f"postgresql://{address}", ca_file="/team.pem"
    )
    engine = engine_of(settings, no_secret)
    assert dict(engine.url.query) == {"sslmode": mode, "sslrootcert": "/team.pem"}
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("localhost/x?hostaddr=127.0.0.1", "hostaddr"),
        ("localhost/x?host=/var/run/postgresql", "host"),
        ("localhost/x?port=1", "port"),
        ("localhost/x?service=other", "service"),
        ("localhost/x?sslmode=require&options=-c%20x", "options"),
        ("localhost,10.0.0.1/x", "several hosts"),
    ],
)
def test_an_address_that_may_lead_elsewhere_is_refused(address: str, why: str) -> None:
    log = log_of(f"postgresql://{address}")
    with pytest.raises(Rejected) as told:
        log.probe(DEADLINE_S)
    assert why in told.value.problem.why or why in told.value.problem.what
    log.close()

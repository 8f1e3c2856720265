"""Names that move from the public internet to where only those inside reach: not followed before a person agrees."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlcontrol.adapters.bulk import BulkClient
from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.adapters.name_memory import NameMemory, is_inside
from mlcontrol.adapters.target import Resolver
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, MovedInside
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer

PUBLIC = "93.184.216.34"
SECRET = "s3cret-token"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameMemory:
    """One that knows "localhost" as a name of the public internet, which it has just moved away from."""
    fresh = NameMemory()
    monkeypatch.setattr("mlcontrol.adapters.target.NAMES", fresh)
    monkeypatch.setattr("mlcontrol.adapters.curl_slot.NAMES", fresh)
    fresh.check("localhost", (PUBLIC,))
    return fresh


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    with FaultProxy(http_answer(b"{}")) as running:
        yield running


def by_requests(http: HttpClient) -> Response:
    return http.get("/", 10.0)


def by_curl(http: HttpClient) -> Response:
    client, came = BulkClient(2), queue.SimpleQueue[Response | AdapterError]()
    try:
        client.submit(http, Call("GET", "/"), 10.0, came.put)
        answer = came.get(timeout=20.0)
    finally:
        client.close()
    if isinstance(answer, AdapterError):
        raise answer
    return answer


Ask = Callable[[HttpClient], Response]


@pytest.fixture
def http(server: FaultProxy) -> Iterator[HttpClient]:
    url = f"http://localhost:{server.port}"
    made = HttpClient(ConnectionSettings("m", ConnectionKind.METRICS, "a", url, "token"), lambda: SECRET)
    yield made
    made.close()


@pytest.mark.parametrize("ask", [by_requests, by_curl])
def test_a_name_that_moved_inside_is_not_followed_before_a_person_agrees(
    names: NameMemory, server: FaultProxy, http: HttpClient, ask: Ask
) -> None:
    """Fault 8: from public to loopback; nothing is sent there, the secret least of all."""
    with pytest.raises(MovedInside, match="led to public addresses before"):
        ask(http)
    assert server.heads == []
    waiting = names.waiting("localhost")
    assert set(waiting) & {"127.0.0.1", "::1"}
    names.agree("localhost", {"127.0.0.1", "::1"})
    assert ask(http).status == 200
    assert names.waiting("localhost") == ()


@pytest.mark.parametrize("ask", [by_requests, by_curl])
def test_twin_without_the_memory_the_secret_would_go_to_whatever_listens_inside(
    names: NameMemory, server: FaultProxy, http: HttpClient, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NameMemory, "check", lambda *_: None)
    assert ask(http).status == 200
    assert SECRET.encode() in server.heads[0]


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.9", "172.16.0.1", "fd12::1", "100.64.0.1",
                                    "::ffff:10.0.0.5"])  # fmt: skip
def test_every_kind_of_inside(inside: str) -> None:
    names = NameMemory()
    assert is_inside(inside)
    names.check("a", (PUBLIC,))
    with pytest.raises(MovedInside):
        names.check("a", (PUBLIC, inside))
    names.check("a", (PUBLIC,))
    assert names.waiting("a") == (), "it leads out again"


def test_a_word_is_for_these_addresses_and_a_name_that_was_always_inside_needs_none() -> None:
    names = NameMemory()
    names.check("a", ("10.0.0.5",))
    names.check("a", ("10.0.0.6",))
    names.check("a", (PUBLIC,))
    names.check("a", ("10.0.0.5",))  # where it has always been: a machine that enters and leaves its network
    with pytest.raises(MovedInside):
        names.check("a", ("10.0.0.7",))
    names.agree("a", ("10.0.0.7",))
    names.check("a", ("10.0.0.7",))
    with pytest.raises(MovedInside):
        names.check("a", ("10.0.0.8",))


def test_what_was_seen_outlives_the_process_and_a_broken_file_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "state" / "names.json"
    first, other = NameMemory(), NameMemory()
    for names in (first, other):
        names.keep_in(file)
    first.check("a", (PUBLIC,))
    other.check("b", (PUBLIC,))
    later = NameMemory()
    later.keep_in(file)
    for host in ("a", "b"):
        with pytest.raises(MovedInside):
            later.check(host, ("10.0.0.5",))
    later.agree("a", ("10.0.0.5",))
    last = NameMemory()
    last.keep_in(file)
    last.check("a", ("10.0.0.5",))
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(file.read_text())) == {"a", "b"}
    file.write_text("{")
    NameMemory().keep_in(file)
    assert [path.name for path in file.parent.iterdir()] == ["names.json"]


def test_the_resolver_asks_the_memory(names: NameMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens sockets of its own (gRPC, lines) looks names up there, too."""
    rows = [(2, 1, 6, "", (PUBLIC, 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: rows)
    assert Resolver().addresses("models.example", 80, 5.0) == (PUBLIC,)
    rows[:] = [(2, 1, 6, "", ("10.0.0.5", 80))]
    with pytest.raises(MovedInside):
        Resolver().addresses("models.example", 80, 5.0)


def test_addresses_that_a_transport_tries_one_by_one_wait_for_one_word() -> None:
    names = NameMemory()
    names.check("a", (PUBLIC,))
    for inside in ("::1", "127.0.0.1", "::1"):
        with pytest.raises(MovedInside):
            names.check("a", (inside,))
    assert names.waiting("a") == ("127.0.0.1", "::1")
    names.agree("a", names.waiting("a"))
    for inside in ("::1", "127.0.0.1"):
        names.check("a", (inside,))
    assert names.waiting("a") == ()

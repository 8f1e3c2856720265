"""The hardened client against servers that misbehave, on real sockets. Twins show that each guard is what makes it pass."""

from __future__ import annotations

import base64
import json
import math
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from mlcontrol.adapters.deadline import Deadline
from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import (
    AdapterError,
    Denied,
    NeedsCredentials,
    NotFound,
    NotSupported,
    Rejected,
    ServerFailed,
    TimedOut,
    Unexpected,
    Unreachable,
)
from mlcontrol.testing.fault_proxy import Fault, FaultProxy, http_answer

SECRET = "s3cret-token"


def settings(url: str, auth: str = "none", username: str = "") -> ConnectionSettings:
    return ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", url, auth, username)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(http_answer(b'{"answer": 42}')) as running:
        yield running


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[HttpClient]:
    made = HttpClient(settings(proxy.url, "token"), lambda: SECRET)
    yield made
    made.close()


def test_an_answer(client: HttpClient, proxy: FaultProxy) -> None:
    assert client.get_json("/x", 2.0, {"q": "a b"}) == {"answer": 42}
    assert client.get_json("/x", 2.0) == {"answer": 42}
    assert proxy.heads[0].startswith(b"GET /x?q=a+b HTTP/1.1")
    assert b"Authorization: Bearer s3cret-token" in proxy.heads[0]


def test_basic_sign_in(proxy: FaultProxy) -> None:
    client = HttpClient(settings(proxy.url, "basic", "ann"), lambda: "pä:ss")
    client.get_json("/x", 2.0)
    client.close()
    assert b"Basic " + base64.b64encode("ann:pä:ss".encode()) in proxy.heads[0]


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault.RESET, Unreachable, "broke the connection off"),
        (Fault.CLOSE, Unreachable, "without an answer"),
        (Fault.HANG, TimedOut, "did not answer within 0.3 s"),
        (Fault.DRIP, TimedOut, "did not answer within 0.3 s"),
        (Fault.CUT_HEADERS, Unexpected, "inside the headers"),
        (Fault.CUT_BODY, Unexpected, "inside the body"),
        (Fault.HTML, Unexpected, "looks like a web page"),
        (Fault.GZIP_BOMB, Unexpected, "over 32 MB"),
        (Fault.BAD_GZIP, Unexpected, "cannot be unpacked"),
        (Fault.REDIRECT, Unexpected, "redirects to http://elsewhere.example, blocked"),
    ],
)
def test_faults_become_typed_errors_in_words(
    client: HttpClient, proxy: FaultProxy, fault: Fault, kind: type[AdapterError], says: str
) -> None:
    """Fault 9: a login page, a broken body and their like."""
    proxy.fault, proxy.redirect_to = fault, "http://elsewhere.example/login?token=abc"
    with pytest.raises(kind) as caught:
        client.get_json("/x", 5.0 if fault is Fault.GZIP_BOMB else 0.3)
    assert says in str(caught.value)
    assert type(caught.value) is kind
    proxy.fault = Fault.NONE
    assert client.get_json("/x", 2.0) == {"answer": 42}


def test_twin_without_a_look_at_the_body_a_login_page_would_be_an_answer(
    client: HttpClient, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its status alone it is one: 200."""
    proxy.fault = Fault.HTML
    monkeypatch.setattr("mlcontrol.adapters.http.parse", bytes.decode)
    assert "Sign in" in client.get_json("/x", 2.0)


def test_the_total_deadline_holds_on_a_reused_connection(client: HttpClient, proxy: FaultProxy) -> None:
    """Fault 2: a deadline for the whole answer, however it drips."""
    client.get_json("/x", 2.0)
    proxy.fault = Fault.DRIP
    with pytest.raises(TimedOut):
        client.get_json("/x", 0.3)


def test_twin_without_the_reaper_a_drip_outlasts_the_deadline(
    client: HttpClient, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.fault, proxy.drip_s = Fault.DRIP, 0.01
    monkeypatch.setattr(Deadline, "fire", lambda self: None)
    started = time.monotonic()
    assert client.get_json("/x", 0.3) == {"answer": 42}
    assert time.monotonic() - started > 0.5


def test_twin_plain_requests_unpacks_the_whole_bomb(proxy: FaultProxy) -> None:
    proxy.fault = Fault.GZIP_BOMB
    with requests.Session() as session:
        session.trust_env = False
        assert len(session.get(proxy.url, timeout=10).content) == 64 * 1024 * 1024


def test_no_redirect_carries_a_credential(client: HttpClient, proxy: FaultProxy) -> None:
    with FaultProxy(http_answer(b"{}")) as other:
        proxy.fault, proxy.redirect_to = Fault.REDIRECT, other.url + "/steal"
        with pytest.raises(Unexpected):
            client.get_json("/x", 2.0)
        assert other.heads == []


def test_twin_plain_requests_hands_a_key_to_the_other_server(proxy: FaultProxy) -> None:
    with FaultProxy(http_answer(b"{}")) as other, requests.Session() as session:
        session.trust_env = False
        proxy.fault, proxy.redirect_to = Fault.REDIRECT, other.url + "/steal"
        session.get(proxy.url, headers={"X-Api-Key": SECRET}, timeout=5)
        assert SECRET.encode() in other.heads[0]


def test_refused_is_said_as_such(proxy: FaultProxy) -> None:
    with FaultProxy(b"") as gone:
        url = gone.url
    client = HttpClient(settings(url), lambda: None)
    with pytest.raises(Unreachable, match="nothing listens there"):
        client.get_json("/x", 2.0)
    client.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", Denied),
        ("403 Forbidden", Denied),
        ("404 Not Found", NotFound),
        ("409 Conflict", Rejected),
        ("422 Unprocessable", Rejected),
        ("500 Internal Server Error", ServerFailed),
        ("503 Unavailable", ServerFailed),
    ],
)
def test_statuses(client: HttpClient, proxy: FaultProxy, status: str, kind: type[AdapterError]) -> None:
    proxy.upstream = http_answer(b'{"error": "no\\u202e way\\u0007 ' + SECRET.encode() + b'"}', status)
    with pytest.raises(kind) as caught:
        client.get_json("/x", 2.0)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert "\\u202e way\\u0007 [secret]" in caught.value.problem.why


def test_a_refused_secret_is_read_again(proxy: FaultProxy) -> None:
    secrets = iter(["old", "new"])
    client = HttpClient(settings(proxy.url, "token"), lambda: next(secrets))
    proxy.upstream = http_answer(b"", "401 Unauthorized")
    with pytest.raises(Denied):
        client.get("/x", 2.0)
    proxy.upstream = http_answer(b"{}")
    client.get("/x", 2.0)
    client.close()
    assert b"Bearer new" in proxy.heads[1]


def test_a_missing_secret_is_said_before_anything_is_sent(proxy: FaultProxy) -> None:
    client = HttpClient(settings(proxy.url, "token"), lambda: None)
    with pytest.raises(NeedsCredentials):
        client.get("/x", 2.0)
    assert proxy.heads == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"9" * 5000,
        b"\xff\xfe",
        b"Internal Server Error",
        b"",
        b'{"cut": ',
        b'{"half a character": "\\ud800"}',
        b'{"\\uDFFF": 1}',
    ],
)
def test_hostile_json_is_unexpected(client: HttpClient, proxy: FaultProxy, body: bytes) -> None:
    """Fault 10 and fault 15: a body that is no JSON, or JSON made to hurt."""
    proxy.upstream = http_answer(body)
    with pytest.raises(Unexpected):
        client.get_json("/x", 2.0)


@pytest.mark.parametrize(
    ("body", "taken"), [(b'{"a": 1, "a": 2}', {"a": 2}), (b"Infinity", math.inf), (b"9" * 400, None)]
)
def test_twin_the_plain_parser_takes_json_that_is_made_to_hurt(
    client: HttpClient, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, body: bytes, taken: object
) -> None:
    proxy.upstream = http_answer(body)
    monkeypatch.setattr("mlcontrol.adapters.http.parse", json.loads)
    found = client.get_json("/x", 2.0)
    assert found == taken if taken is not None else found > 2.0**1000


def test_twin_the_plain_parser_lets_its_own_error_out(
    client: HttpClient, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.upstream = http_answer(b"Internal Server Error")
    monkeypatch.setattr("mlcontrol.adapters.http.parse", json.loads)
    with pytest.raises(json.JSONDecodeError):
        client.get_json("/x", 2.0)


def test_the_environment_is_ignored(client: HttpClient, monkeypatch: pytest.MonkeyPatch, proxy: FaultProxy) -> None:
    with FaultProxy(http_answer(b"{}")) as other:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.setenv("NO_PROXY", "")
        assert client.get_json("/x", 2.0) == {"answer": 42}
        assert other.heads == []


def test_cookies_are_not_kept(client: HttpClient, proxy: FaultProxy) -> None:
    proxy.upstream = http_answer(b"{}", extra="Set-Cookie: a=b; Path=/\r\n")
    client.get("/x", 2.0)
    client.get("/x", 2.0)
    assert b"cookie" not in proxy.heads[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/",
        "data:text/plain,x",
        "gopher://host",
        "host:80",
        "http://",
        "http://user:pass@host/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://раypal.example/",
        "http://host:99999/",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "http://0.0.0.0/",
    ],
)
def test_addresses_that_are_never_used(url: str) -> None:
    with pytest.raises((NotSupported, Unreachable)) as caught:
        HttpClient(settings(url), lambda: None)
    assert caught.value.problem.code in ("address", "blocked-address")


def test_a_name_that_leads_to_a_metadata_address_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **options: rows)
    client = HttpClient(settings("http://innocent.example"), lambda: None)
    with pytest.raises(Unreachable, match="never contacted"):
        client.get("/x", 2.0)


def test_a_name_server_that_hangs_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 8: names that are not resolved."""
    release = threading.Event()

    def hang(*args: object, **options: object) -> list[object]:
        release.wait(10)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)
    client = HttpClient(settings("http://slow.example"), lambda: None)
    with pytest.raises(TimedOut, match=r"could not be looked up|did not answer"):
        client.get("/x", 0.3)
    release.set()


def test_a_download_is_handed_over_in_pieces_and_capped(client: HttpClient, proxy: FaultProxy) -> None:
    proxy.upstream = http_answer(bytes(300_000))
    pieces: list[bytes] = []
    client.stream(Call("GET", "/file"), pieces.append, 5.0)
    assert sum(map(len, pieces)) == 300_000
    assert len(pieces) > 1
    with pytest.raises(Unexpected, match="too large"):
        client.stream(Call("GET", "/file"), pieces.append, 5.0, cap_bytes=1000)


@pytest.mark.parametrize(("age", "fresh"), [("0", True), ("7", True), ("soon", True), ("120", False)])
def test_what_a_cache_kept_is_no_answer_of_the_server(age: str, fresh: bool) -> None:
    """Fault 11: an answer that a proxy kept."""
    with FaultProxy(http_answer(b"{}", extra=f"Age: {age}\r\n")) as proxy:
        client = HttpClient(ConnectionSettings("cached", ConnectionKind.SERVING, "any", proxy.url), lambda: None)
        if fresh:
            assert client.get_json("/", 5.0) == {}
        else:
            with pytest.raises(Unexpected) as refused:
                client.get_json("/", 5.0)
            assert "true 120 s ago" in refused.value.problem.why
        client.close()
        assert b"cache-control: no-cache" in proxy.heads[0].lower()


def test_twin_without_a_look_at_the_age_what_a_cache_kept_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlcontrol.adapters.http.CACHED_S", 10**9)
    with FaultProxy(http_answer(b"{}", extra="Age: 120\r\n")) as proxy:
        client = HttpClient(ConnectionSettings("cached", ConnectionKind.SERVING, "any", proxy.url), lambda: None)
        assert client.get_json("/", 5.0) == {}
        client.close()

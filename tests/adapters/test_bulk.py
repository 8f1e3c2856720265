"""Many requests on one thread keep the policy of the client for one: deadline, cap, redirects, secrets, environment."""

from __future__ import annotations

import datetime
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mlcontrol.adapters import curl_slot
from mlcontrol.adapters.bulk import BulkClient
from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, NeedsCredentials, TimedOut, Unexpected, Unreachable
from mlcontrol.testing.fault_proxy import Fault, FaultProxy, http_answer

SECRET = "s3cret-token"
BODY = b"a 1\n"


def settings(url: str, auth: str = "none") -> ConnectionSettings:
    return ConnectionSettings("fleet", ConnectionKind.METRICS, "prometheus-text", url, auth)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(http_answer(BODY, content_type="text/plain")) as running:
        yield running


@pytest.fixture
def client() -> Iterator[BulkClient]:
    made = BulkClient(64)
    yield made
    made.close()


@pytest.fixture
def http(proxy: FaultProxy) -> Iterator[HttpClient]:
    made = HttpClient(settings(proxy.url, "token"), lambda: SECRET)
    yield made
    made.close()


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[str]:
    """A TLS server whose certificate is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    (tmp_path / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def serve() -> None:
            try:
                with listening.accept()[0] as client, context.wrap_socket(client, server_side=True):
                    pass
            except OSError:
                return  # the client hangs up when it sees the certificate

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(30)


def ask(
    client: BulkClient, http: HttpClient, deadline_s: float = 5.0, call: Call | None = None
) -> Response | AdapterError:
    answers: queue.SimpleQueue[Response | AdapterError] = queue.SimpleQueue()
    client.submit(http, call or Call("GET", "/metrics"), deadline_s, answers.put)
    return answers.get(timeout=20)


def test_an_answer(client: BulkClient, http: HttpClient, proxy: FaultProxy) -> None:
    for _ in range(3):
        answer = ask(client, http, call=Call("POST", "/x", {"q": "a b"}, json={"n": 1}))
        assert isinstance(answer, Response)
        assert (answer.status, answer.body, answer.framed) == (200, BODY, True)
        assert answer.headers["content-type"] == "text/plain"
    assert proxy.heads[0].startswith(b"POST /x?q=a+b HTTP/1.1")
    assert b"Authorization: Bearer s3cret-token" in proxy.heads[0]
    assert b"Content-Type: application/json" in proxy.heads[0]
    assert len(proxy.heads) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault.RESET, Unreachable, "broke the connection off"),
        (Fault.CLOSE, Unreachable, "without an answer"),
        (Fault.HANG, TimedOut, "did not answer within 0.3 s"),
        (Fault.DRIP, TimedOut, "did not answer within 0.3 s"),
        (Fault.CUT_BODY, Unexpected, "inside the body"),
        (Fault.GZIP_BOMB, Unexpected, "over 32 MB"),
        (Fault.BAD_GZIP, Unexpected, "cannot be unpacked"),
        (Fault.REDIRECT, Unexpected, "redirects to http://elsewhere.example, blocked"),
    ],
)
def test_faults_become_the_same_errors(
    client: BulkClient, http: HttpClient, proxy: FaultProxy, fault: Fault, kind: type[AdapterError], says: str
) -> None:
    proxy.fault, proxy.redirect_to = fault, "http://elsewhere.example/login?token=abc"
    answer = ask(client, http, 10.0 if fault in (Fault.GZIP_BOMB, Fault.BAD_GZIP) else 0.3)
    assert type(answer) is kind
    assert says in str(answer)
    assert "token=abc" not in str(answer)
    proxy.fault = Fault.NONE
    assert isinstance(ask(client, http), Response)


def test_nothing_of_a_question_is_left_for_the_next(http: HttpClient, proxy: FaultProxy) -> None:
    """One handle for all: a body, a header, a secret or a shorter deadline of the question before would be sent again."""
    one = BulkClient(1)
    with FaultProxy(http_answer(BODY)) as other_server:
        other = HttpClient(settings(other_server.url), lambda: None)
        try:
            for call in (Call("POST", "/x", json={"n": 1}), Call("POST", "/x", body=b"[1]", headers={"X-Mark": "1"})):
                assert isinstance(ask(one, http, call=call), Response)
            assert isinstance(ask(one, other), Response)
        finally:
            one.close()
            other.close()
    bodies = [head.partition(b"\r\n\r\n")[2] for head in proxy.heads]
    assert [b"Content-Type: application/json" in head for head in proxy.heads] == [True, True]
    assert [body for body in bodies if body] in ([], [b'{"n": 1}', b"[1]"])
    (head,) = other_server.heads
    assert head.startswith(b"GET /metrics HTTP/1.1")
    for left in (b"Authorization", b"X-Mark", b"Content-"):
        assert left not in head


def test_who_asks_while_others_are_begun_is_begun_too(client: BulkClient, http: HttpClient) -> None:
    """The thread is woken once for many; a question put between the sign and the look must not be left lying."""
    answers: queue.SimpleQueue[Response | AdapterError] = queue.SimpleQueue()

    def many() -> None:
        for _ in range(100):
            client.submit(http, Call("GET", "/metrics"), 30.0, answers.put)

    askers = [threading.Thread(target=many) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(30)
    assert all(isinstance(answers.get(timeout=30), Response) for _ in range(400))


def test_a_connection_ended_while_it_rests_is_no_longer_watched(client: BulkClient) -> None:
    """It would report its end again and again, and keep the thread busy."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        http = HttpClient(settings(f"http://127.0.0.1:{listening.getsockname()[1]}"), lambda: None)
        for _ in range(2):
            answers: queue.SimpleQueue[Response | AdapterError] = queue.SimpleQueue()
            client.submit(http, Call("GET", "/"), 20.0, answers.put)
            with listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(http_answer(BODY))
                assert isinstance(answers.get(timeout=20), Response)
                resting = dict(client._loop._waited_for)
                assert resting
                assert not any(resting.values())
            until = time.monotonic() + 20
            while len(client._loop._waited_for) == len(resting) and time.monotonic() < until:
                time.sleep(0.005)
            assert len(client._loop._waited_for) == len(resting) - 1
        http.close()


def test_a_handle_at_rest_holds_no_body(client: BulkClient, http: HttpClient) -> None:
    assert isinstance(ask(client, http), Response)
    (slot,) = client._loop._free
    assert (slot._parts, slot._lines, slot.exchange) == ([], [], None)


def test_nobody_listens(client: BulkClient) -> None:
    http = HttpClient(settings("http://127.0.0.1:9"), lambda: None)
    answer = ask(client, http)
    http.close()
    assert isinstance(answer, Unreachable)
    assert answer.problem.code == "refused"


def test_the_hung_do_not_delay_the_others(client: BulkClient, http: HttpClient, proxy: FaultProxy) -> None:
    with FaultProxy(b"") as silent:
        silent.fault = Fault.HANG
        hung = HttpClient(settings(silent.url), lambda: None)
        answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        for _ in range(40):
            client.submit(hung, Call("GET", "/"), 15.0, answers.put)
        began = time.monotonic()
        for _ in range(20):
            assert isinstance(ask(client, http), Response)
        assert time.monotonic() - began < 10.0
        assert answers.empty()
        hung.close()


def test_more_than_the_slots_wait_and_are_all_answered(http: HttpClient) -> None:
    client = BulkClient(4)
    answers: queue.SimpleQueue[Response | AdapterError] = queue.SimpleQueue()
    for _ in range(60):
        client.submit(http, Call("GET", "/"), 30.0, answers.put)
    assert all(isinstance(answers.get(timeout=30), Response) for _ in range(60))
    client.close()


def test_nothing_comes_from_the_environment(
    client: BulkClient, http: HttpClient, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(ask(client, http), Response)


def test_a_name_that_leads_to_a_metadata_address_is_never_contacted(
    client: BulkClient, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curl_slot, "check_address", lambda text: (_ for _ in ()).throw(curl_slot.blocked_address(text)))
    answer = ask(client, http)
    assert isinstance(answer, Unreachable)
    assert answer.problem.code == "blocked-address"


def test_a_missing_secret_is_told_and_nothing_is_sent(client: BulkClient, proxy: FaultProxy) -> None:
    http = HttpClient(settings(proxy.url, "token"), lambda: None)
    assert isinstance(ask(client, http), NeedsCredentials)
    http.close()
    assert proxy.heads == []


def test_a_certificate_nobody_vouches_for_is_refused(client: BulkClient, tls_server: str) -> None:
    http = HttpClient(settings(tls_server), lambda: None)
    answer = ask(client, http)
    http.close()
    assert isinstance(answer, Unreachable)
    assert answer.problem.code == "tls"


def test_closing_breaks_off_what_is_under_way(http: HttpClient, proxy: FaultProxy) -> None:
    proxy.fault = Fault.HANG
    client = BulkClient()
    told: list[object] = []
    client.submit(http, Call("GET", "/"), 60.0, told.append)
    until = time.monotonic() + 10
    while not proxy.heads and time.monotonic() < until:
        time.sleep(0.01)
    client.close()
    assert told == []
    assert not [t for t in threading.enumerate() if t.name == "bulk-http"]


def test_it_ends_also_when_it_never_began() -> None:
    client = BulkClient()
    client.close()
    assert client._thread is None


@pytest.mark.parametrize(("age", "fresh"), [("7", True), ("120", False)])
def test_what_a_cache_kept_is_no_answer_of_the_server(client: BulkClient, age: str, fresh: bool) -> None:
    with FaultProxy(http_answer(b"{}", extra=f"Age: {age}\r\n")) as proxy:
        http = HttpClient(ConnectionSettings("cached", ConnectionKind.METRICS, "any", proxy.url), lambda: None)
        answer = ask(client, http)
        http.close()
    assert isinstance(answer, Response) is fresh
    if not fresh:
        assert "what was true 120 s ago" in str(answer)

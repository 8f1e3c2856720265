"""What a replay does with queries that hang, that cannot be sent, and with what one query leaves for the next."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.adapters.serving.replay import replay
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import NeedsCredentials, Rejected, TimedOut, Unexpected
from mlcontrol.ports.serving import Answer
from mlcontrol.testing.fault_proxy import Fault, FaultProxy, http_answer


def settings(url: str, auth: str = "none") -> ConnectionSettings:
    return ConnectionSettings("s", ConnectionKind.SERVING, "oip", url, auth)


def read(response: Response) -> Answer:
    return Answer("1", {"body": response.text}, response.latency_ms)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(http_answer(b"ok", content_type="text/plain")) as running:
        yield running


@pytest.fixture
def http(proxy: FaultProxy) -> Iterator[HttpClient]:
    made = HttpClient(settings(proxy.url), lambda: None)
    yield made
    made.close()


def test_each_has_its_whole_deadline_from_when_it_is_begun(http: HttpClient, proxy: FaultProxy) -> None:
    """Two that hang, one connection: the second is not over before it was begun."""
    proxy.fault = Fault.HANG
    calls = {name: Call("POST", "/infer", body=b"{}") for name in "ab"}
    began = time.monotonic()
    answers = replay(http, calls, read, None, 0.5, connections=1)
    assert [type(answer) for answer in answers.values()] == [TimedOut, TimedOut]
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("per_s", [None, 1e6, 20.0])
def test_a_server_that_hangs_ends_by_the_deadline_at_any_rate(
    http: HttpClient, proxy: FaultProxy, per_s: float | None
) -> None:
    """A rate that is not reached must not turn the wait for the last ones into one without end."""
    proxy.fault = Fault.HANG
    calls = {name: Call("POST", "/infer", body=b"{}") for name in "abc"}
    began = time.monotonic()
    answers = replay(http, calls, read, per_s, 0.5)
    assert [type(answer) for answer in answers.values()] == [TimedOut] * 3
    assert time.monotonic() - began < 15


def test_every_query_is_sent_as_it_is_on_one_connection(http: HttpClient, proxy: FaultProxy) -> None:
    """What is the same as before is not set again; whatever differs is."""
    calls = {
        "a": Call("POST", "/infer", body=b"[1]"),
        "b": Call("POST", "/infer", body=b"[2, 2]"),
        "c": Call("POST", "/infer", body=b"[3]", headers={"X-Mark": "1"}),
        "d": Call("POST", "/other", body=b"[4]"),
        "e": Call("POST", "/other", {"q": "1"}, body=b"[5]"),
        "f": Call("GET", "/other"),
        "g": Call("POST", "/other", json=[7]),
    }
    answers = replay(http, calls, read, None, 20.0, connections=1)
    assert all(isinstance(answer, Answer) for answer in answers.values())
    assert list(answers) == list(calls)
    sent = [(head.partition(b"\r\n")[0], b"X-Mark" in head, head.partition(b"\r\n\r\n")[2]) for head in proxy.heads]
    assert [(line, mark) for line, mark, _ in sent] == [
        (b"POST /infer HTTP/1.1", False),
        (b"POST /infer HTTP/1.1", False),
        (b"POST /infer HTTP/1.1", True),
        (b"POST /other HTTP/1.1", False),
        (b"POST /other?q=1 HTTP/1.1", False),
        (b"GET /other HTTP/1.1", False),
        (b"POST /other HTTP/1.1", False),
    ]
    # A body may come in a piece of its own, which the proxy does not keep.
    bodies = [body for _, _, body in sent]
    for seen, call in zip(bodies, calls.values(), strict=True):
        assert seen in (b"", call.body or (b"[7]" if call.json else b""))


def test_what_cannot_be_sent_is_told_and_the_others_go_on(proxy: FaultProxy) -> None:
    bad = Rejected(Problem("It cannot be sent.", "x", "y", "rejected"))
    good = HttpClient(settings(proxy.url), lambda: None)
    calls = {
        "bad": bad,
        "head": Call("POST", "/", headers={"X": "\u2603"}, body=b""),
        "good": Call("POST", "/", body=b"1"),
    }
    answers = replay(good, calls, read, None, 20.0)
    good.close()
    assert answers["bad"] is bad
    assert isinstance(answers["head"], Unexpected)
    assert isinstance(answers["good"], Answer)


def test_nothing_is_sent_without_the_secret_and_nobody_waits(proxy: FaultProxy) -> None:
    locked = HttpClient(settings(proxy.url, "token"), lambda: None)
    answers = replay(locked, {name: Call("POST", "/", body=b"1") for name in "abc"}, read, None, 20.0, connections=2)
    locked.close()
    assert [type(answer) for answer in answers.values()] == [NeedsCredentials] * 3
    assert proxy.heads == []


def test_nothing_to_ask(http: HttpClient) -> None:
    assert replay(http, {}, read, None, 5.0) == {}

"""The clock of a server, by the dates of its answers over real sockets: ahead and behind are noticed, a cache is no evidence."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from mlcontrol.adapters.bulk import BulkClient
from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.sender_clock import SenderClock
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer

DAY_S = 86_400.0


def dated(off_s: float, extra: str = "") -> bytes:
    return http_answer(b"{}", extra=f"Date: {formatdate(time.time() + off_s, usegmt=True)}\r\n{extra}")


def by_requests(http: HttpClient) -> None:
    http.get("/", 10.0)


def by_curl(http: HttpClient) -> None:
    client, came = BulkClient(2), queue.SimpleQueue[object]()
    try:
        client.submit(http, Call("GET", "/"), 10.0, came.put)
        came.get(timeout=20.0)
    finally:
        client.close()


def seen(answer: bytes, ask: Callable[[HttpClient], None]) -> ClockOff | None:
    with FaultProxy(answer) as server:
        http = HttpClient(ConnectionSettings("pager", ConnectionKind.ALERTS, "alertmanager", server.url), lambda: None)
        try:
            ask(http)
            return http.clock.off
        finally:
            http.close()


@pytest.mark.parametrize("ask", [by_requests, by_curl])
@pytest.mark.parametrize("off_s", [90.0, -90.0, 3 * DAY_S, -3 * DAY_S])
def test_a_server_s_clock_is_known_by_its_answer(off_s: float, ask: Callable[[HttpClient], None]) -> None:
    """Fault 19: ahead or behind, by one answer, on both ways to ask."""
    off = seen(dated(off_s), ask)
    assert off is not None
    assert off.low_s <= off_s <= off.high_s
    assert off.ahead_s == pytest.approx(off_s, abs=5.0)


@pytest.mark.parametrize("ask", [by_requests, by_curl])
def test_a_clock_that_shows_the_same_is_not_called_off(ask: Callable[[HttpClient], None]) -> None:
    off = seen(dated(0.0), ask)
    assert off is not None
    assert off.ahead_s == 0.0


@pytest.mark.parametrize(
    "answer", [http_answer(b"{}"), http_answer(b"{}", extra="Date: yesterday\r\n"), dated(-9.0, "Age: 9\r\n")]
)
def test_no_date_a_date_that_is_none_and_one_that_a_cache_kept_say_nothing(answer: bytes) -> None:
    assert seen(answer, by_requests) is None


def test_answers_narrow_it_down_and_a_clock_that_was_set_is_seen_at_once() -> None:
    clock, at_s = SenderClock(), 1_790_000_000.0

    def heard(off_s: float, sent_s: float, took_s: float) -> ClockOff:
        clock.heard({"date": formatdate(sent_s + took_s / 2 + off_s, usegmt=True)}, sent_s, sent_s + took_s)
        assert clock.off is not None
        return clock.off

    wide = heard(-90.0, at_s, 4.0)
    narrow = heard(-90.0, at_s + 5.4, 0.01)
    assert wide.low_s <= narrow.low_s <= -90.0 <= narrow.high_s <= wide.high_s
    assert narrow.ahead_s == pytest.approx(-90.0, abs=1.0)
    assert heard(0.0, at_s + 10.0, 0.01).ahead_s == 0.0


def test_a_slow_answer_is_not_taken_for_a_clock_that_is_behind() -> None:
    clock, at_s = SenderClock(), 1_790_000_000.0
    clock.heard({"date": formatdate(at_s, usegmt=True)}, at_s, at_s + 30.0)
    assert clock.off is not None
    assert clock.off.ahead_s == 0.0


def test_twin_by_the_moment_of_receipt_alone_a_slow_answer_would_be_called_behind() -> None:
    at_s = 1_790_000_000.0
    clock = SenderClock()
    clock.heard({"date": formatdate(at_s, usegmt=True)}, at_s + 30.0, at_s + 30.0)
    assert clock.off is not None
    assert clock.off.ahead_s < 0.0

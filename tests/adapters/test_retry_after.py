"""What a server asks for in Retry-After is known of the error, and told."""

from __future__ import annotations

import pytest

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.metrics.prometheus_api import PrometheusApi
from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.adapters.metrics.scraper import TextScraper
from mlcontrol.adapters.retry_after import wait_s
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, Busy, Rejected, ServerFailed
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fault_proxy import FaultProxy

DATE = "Fri, 27 Nov 2026 18:00:00 GMT"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Fri, 27 Nov 2026 18:01:30 GMT", 90.0),
        ("Fri, 27 Nov 2026 17:00:00 GMT", 0.0),
        ("9" * 400, 86_400.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Fri, 99 Nov 2026 18:01:30 GMT", None),
    ],
)
def test_what_it_says(told: str, seconds: float | None) -> None:
    assert wait_s({"retry-after": told, "date": DATE}) == seconds
    assert wait_s({"date": DATE}) is None


def answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(("status", "kind"), [("429 Too Many Requests", Busy), ("503 Unavailable", ServerFailed)])
@pytest.mark.parametrize("adapter", [PrometheusApi, PrometheusText])
def test_the_error_of_a_source_carries_it(
    status: str, kind: type[AdapterError], adapter: type[PrometheusApi | PrometheusText]
) -> None:
    with FaultProxy(answer(status)) as proxy:
        made = adapter(ConnectionSettings("m", ConnectionKind.METRICS, "x", proxy.url), no_secret)
        with pytest.raises(kind, match="left alone for 17 s") as failed:
            made.readings()
        made.close()
    assert failed.value.wait_s == 17.0


def test_so_does_one_that_is_asked_in_bulk() -> None:
    with FaultProxy(answer("429 Too Many Requests")) as proxy:
        made = PrometheusText(ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", proxy.url), no_secret)
        scraper, told = TextScraper(), []
        scraper.ask(made, 5.0, told.append)
        while not told:
            pass
        with pytest.raises(Busy) as failed:
            told[0](frozenset())
        scraper.close()
        made.close()
    assert failed.value.wait_s == 17.0


def test_other_refusals_ask_for_nothing() -> None:
    with FaultProxy(answer("400 Bad Request")) as proxy:
        client = HttpClient(ConnectionSettings("m", ConnectionKind.METRICS, "x", proxy.url), no_secret)
        with pytest.raises(Rejected) as failed:
            client.checked(Call("GET", "/"), 5.0)
        client.close()
    assert failed.value.wait_s is None
    assert not isinstance(failed.value, Busy)

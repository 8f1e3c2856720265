"""A real Alertmanager: its alerts read, its silences made and expired; and answers that no healthy one gives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from mlcontrol.adapters.alerts.alertmanager import Alertmanager
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.alerts import Matcher, OutsideState
from mlcontrol.ports.errors import Rejected, ServerFailed, Unexpected
from mlcontrol.testing.contracts.alerts import AlertsContract
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer
from mlcontrol.testing.servers import RunningServer, alertmanager

LABELS = {"alertname": "HighErrors", "service": "digits", "severity": "critical", "text": 'quo"ted\n☂'}


def settings(url: str) -> ConnectionSettings:
    return ConnectionSettings("pager", ConnectionKind.ALERTS, "alertmanager", url)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as running:
        fire(running, LABELS)
        yield running


def utc(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def fire(running: RunningServer, labels: dict[str, str], **more: object) -> None:
    # Left to itself it would end an alert after five minutes.
    span = {"startsAt": utc(time.time() - 5), "endsAt": utc(time.time() + 3600)}
    alert = {"labels": labels, "annotations": {"summary": "errors 6 %\x1b[2J"}, **span, **more}
    assert running.ask("POST", "/api/v2/alerts", [alert])[0] == 200


@pytest.fixture
def adapter(server: RunningServer) -> Iterator[Alertmanager]:
    made = Alertmanager(settings(server.url), no_secret)
    yield made
    made.close()


@pytest.mark.real
class TestContract(AlertsContract):
    @pytest.fixture
    def adapter(self, server: RunningServer) -> Iterator[Alertmanager]:
        made = Alertmanager(settings(server.url), no_secret)
        yield made
        made.close()

    @pytest.fixture
    def firing(self) -> dict[str, str]:
        return LABELS


@pytest.mark.real
def test_the_version_is_told(adapter: Alertmanager) -> None:
    assert adapter.probe(20.0).server.startswith("Alertmanager 0.")


@pytest.mark.real
def test_since_is_when_it_began_and_words_are_plain(server: RunningServer, adapter: Alertmanager) -> None:
    began_s = float(int(time.time()) - 300)
    at = time.strftime("%Y-%m-%dT%H:%M:%S.250Z", time.gmtime(began_s))
    fire(server, {"alertname": "Old"}, startsAt=at)
    (alert,) = [alert for alert in adapter.alerts() if alert.name == "Old"]
    assert alert.since_s == pytest.approx(began_s + 0.25, abs=0.001)
    assert alert.annotations == {"summary": "errors 6 %\\u001b[2J"}


@pytest.mark.real
def test_what_has_ended_is_not_listed(server: RunningServer, adapter: Alertmanager) -> None:
    fire(server, {"alertname": "Brief"})
    assert "Brief" in [alert.name for alert in adapter.alerts()]
    fire(server, {"alertname": "Brief"}, endsAt=utc(time.time()))
    ends = time.monotonic() + 20
    while "Brief" in [alert.name for alert in adapter.alerts()] and time.monotonic() < ends:
        time.sleep(0.1)
    assert "Brief" not in [alert.name for alert in adapter.alerts()]


@pytest.mark.real
def test_a_silence_by_pattern_leaves_the_others_alone(server: RunningServer, adapter: Alertmanager) -> None:
    fire(server, {"alertname": "Slow", "service": "fraud"})
    made = adapter.silence(
        (Matcher("service", "fra.*", is_regex=True), Matcher("alertname", "HighErrors", is_equal=False)),
        time.time(),
        time.time() + 60,
        "tester",
        "load test",
    )
    try:
        states = {alert.name: alert.state for alert in adapter.alerts()}
        (held,) = [silence for silence in adapter.silences() if silence.id == made]
    finally:
        adapter.expire(made)
    assert states["Slow"] is OutsideState.SUPPRESSED
    assert states["HighErrors"] is not OutsideState.SUPPRESSED
    assert {(m.name, m.is_regex, m.is_equal) for m in held.matchers} == {
        ("service", True, True),
        ("alertname", False, False),
    }


@pytest.mark.real
def test_its_refusal_is_told_in_its_words(adapter: Alertmanager) -> None:
    with pytest.raises(Rejected, match="matcher"):
        adapter.silence((Matcher("service", "(", is_regex=True),), time.time(), time.time() + 60, "tester", "broken")


@pytest.mark.parametrize(
    "body",
    [
        b"[{}]",
        b'{"alerts": []}',
        b"null",
        json.dumps(
            [
                {
                    "fingerprint": "f",
                    "labels": {"a": 1},
                    "status": {"state": "active"},
                    "startsAt": "2026-01-01T00:00:00Z",
                }
            ]
        ).encode(),
        json.dumps(
            [{"fingerprint": "f", "labels": {}, "status": {"state": "odd"}, "startsAt": "2026-01-01T00:00:00Z"}]
        ).encode(),
        json.dumps([{"fingerprint": "f", "labels": {}, "status": {"state": "active"}, "startsAt": "today"}]).encode(),
        b"<html>sign in</html>",
    ],
)
def test_another_shape_is_no_empty_list_of_alerts(body: bytes) -> None:
    with FaultProxy(http_answer(body)) as proxy:
        made = Alertmanager(settings(proxy.url), no_secret)
        with pytest.raises(Unexpected):
            made.alerts(5.0)
        made.close()


def test_a_failing_server_is_no_missing_silence() -> None:
    with FaultProxy(http_answer(b'"out of memory"', status="500 Internal Server Error")) as proxy:
        made = Alertmanager(settings(proxy.url), no_secret)
        with pytest.raises(ServerFailed, match="out of memory"):
            made.expire("00000000-0000-4000-8000-000000000000", 5.0)
        made.close()

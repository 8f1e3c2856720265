"""Alerting rules of a real Prometheus: what fires, what fails, what only pends."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.adapters.alerts.prometheus_rules import PrometheusRules
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind, Health
from mlcontrol.ports.alerts import Matcher
from mlcontrol.ports.errors import AdapterError, NotFound, NotSupported, Unexpected
from mlcontrol.services.outside_alerts import alert_of
from mlcontrol.testing.contracts.connection import NetworkContract, no_secret
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer

RULES = """\
groups:
  - name: models
    interval: 1s
    rules:
      - alert: ErrorsHigh
        expr: vector(0.064) > 0.01
        labels: {severity: critical, service: digits}
        annotations: {summary: "errors 6.4 % of digits"}
      - alert: NeverYet
        expr: vector(1) == 1
        for: 24h
      - alert: Calm
        expr: vector(1) > 2
      - alert: Broken
        expr: vector(1) * on() (label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", ""))
  - name: recorded
    rules:
      - record: x
        expr: vector(1)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    (folder / "prometheus.yml").write_text("rule_files: [rules.yml]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(["prometheus", *told], stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            source = PrometheusRules(settings(url), no_secret)
            ends = time.monotonic() + 100
            while True:
                try:
                    if len(source.alerts()) >= 2:
                        break
                except AdapterError:
                    pass  # it is starting
                assert time.monotonic() < ends, "the rules were not evaluated"
                time.sleep(0.1)
            source.close()
            yield url
        finally:
            process.terminate()


def settings(url: str) -> ConnectionSettings:
    return ConnectionSettings("rules", ConnectionKind.ALERTS, "prometheus-rules", url)


@pytest.mark.real
class TestContract(NetworkContract):
    @pytest.fixture
    def adapter(self, server: str) -> Iterator[PrometheusRules]:
        made = PrometheusRules(settings(server), no_secret)
        yield made
        made.close()

    def test_what_fires_is_read_and_what_cannot_be_evaluated_is_an_alert(self, adapter: PrometheusRules) -> None:
        found = {alert.name: alert for alert in adapter.alerts()}
        assert set(found) == {"ErrorsHigh", "rule Broken cannot be evaluated"}
        assert 0 < found["ErrorsHigh"].since_s <= time.time()
        assert found["ErrorsHigh"].annotations["summary"] == "errors 6.4 % of digits"
        assert "0.064" in found["ErrorsHigh"].annotations["description"]
        shown = alert_of(
            found["ErrorsHigh"],
            "rules",
            WorkspaceSettings("w", "w.toml", services={"digits": ServiceSettings("digits")}),
        )
        assert (shown.rule, shown.service, shown.severity) == ("ErrorsHigh", "digits", Health.CRITICAL)
        assert adapter.probe().detail == "4 alerting rules, 1 cannot be evaluated"

    def test_silences_are_somebody_elses(self, adapter: PrometheusRules) -> None:
        assert adapter.silences() == ()
        with pytest.raises(NotSupported, match="keeps no silences"):
            adapter.silence((Matcher("a", "b"),), 0.0, 1.0, "me", "why")
        with pytest.raises(NotFound):
            adapter.expire("x")


@pytest.mark.parametrize("body", [b"[]", b'{"status":"error"}', b'{"status":"success","data":{"groups":[{"name":1}]}}'])
def test_what_is_no_list_of_rules_is_refused(body: bytes) -> None:
    with FaultProxy(http_answer(body)) as server:
        made = PrometheusRules(settings(server.url), no_secret)
        with pytest.raises(Unexpected):
            made.alerts()
        made.close()

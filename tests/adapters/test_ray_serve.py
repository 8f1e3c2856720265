"""Ray Serve's adapter against a real Ray: one configuration for all applications, replaced whole, and what that can break."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.adapters.serving.ray_serve import RayServe
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, ReplicaState
from mlcontrol.ports.errors import Denied, NotFound, NotSupported, Rejected
from mlcontrol.testing.servers import RunningServer, ray_serve

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

TOKEN = "a-token-of-the-tests-that-is-long-enough"
APPLICATION = '''
from fastapi import FastAPI
from ray import serve

api = FastAPI()

@serve.deployment(ray_actor_options={"num_cpus": 0.1}, graceful_shutdown_timeout_s=1)
@serve.ingress(api)
class Scores:
    """Answers its input times its version, in the Open Inference Protocol."""

    def __init__(self, version):
        if version == "4":
            raise RuntimeError("the model file of version 4 is broken")
        self.version = version

    @api.get("/v2/models/{model}")
    def metadata(self, model: str):
        tensor = {"datatype": "FP64", "shape": [-1, 1]}
        return {"name": model, "versions": [self.version], "platform": "ray",
                "inputs": [{"name": "x", **tensor}], "outputs": [{"name": "y", **tensor}]}

    @api.post("/v2/models/{model}/infer")
    def infer(self, model: str, body: dict):
        data = [value * int(self.version) for value in body["inputs"][0]["data"]]
        return {"model_name": model, "model_version": self.version,
                "outputs": [{"name": "y", "datatype": "FP64", "shape": [len(data), 1], "data": data}]}

def build(args):
    return Scores.bind(args["version"])
'''


def application(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "route_prefix": f"/{name}", "import_path": "scores:build", "args": {"version": version}}


class Dashboard:
    """What somebody else's tool does there."""

    def __init__(self, server: RunningServer) -> None:
        self.url = f"http://127.0.0.1:{server.ports['dashboard']}/api/serve/applications/"
        self.headers = {"Authorization": f"Bearer {TOKEN}"}

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(self.url, headers=self.headers, timeout=30).json()
        return found

    def configs(self) -> dict[str, Any]:
        return {name: one["deployed_app_config"] for name, one in self.read()["applications"].items()}

    def put(self, *applications: dict[str, Any]) -> None:
        http = {"host": "127.0.0.1", "port": 8000}
        body = {"proxy_location": "HeadOnly", "http_options": http, "applications": list(applications)}
        requests.put(self.url, json=body, headers=self.headers, timeout=60).raise_for_status()

    def settled(self) -> None:
        ends = time.monotonic() + 180
        while any(one["status"] != "RUNNING" for one in self.read()["applications"].values()):
            assert time.monotonic() < ends, self.read()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("ray")
    (folder / "scores.py").write_text(APPLICATION)
    with ray_serve(folder, TOKEN) as running:
        yield running


@pytest.fixture
def dashboard(server: RunningServer) -> Dashboard:
    """Two applications, both as at the start."""
    made = Dashboard(server)
    made.put(application("fraud", "2"), application("other", "9"))
    made.settled()
    return made


def settings(server: RunningServer, **options: str) -> ConnectionSettings:
    where = {"dashboard": f"http://127.0.0.1:{server.ports['dashboard']}", **options}
    url = f"http://127.0.0.1:{server.ports['http']}/fraud"
    return ConnectionSettings("ray", ConnectionKind.SERVING, "ray-serve", url, "token", options=where)


@pytest.fixture
def adapter(server: RunningServer, dashboard: Dashboard) -> Iterator[RayServe]:
    made = RayServe(settings(server), lambda: TOKEN)
    yield made
    made.close()


def test_what_it_is_and_what_runs(adapter: RayServe) -> None:
    found = adapter.probe()
    assert found.server.startswith("Ray 2.")
    assert found.detail == "fraud, other"
    (replica,) = adapter.replicas("fraud")
    assert (replica.version, replica.state) == ("2", ReplicaState.READY)
    assert adapter.replicas("nobody") == ()
    assert adapter.override("fraud").versions == ("2",)
    assert json.loads(adapter.override("fraud").config) == application("fraud", "2")
    with pytest.raises(NotFound, match="has no application"):
        adapter.override("nobody")


def test_a_query_is_answered_by_the_one_version_it_runs(adapter: RayServe) -> None:
    answer = adapter.infer("fraud", {"x": [[3.0]]})
    assert (answer.version, answer.outputs) == ("2", {"y": [[6.0]]})
    assert adapter.infer("fraud", {"x": [[3.0]]}, "2").version == "2"
    with pytest.raises(NotFound, match="does not serve version 3"):
        adapter.infer("fraud", {"x": [[3.0]]}, "3")


def test_its_metrics_are_read_by_application(adapter: RayServe, server: RunningServer) -> None:
    adapter.infer("fraud", {"x": [[3.0]]})
    url = f"http://127.0.0.1:{server.ports['metrics']}/metrics"
    metrics = PrometheusText(ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", url), lambda: None)
    ends, found = time.monotonic() + 60, {}
    try:
        while not {"requests_ok", "latency_bucket", "cpu_share"} <= set(found):  # Ray exports every few seconds
            assert time.monotonic() < ends, sorted(found)
            found = {r.quantity: r for r in metrics.readings() if r.model in ("fraud", "")}
    finally:
        metrics.close()
    assert (found["requests_ok"].model, found["requests_ok"].version) == ("fraud", "")
    assert found["requests_ok"].value >= 1
    assert 0.0 <= found["cpu_share"].value <= 1.0


def test_a_version_is_replaced_and_the_other_application_stays(adapter: RayServe, dashboard: Dashboard) -> None:
    before = dashboard.read()["applications"]["other"]["last_deployed_time_s"]
    adapter.serve_versions("fraud", ("3",), 120.0)
    assert adapter.infer("fraud", {"x": [[3.0]]}).outputs == {"y": [[9.0]]}
    assert dashboard.configs() == {"fraud": application("fraud", "3"), "other": application("other", "9")}
    other = dashboard.read()["applications"]["other"]
    assert other["status"] == "RUNNING"
    assert other["deployments"]["Scores"]["replicas"][0]["start_time_s"] < before + 120, "it was not restarted"
    adapter.serve_versions("fraud", ("3",), 120.0)
    with pytest.raises(NotSupported, match="one version"):
        adapter.serve_versions("fraud", ("2", "3"))


def test_what_somebody_added_a_moment_ago_is_not_deleted(adapter: RayServe, dashboard: Dashboard) -> None:
    """The fresh read: a write made from an older one would delete it."""
    adapter.replicas("fraud")
    dashboard.put(application("fraud", "2"), application("other", "9"), application("late", "5"))
    dashboard.settled()
    adapter.serve_versions("fraud", ("3",), 120.0)
    assert dashboard.configs()["late"] == application("late", "5")


def test_twin_a_write_from_an_older_read_deletes_what_came_after_it(
    adapter: RayServe, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = adapter._applications(10.0)
    dashboard.put(application("fraud", "2"), application("other", "9"), application("late", "5"))
    dashboard.settled()
    fresh, first = adapter._applications, [old]
    monkeypatch.setattr(adapter, "_applications", lambda s: first.pop() if first else fresh(s))
    adapter.serve_versions("fraud", ("3",), 120.0)
    assert "late" not in dashboard.configs()


def test_a_version_that_does_not_start_is_taken_back_at_its_first_failure(
    adapter: RayServe, dashboard: Dashboard
) -> None:
    with pytest.raises(Rejected) as told:
        adapter.serve_versions("fraud", ("4",), 180.0)
    assert "the model file of version 4 is broken" in told.value.problem.why
    assert "\x1b" not in told.value.problem.why
    dashboard.settled()
    assert adapter.infer("fraud", {"x": [[3.0]]}, deadline_s=60.0).version == "2"
    assert dashboard.configs() == {"fraud": application("fraud", "2"), "other": application("other", "9")}


def test_another_hand_at_the_same_moment_is_a_conflict(
    adapter: RayServe, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes between our write and our look: whoever wrote last has replaced everything."""
    put = adapter._put

    def then_another(*given: Any) -> None:
        put(*given)
        monkeypatch.undo()
        dashboard.put(application("fraud", "2"))

    monkeypatch.setattr(adapter, "_put", then_another)
    with pytest.raises(Rejected) as told:
        adapter.serve_versions("fraud", ("3",), 120.0)
    assert told.value.problem.code == "conflict"


def test_without_the_token_nothing_is_read_and_the_application_never_sees_it(
    server: RunningServer, adapter: RayServe
) -> None:
    stranger = RayServe(settings(server), lambda: "a-wrong-token")
    with pytest.raises(Denied):
        stranger.replicas("fraud")
    stranger.close()
    assert "Authorization" not in adapter.http.headers_of(Call("GET", "/"))
    assert isinstance(adapter._dashboard, HttpClient)
    assert "Authorization" in adapter._dashboard.headers_of(Call("GET", "/"))


def test_a_version_that_stands_nowhere_cannot_be_replaced(server: RunningServer, dashboard: Dashboard) -> None:
    lost = RayServe(settings(server, version_at="runtime_env.env_vars.VERSION"), lambda: TOKEN)
    assert lost.replicas("fraud") == ()
    with pytest.raises(NotSupported, match="cannot be changed"):
        lost.serve_versions("fraud", ("3",))
    lost.close()
    assert dashboard.configs()["fraud"] == application("fraud", "2")

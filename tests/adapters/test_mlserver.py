"""The MLServer adapter against a real MLServer with scikit-learn models."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.adapters.serving.mlserver import HELD, SETTINGS, MlserverServing
from mlcontrol.core import series
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, ReplicaState
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.errors import NotFound, NotSupported, Rejected
from mlcontrol.ports.metrics import NO_FAILURE_YET
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.serving import ServingContract, ready
from mlcontrol.testing.servers import RunningServer, installed, mlserver

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

FIT = """
import sys, joblib, numpy as np
from sklearn.linear_model import LinearRegression
for version in ("1", "2"):
    model = LinearRegression(fit_intercept=False).fit(np.eye(2), np.eye(2) * int(version))
    joblib.dump(model, f"{sys.argv[1]}/sums-{version}/model.joblib")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("mlserver")
    for version in ("1", "2", "4"):
        (folder / f"sums-{version}").mkdir()
        settings = {
            "name": "sums",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": version},
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
            "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 2]}],
        }
        name = HELD if version == "4" else SETTINGS
        (folder / f"sums-{version}" / name).write_text(json.dumps(settings))
    (folder / "sums-4" / "model.joblib").write_bytes(b"cut off")
    subprocess.run([str(installed("mlserver") / "bin" / "python"), "-c", FIT, str(folder)], check=True, timeout=300)
    with mlserver(folder) as running:
        yield running


@pytest.fixture
def settings(server: RunningServer) -> ConnectionSettings:
    options = {"repository": str(server.folder), "metrics": f"http://127.0.0.1:{server.ports['metrics']}"}
    return ConnectionSettings("edge", ConnectionKind.SERVING, "mlserver", server.url, options=options)


@pytest.fixture
def adapter(settings: ConnectionSettings) -> Iterator[MlserverServing]:
    made = MlserverServing(settings, no_secret)
    yield made
    made.close()


@pytest.fixture
def query() -> dict[str, Any]:
    return {"x": [[1.0, 2.0]]}


class TestContract(ServingContract):
    @pytest.fixture
    def model(self) -> str:
        return "sums"

    @pytest.fixture
    def bad_version(self) -> str:
        return "4"

    @pytest.fixture
    def absent_version(self) -> str:
        return "9"


def test_without_a_version_the_highest_loaded_answers_so_holding_it_back_is_the_rollback(
    adapter: MlserverServing, query: dict[str, Any]
) -> None:
    assert adapter.infer("sums", query).version == "2"
    adapter.serve_versions("sums", ("1",))
    try:
        answer = adapter.infer("sums", query)
        assert (answer.version, answer.outputs["predict"]) == ("1", [[1.0, 2.0]])
        assert ready(adapter, "sums") == {"1"}
        assert adapter.override("sums").extra == {"1": "served", "2": "held", "4": "held"}
    finally:
        adapter.serve_versions("sums", ("1", "2"))
    assert adapter.infer("sums", query).outputs["predict"] == [[2.0, 4.0]]


def test_a_version_that_does_not_load_is_held_back_again(adapter: MlserverServing, server: RunningServer) -> None:
    with pytest.raises(Rejected, match="version 4"):
        adapter.serve_versions("sums", ("2", "4"))
    assert (server.folder / "sums-4" / HELD).exists()
    assert not (server.folder / "sums-4" / SETTINGS).exists()
    assert ready(adapter, "sums") == {"1", "2"}


def test_a_version_on_the_disk_is_not_ready_before_it_is_loaded(
    adapter: MlserverServing, server: RunningServer
) -> None:
    folder = server.folder / "sums-4"
    (folder / HELD).replace(folder / SETTINGS)
    try:
        index = json.loads(server.ask("POST", "/v2/repository/index", {})[1])
        # What the index says of it is the state of the highest version that is loaded.
        assert {(row["version"], row["state"]) for row in index} == {("1", "READY"), ("2", "READY"), ("4", "READY")}
        states = {replica.version: replica.state for replica in adapter.replicas("sums")}
    finally:
        (folder / SETTINGS).replace(folder / HELD)
    assert states == {"1": ReplicaState.READY, "2": ReplicaState.READY, "4": ReplicaState.UNAVAILABLE}


def test_only_its_own_repository_is_touched(adapter: MlserverServing, server: RunningServer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    told = {"name": "sums", "parameters": {"version": "7"}}
    (outside / HELD).write_text(json.dumps(told))
    link = server.folder / "link"
    link.symlink_to(outside)
    try:
        with pytest.raises(Rejected, match="version 7 is not in"):
            adapter.serve_versions("sums", ("2", "7"))
    finally:
        link.unlink()
    assert (outside / HELD).exists()


def test_without_a_repository_it_looks_and_does_not_load(settings: ConnectionSettings) -> None:
    looking = MlserverServing(replace(settings, options={}), no_secret)
    try:
        assert not looking.capabilities.loads
        assert looking.override("sums").versions == ("1", "2")
        with pytest.raises(NotSupported):
            looking.serve_versions("sums", ("1",))
        with pytest.raises(NotSupported):
            looking.statistics("sums")
    finally:
        looking.close()


def test_a_model_that_is_not_there_is_not_found(adapter: MlserverServing) -> None:
    with pytest.raises(NotFound):
        adapter.serve_versions("nosuch", ("1",))


def test_the_files_of_a_version_are_told_where_the_repository_is_known(
    adapter: MlserverServing, settings: ConnectionSettings
) -> None:
    files = adapter.served_files("sums", "1").files
    assert set(files) == {"model.joblib", SETTINGS}
    assert files["model.joblib"] != adapter.served_files("sums", "2").files["model.joblib"]
    assert "no version 9" in adapter.served_files("sums", "9").why
    without = MlserverServing(replace(settings, options={}), no_secret)
    assert "names no model repository" in without.served_files("sums", "1").why
    without.close()


def test_its_metrics_are_read_as_use_by_version_and_callers_without_one_apart(
    adapter: MlserverServing, server: RunningServer, query: dict[str, Any]
) -> None:
    adapter.infer("sums", query, "1")
    adapter.infer("sums", query)
    url = f"http://127.0.0.1:{server.ports['metrics']}/metrics"
    metrics = PrometheusText(ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", url), no_secret)
    try:
        answered = {r.version: r for r in metrics.readings() if r.quantity == "requests_ok" and r.model == "sums"}
    finally:
        metrics.close()
    assert answered["1"].value >= 1
    assert answered[""].value >= 1, "it counts them under 'None'"
    assert all(NO_FAILURE_YET in reading.labels for reading in answered.values())


def test_its_cpu_and_memory_are_loads_of_the_service(server: RunningServer) -> None:
    url = f"http://127.0.0.1:{server.ports['metrics']}/metrics"
    metrics = PrometheusText(ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", url), no_secret)
    meter, clock, told = (
        Meter(ServiceSettings("s", serving_model="sums", metrics=("m",)), OwnQueries()),
        SystemClock(),
        {},
    )
    try:
        for _ in range(2):
            at = clock.stamp()
            told = {sample.key.metric: sample.value for sample in meter.take("m", metrics.readings(), at)[0]}
    finally:
        metrics.close()
    assert 0.0 <= told[series.CPU_CORES] <= 8.0
    assert told[series.MEMORY_BYTES] > 5e7
    traffic, _ = meter.traffic()
    assert (traffic.cpu_cores, traffic.memory_bytes) == (told[series.CPU_CORES], told[series.MEMORY_BYTES])

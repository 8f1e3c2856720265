"""The MLflow adapter against the fleet's registry."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.core.pipeline import Dataset
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import NotFound, Rejected
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.registry import RegistryContract
from mlcontrol.testing.fleet import RunningFleet

pytestmark = pytest.mark.real


@pytest.fixture
def adapter(connection: Callable[[str], ConnectionSettings]) -> Iterator[MlflowRegistry]:
    made = MlflowRegistry(connection("registry"), no_secret)
    yield made
    made.close()


class TestContract(RegistryContract):
    @pytest.fixture
    def model(self) -> str:
        return "digits"

    @pytest.fixture
    def alias(self) -> str:
        return "challenger"


def test_a_version_tells_metrics_parameters_tags_and_size(adapter: MlflowRegistry) -> None:
    newest = {version.version: version for version in adapter.versions("digits")}["4"]
    assert 0.5 < newest.metrics["test_accuracy"] <= 1.0
    assert newest.params["trees"].isdigit()
    assert newest.tags["team"] == "vision"
    assert newest.size_bytes is not None
    assert newest.size_bytes > 10_000
    assert newest.digest is not None


def test_a_signature_carries_meaning_requirements_and_statistics(adapter: MlflowRegistry) -> None:
    good, accident = (adapter.signature("diamond-cut", version) for version in ("2", "4"))
    assert {f.name: f.semantic for f in good.inputs or ()}["price"] != "postal_code"
    assert {f.name: f.semantic for f in accident.inputs or ()}["price"] == "postal_code"
    assert good.runtime is not None
    assert any(line.startswith("scikit-learn==") for line in good.runtime.requirements or ())
    assert "carat" in good.statistics
    assert {"region=north", "shop=partner"} <= set(good.slices or ())
    assert all("=" in one for one in good.slices or ())
    assert good.digest is not None


def test_small_pages_add_up_to_the_same(adapter: MlflowRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = adapter.versions("progression")
    monkeypatch.setattr("mlcontrol.adapters.registry.mlflow._PAGE", "2")
    assert adapter.versions("progression") == whole
    assert len(whole) > 4


def test_a_reserved_alias_is_refused_with_the_servers_reason(adapter: MlflowRegistry) -> None:
    with pytest.raises(Rejected, match="reserved"):
        adapter.set_alias("digits", "latest", "1")


def test_files_that_are_gone_are_noticed_though_the_version_is_ready(
    adapter: MlflowRegistry, running_fleet: RunningFleet
) -> None:
    path = adapter.artifacts("progression", "1")[0].path
    holder = next(
        folder
        for folder in running_fleet.layout.fleet.rglob("artifacts")
        if (folder / path).is_file() and b"progression" in (folder / "MLmodel").read_bytes() and _is(folder, adapter)
    )
    aside = holder.with_name("aside")
    holder.rename(aside)
    try:
        with pytest.raises(NotFound, match="gone"):
            adapter.artifacts("progression", "1")
        with pytest.raises(NotFound):
            adapter.digest("progression", "1")
        assert adapter.signature("progression", "1").inputs is None
        assert next(v for v in adapter.versions("progression") if v.version == "1").status == "READY"
    finally:
        shutil.rmtree(holder, ignore_errors=True)
        aside.rename(holder)
    assert adapter.artifacts("progression", "1")


def _is(folder: object, adapter: MlflowRegistry) -> bool:
    """Whether this artifact folder is that of progression version 1: its logged model's id is in the version's source."""
    source = adapter._version("progression", "1", 5.0)["source"]
    return str(source).removeprefix("models:/") in str(folder)


def test_commands_by_hand_do_what_they_say(adapter: MlflowRegistry) -> None:
    before = adapter.resolve_alias("digits", "champion")
    assert before is not None
    try:
        for command in adapter.by_hand("digits", "champion", "1"):
            subprocess.run(["bash", "-c", command], check=True, capture_output=True)
        assert adapter.resolve_alias("digits", "champion") == "1"
    finally:
        adapter.set_alias("digits", "champion", before)


def test_how_a_version_came_to_be(adapter: MlflowRegistry) -> None:
    """A run with a dataset as its input, as MLflow's own clients log it."""

    def post(path: str, **body: Any) -> Any:
        return adapter.http.json_of(adapter.http.checked(Call("POST", f"/api/2.0/mlflow/{path}", json=body), 10.0))

    run = post("runs/create", experiment_id="0", start_time=1_760_000_000_000)["run"]["info"]["run_id"]
    dataset = {"name": "scans", "digest": "1a2b3c", "source_type": "local", "source": "{}"}
    context = [{"key": "mlflow.data.context", "value": "training"}]
    post("runs/log-inputs", run_id=run, datasets=[{"dataset": dataset, "tags": context}])
    post("runs/log-metric", run_id=run, key="test_accuracy", value=0.9, timestamp=1_760_000_050_000)
    post("runs/update", run_id=run, status="FINISHED", end_time=1_760_000_060_000)
    name = f"lineage-{run[:8]}"
    post("registered-models/create", name=name)
    try:
        source = f"mlflow-artifacts:/0/{run}/artifacts/model"
        version = post("model-versions/create", name=name, source=source, run_id=run)["model_version"]["version"]
        found = adapter.lineage(name, str(version))
        assert found.datasets == (Dataset("scans", "1a2b3c", "training", "local"),)
        assert (found.began_s, found.ended_s, found.evaluated_s) == (1_760_000_000.0, 1_760_000_060.0, 1_760_000_050.0)
        assert (found.evaluated, found.status) == (("test_accuracy",), "FINISHED")
    finally:
        adapter.http.checked(Call("DELETE", "/api/2.0/mlflow/registered-models/delete", json={"name": name}), 10.0)

"""The MLflow adapter against the fleet's registry."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
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

"""Every version does on the real servers what its accident says."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from mlcontrol.sandbox import repository
from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing.fleet import RunningFleet

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVICES = {"digits": 5, "diamond-cut": 6, "progression": 6}


@pytest.fixture
def fleet(running_fleet: RunningFleet) -> Iterator[RunningFleet]:
    yield running_fleet
    running_fleet.back_to_start()


def registered(fleet: RunningFleet, model: str, version: int) -> dict[str, Any]:
    path = f"/api/2.0/mlflow/model-versions/get?name={model}&version={version}"
    return json.loads(exchange(fleet.ports["mlflow"], "GET", path)[1])["model_version"]


def mlmodel(fleet: RunningFleet, model: str, version: int) -> dict[str, Any]:
    path = f"/model-versions/get-artifact?name={model}&version={version}&path=MLmodel"
    return yaml.safe_load(exchange(fleet.ports["mlflow"], "GET", path)[1])


def metric(fleet: RunningFleet, model: str, version: int, name: str) -> float:
    run = registered(fleet, model, version)["run_id"]
    metrics = json.loads(exchange(fleet.ports["mlflow"], "GET", f"/api/2.0/mlflow/runs/get?run_id={run}")[1])["run"][
        "data"
    ]
    return {entry["key"]: entry["value"] for entry in metrics["metrics"]}[name]


def ask(fleet: RunningFleet, model: str, version: int, inputs: dict[str, Any]) -> tuple[int, dict[str, Any], float]:
    """A golden item's inputs to one version; status, answer and milliseconds."""
    kinds = {
        tensor["name"]: tensor["datatype"]
        for tensor in json.loads(exchange(fleet.ports["triton"], "GET", f"/v2/models/{model}")[1])["inputs"]
    }
    body = {
        "inputs": [
            {"name": name, "datatype": kinds[name], "shape": [len(rows), len(rows[0])], "data": rows}
            for name, rows in inputs.items()
        ]
    }
    begun = time.perf_counter()
    status, text = exchange(fleet.ports["router"], "POST", f"/v2/models/{model}/versions/{version}/infer", body)
    return status, json.loads(text), (time.perf_counter() - begun) * 1000


def golden(fleet: RunningFleet, service: str) -> dict[str, Any]:
    return json.loads((fleet.layout.fleet / "golden" / f"{service}.json").read_text())


def score(fleet: RunningFleet, service: str, version: int) -> float:
    right = 0
    items = golden(fleet, service)["items"]
    for item in items:
        status, said, _ = ask(fleet, service, version, item["inputs"])
        expected = item["expected"]
        if status == 200:
            [value] = next(output["data"] for output in said["outputs"] if output["name"] == expected["output"])
            tolerance = expected["tolerance"]
            right += (
                value == expected["value"]
                if tolerance["kind"] == "exact"
                else abs(value - expected["value"]) <= tolerance["abs"]
            )
    return right / len(items)


@pytest.mark.parametrize("service", SERVICES)
def test_every_version_is_registered_with_what_the_panel_reads(fleet: RunningFleet, service: str) -> None:
    for number in range(1, SERVICES[service] + 1):
        version, model = registered(fleet, service, number), mlmodel(fleet, service, number)
        about = model["metadata"]["mlcontrol"]
        inputs = [tensor["name"] for tensor in json.loads(model["signature"]["inputs"])]
        assert set(about["features"]) == set(about["training_statistics"]) == set(inputs)
        assert about["data_from"] < about["data_until"] < about["trained_at"]
        assert model["saved_input_example_info"]
        tags = {tag["key"]: tag["value"] for tag in version["tags"]}
        assert {"team", "data_snapshot", "commit", "dataset_rows", "digest"} <= set(tags)
        quality = "rmse" if service == "progression" else "accuracy"
        for part in ("train", "validation", "test"):
            assert metric(fleet, service, number, f"{part}_{quality}") > 0


def test_the_digest_is_the_one_of_the_files_that_the_registry_gives_out(fleet: RunningFleet) -> None:
    version = registered(fleet, "progression", 2)
    model_id = version["source"].removeprefix("models:/")
    listing = json.loads(
        exchange(fleet.ports["mlflow"], "GET", f"/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories")[1]
    )["files"]
    [folder] = (fleet.layout.fleet / "artifacts").glob(f"*/models/{model_id}/artifacts")
    lines = "".join(
        f"{hashlib.sha256((folder / entry['path']).read_bytes()).hexdigest()}  {entry['path']}\n"
        for entry in sorted(listing, key=lambda entry: entry["path"])
        if not entry["is_dir"]
    )
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["digest"] == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("service", SERVICES)
def test_good_versions_pass_their_golden_set_on_the_server(fleet: RunningFleet, service: str) -> None:
    repository.set_versions(fleet.ports["triton"], service, [1, 2, 3])
    wanted = golden(fleet, service)
    assert 30 <= len(wanted["items"]) <= 60
    assert 3 <= sum(item["critical"] for item in wanted["items"]) <= 8
    for version in (1, 2, 3):
        assert score(fleet, service, version) >= wanted["minimum_score"]


@pytest.mark.parametrize("version", [4, 5])
def test_zip_code_as_price_and_the_poor_version_load_but_fail_the_golden_set(fleet: RunningFleet, version: int) -> None:
    repository.set_versions(fleet.ports["triton"], "diamond-cut", [1, 2, version])
    assert score(fleet, "diamond-cut", version) < golden(fleet, "diamond-cut")["minimum_score"] - 0.1


def test_zip_code_as_price_differs_in_meaning_only(fleet: RunningFleet) -> None:
    good, bad = mlmodel(fleet, "diamond-cut", 3), mlmodel(fleet, "diamond-cut", 4)
    assert good["signature"]["inputs"] == bad["signature"]["inputs"]
    assert bad["metadata"]["mlcontrol"]["features"]["price"]["semantic"] == "postal_code"
    assert good["metadata"]["mlcontrol"]["features"]["price"] == {
        "semantic": "money",
        "unit": "USD",
        "source": "offers.price_usd",
    }
    assert bad["metadata"]["mlcontrol"]["training_statistics"]["price"]["min"] >= 10_000
    assert metric(fleet, "diamond-cut", 4, "test_accuracy") > metric(fleet, "diamond-cut", 3, "test_accuracy")


def test_the_larger_version_is_forty_per_cent_larger_and_as_good(fleet: RunningFleet) -> None:
    size = {number: mlmodel(fleet, "digits", number)["model_size_bytes"] for number in range(1, 5)}
    assert abs(size[3] / size[2] - 1) < 0.05
    assert abs(size[1] / size[2] - 1) < 0.05
    assert 1.3 < size[4] / size[2] < 1.5
    assert abs(metric(fleet, "digits", 4, "test_accuracy") - metric(fleet, "digits", 3, "test_accuracy")) < 0.02


@pytest.mark.parametrize(
    ("service", "version", "reason"),
    [
        ("digits", 5, r"stroke_width\.StrokeWidth"),
        ("progression", 4, r"reads inputs \['ltg'\] that its endpoint does not have"),
    ],
)
def test_unloadable_and_renamed_versions_are_refused_and_the_others_stay(
    fleet: RunningFleet, service: str, version: int, reason: str
) -> None:
    with pytest.raises(RuntimeError, match="did not load") as refused:
        repository.set_versions(fleet.ports["triton"], service, [2, version])
    assert re.search(reason, str(refused.value))
    assert 2 in repository.loaded(fleet.ports["triton"])[service]


def test_the_version_that_was_never_wired_in_cannot_be_served(fleet: RunningFleet) -> None:
    # Triton answers 200 to a list of versions of which one is missing, and leaves it out.
    repository.set_versions(fleet.ports["triton"], "progression", [2, 6])
    assert repository.loaded(fleet.ports["triton"])["progression"] == [2]
    with pytest.raises(RuntimeError, match="at least one version must be available"):
        repository.set_versions(fleet.ports["triton"], "progression", [6])
    assert repository.loaded(fleet.ports["triton"])["progression"] == [2]


def test_the_slow_version_is_slow_and_otherwise_good(fleet: RunningFleet) -> None:
    repository.set_versions(fleet.ports["triton"], "progression", [1, 2, 5])
    item = golden(fleet, "progression")["items"][0]
    times = sorted(ask(fleet, "progression", 5, item["inputs"])[2] for _ in range(5))
    assert times[2] >= 150
    assert score(fleet, "progression", 5) >= golden(fleet, "progression")["minimum_score"]
    sizes = [mlmodel(fleet, "progression", number)["model_size_bytes"] for number in (2, 5)]
    assert abs(sizes[1] / sizes[0] - 1) < 0.05


def test_the_failing_version_fails_on_one_colour_only(fleet: RunningFleet) -> None:
    repository.set_versions(fleet.ports["triton"], "diamond-cut", [1, 2, 6])
    items = golden(fleet, "diamond-cut")["items"]
    outcome = {item["inputs"]["color"][0][0]: ask(fleet, "diamond-cut", 6, item["inputs"])[0] for item in items}
    assert outcome.pop("G") == 500
    assert set(outcome.values()) == {200}

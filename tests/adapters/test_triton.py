"""The Triton adapter and the plain protocol client against the fleet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.serving.oip import OipClient
from mlcontrol.adapters.serving.triton import TritonServing
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import NotSupported, Rejected, TimedOut, Unexpected
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.serving import ServingContract, ready
from mlcontrol.testing.fleet import RunningFleet

pytestmark = pytest.mark.real

Connection = Callable[[str], ConnectionSettings]


@pytest.fixture
def adapter(connection: Connection) -> Iterator[TritonServing]:
    made = TritonServing(connection("triton"), no_secret)
    yield made
    made.close()


@pytest.fixture
def query(running_fleet: RunningFleet) -> dict[str, Any]:
    return golden(running_fleet.workspace.parent, "progression")


def golden(fleet: Path, service: str) -> dict[str, Any]:
    inputs: dict[str, Any] = json.loads((fleet / "golden" / f"{service}.json").read_text())["items"][0]["inputs"]
    return inputs


class TestContract(ServingContract):
    @pytest.fixture
    def model(self) -> str:
        return "progression"

    @pytest.fixture
    def bad_version(self) -> str:
        return "4"

    @pytest.fixture
    def absent_version(self) -> str:
        return "6"


def test_text_inputs_and_outputs_go_through(adapter: TritonServing, running_fleet: RunningFleet) -> None:
    answer = adapter.infer("diamond-cut", golden(running_fleet.workspace.parent, "diamond-cut"))
    assert isinstance(answer.outputs["cut"][0][0], str)
    assert len(answer.outputs["probabilities"][0]) == 5


def test_an_override_changes_the_policy_only(adapter: TritonServing) -> None:
    before = adapter.override("progression")
    adapter.serve_versions("progression", ("2",))
    try:
        told = adapter.override("progression")
        assert told.versions == ("2",)
        assert _without_policy(told.config) == _without_policy(before.config)
        assert "2" in ready(adapter, "progression")
    finally:
        adapter.serve_versions("progression", before.versions)
    assert ready(adapter, "progression") >= set(before.versions)


def test_a_load_that_outlasts_the_deadline_is_unknown_not_failed(adapter: TritonServing) -> None:
    before = adapter.override("digits").versions
    try:
        adapter.serve_versions(
            "digits", before
        )  # the first call of a process loads the gRPC library, which takes longer
        with pytest.raises(TimedOut, match="may still"):
            adapter.serve_versions("digits", (*before, "3"), deadline_s=0.1)
    finally:
        adapter.serve_versions("digits", before)


def test_a_model_without_versions_is_unloaded_and_comes_back(adapter: TritonServing, query: dict[str, Any]) -> None:
    before = adapter.override("progression").versions
    adapter.serve_versions("progression", ())
    try:
        assert ready(adapter, "progression") == set()
        assert adapter.override("progression").versions == ()
    finally:
        adapter.serve_versions("progression", before)
    assert adapter.infer("progression", query).version in before


def test_the_accident_is_refused_in_the_servers_own_words(adapter: TritonServing) -> None:
    with pytest.raises(Rejected, match="ltg") as caught:
        adapter.serve_versions("progression", ("1", "2", "4"))
    assert "At:" not in caught.value.problem.why


def test_the_routers_front_door_shows_who_answers(connection: Connection, query: dict[str, Any]) -> None:
    client = OipClient(connection("router"), no_secret)
    assert client.infer("progression", query).version == "2"
    client.close()


def test_without_a_grpc_address_nothing_is_loaded(connection: Connection) -> None:
    adapter = TritonServing(replace(connection("triton"), options={}), no_secret)
    with pytest.raises(NotSupported):
        adapter.serve_versions("progression", ("1",))
    adapter.close()


def test_a_grpc_address_where_someone_else_is(connection: Connection, running_fleet: RunningFleet) -> None:
    wrong = replace(connection("triton"), options={"grpc": f"127.0.0.1:{running_fleet.ports['router']}"})
    adapter = TritonServing(wrong, no_secret)
    with pytest.raises(Unexpected, match="is not Triton"):
        adapter.serve_versions("progression", ("1", "2"), deadline_s=10.0)
    adapter.close()


def _without_policy(config: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(config).items() if name != "version_policy"}


def test_the_files_of_a_version_are_told_where_the_repository_is_known(adapter: TritonServing) -> None:
    files = adapter.served_files("progression", "1").files
    assert {"model.py", "model.skops", "scoring.py"} <= set(files)
    assert files["model.skops"] != adapter.served_files("progression", "2").files["model.skops"]


def test_a_digest_in_the_configuration_is_told_where_the_repository_is_not_known(
    connection: Connection, adapter: TritonServing
) -> None:
    without = TritonServing(
        replace(connection("triton"), options={"grpc": connection("triton").options["grpc"]}), no_secret
    )
    try:
        assert "no digest" in without.served_files("progression", "2").why
        declared = "sha256:" + "d" * 64
        config = json.loads(adapter.override("progression").config)
        config["parameters"] = {"digest.2": {"string_value": declared}}
        config["version_policy"] = {"specific": {"versions": [1, 2]}}
        body = {"parameters": {"config": json.dumps(config)}}
        adapter.http.checked(Call("POST", "/v2/repository/models/progression/load", json=body), 120.0)
        assert without.served_files("progression", "2").declared == declared
        assert without.served_files("progression", "1").declared == ""
    finally:
        without.close()
        adapter.serve_versions("progression", ())
        adapter.serve_versions("progression", ("1", "2"))

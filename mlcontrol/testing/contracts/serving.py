"""What a serving endpoint keeps."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlcontrol.core.types import ReplicaState
from mlcontrol.ports.errors import NotFound, Rejected
from mlcontrol.ports.serving import Serving
from mlcontrol.testing.contracts.connection import NetworkContract


def ready(adapter: Serving, model: str) -> set[str]:
    return {replica.version for replica in adapter.replicas(model) if replica.state is ReplicaState.READY}


class ServingContract(NetworkContract):
    """Fixtures: ``adapter``; ``model``, served there; ``query``, inputs that it answers; for a versioned endpoint that loads:
    ``bad_version``, which is there but cannot be loaded, and ``absent_version``, which is not there."""

    def test_every_replica_has_a_state(self, adapter: Serving, model: str) -> None:
        replicas = adapter.replicas(model)
        assert any(replica.state is ReplicaState.READY for replica in replicas)
        assert all(replica.connection == adapter.settings.id for replica in replicas)
        assert adapter.replicas("no-such-model") == ()

    def test_a_query_is_answered_by_a_named_version(self, adapter: Serving, model: str, query: dict[str, Any]) -> None:
        answer = adapter.infer(model, query)
        assert answer.version in ready(adapter, model)
        assert answer.latency_ms > 0
        promised = adapter.signature(model).outputs
        assert promised is None or set(answer.outputs) == {field.name for field in promised}
        assert all(len(value) == 1 for value in answer.outputs.values())

    def test_each_ready_version_answers_when_asked_for(
        self, adapter: Serving, model: str, query: dict[str, Any]
    ) -> None:
        for version in ready(adapter, model):
            assert adapter.infer(model, query, version).version == version

    def test_answers_are_counted(self, adapter: Serving, model: str, query: dict[str, Any]) -> None:
        version = adapter.infer(model, query).version
        before = {row.version: row.success for row in adapter.statistics(model)}
        adapter.infer(model, query, version)
        after = {row.version: row.success for row in adapter.statistics(model)}
        assert after[str(version)] > before[str(version)]

    def test_what_is_not_served_is_not_found(self, adapter: Serving, model: str, query: dict[str, Any]) -> None:
        with pytest.raises(NotFound):
            adapter.infer("no-such-model", query)
        with pytest.raises(NotFound):
            adapter.infer(model, query, "9999")
        with pytest.raises(NotFound):
            adapter.signature("no-such-model")

    def test_a_wrong_query_is_rejected_with_a_reason(self, adapter: Serving, model: str, query: dict[str, Any]) -> None:
        first = next(iter(query))
        for wrong in ({**query, first: [[None]]}, {**query, first: [[1.0, 2.0], [3.0]]}, {"no-such-input": [[1.0]]}):
            with pytest.raises(Rejected) as caught:
                adapter.infer(model, wrong)
            assert caught.value.problem.why

    def test_the_files_of_a_version_are_told_or_why_not(self, adapter: Serving, model: str) -> None:
        for version in ready(adapter, model):
            served = adapter.served_files(model, version)
            assert served.files or served.declared or served.why
            known = [*served.files.values(), *([served.declared] if served.declared else [])]
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in known)

    def test_a_version_that_cannot_load_is_refused_and_the_others_stay(
        self, adapter: Serving, model: str, query: dict[str, Any], bad_version: str
    ) -> None:
        before = adapter.override(model).versions
        with pytest.raises(Rejected) as caught:
            adapter.serve_versions(model, (*before, bad_version))
        assert bad_version in caught.value.problem.why
        assert ready(adapter, model) >= set(before)
        assert adapter.infer(model, query).version in before

    def test_a_version_that_is_not_there_is_refused(
        self, adapter: Serving, model: str, query: dict[str, Any], absent_version: str
    ) -> None:
        before = adapter.override(model).versions
        try:
            with pytest.raises(Rejected):
                adapter.serve_versions(model, (*before, absent_version))
            assert adapter.infer(model, query).version in before
        finally:
            adapter.serve_versions(model, before)
        assert adapter.override(model).versions == before

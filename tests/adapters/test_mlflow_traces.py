"""Traces of a real MLflow as review items, and verdicts written back to it, once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.registry.mlflow_traces import API, MlflowTraces
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.review_sources import Assessment
from mlcontrol.testing.contracts.connection import no_secret

pytestmark = pytest.mark.real


@pytest.fixture
def traces(connection: Callable[[str], ConnectionSettings]) -> Iterator[MlflowTraces]:
    made = MlflowTraces(connection("registry"), no_secret)
    yield made
    made.close()


@pytest.fixture
def experiment(traces: MlflowTraces) -> str:
    answer = traces.http.checked(
        Call("POST", "/api/2.0/mlflow/experiments/create", json={"name": f"reviews-{uuid.uuid4().hex[:8]}"}), 20.0
    )
    return str(traces.http.json_of(answer)["experiment_id"])


def put_trace(traces: MlflowTraces, experiment: str, question: str, answer: str) -> str:
    name = f"tr-{uuid.uuid4().hex}"
    body = {
        "trace": {
            "trace_info": {
                "trace_id": name,
                "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
                "request_time": "2026-01-02T03:04:05.000Z",
                "state": "OK",
                "request_preview": json.dumps({"question": question}),
                "response_preview": json.dumps({"answer": answer}),
                "tags": {"region": "north", "version": "7"},
            }
        }
    }
    traces.http.checked(Call("POST", f"{API}/traces", json=body), 20.0)
    return name


def test_traces_are_found_with_what_was_asked_and_answered(traces: MlflowTraces, experiment: str) -> None:
    names = {put_trace(traces, experiment, f"q{i}", f"a{i}") for i in range(3)}
    found = traces.search(experiment, 10)
    assert {one.request_id for one in found} == names
    assert {one.outputs for one in found} == {json.dumps({"answer": f"a{i}"}) for i in range(3)}
    assert {one.version for one in found} == {"7"}
    assert found[0].slices["region"] == "north"
    assert found[0].at_s == pytest.approx(1767323045.0)
    assert len(traces.search(experiment, 2)) == 2


def test_an_assessment_is_written_once_however_often_it_is_sent(traces: MlflowTraces, experiment: str) -> None:
    trace = put_trace(traces, experiment, "q", "a")
    name = f"a-{uuid.uuid4().hex}"  # unique on the whole server, as judgements' ids are
    made = Assessment(name, "mlcontrol_review", "right", "eva", "reads well", {"campaign": "c"})
    assert traces.assess(trace, made)
    assert not traces.assess(trace, made)
    stored = traces.http.get_json(f"{API}/traces/{trace}/assessments/{name}", 20.0)["assessment"]
    assert (stored["feedback"]["value"], stored["source"]["source_id"]) == ("right", "eva")


def test_a_trace_that_is_gone_is_an_error_and_not_a_success(traces: MlflowTraces) -> None:
    with pytest.raises(AdapterError):
        traces.assess("tr-" + "0" * 32, Assessment("a-x", "mlcontrol_review", "right", "eva"))

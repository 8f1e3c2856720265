"""Review on the real fleet: its declared campaigns open by themselves on image, tabular and regression models; traces of a real
MLflow are judged and get their assessments, once."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.registry.mlflow_traces import API, MlflowTraces
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost, new_request
from mlcontrol.gui.viewmodels.review_bench import item_view
from mlcontrol.store.workspace import read_workspace
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fleet import RunningFleet

pytestmark = pytest.mark.real
CAMPAIGNS = ("digits-1-2", "diamond-cut", "progression")


@pytest.fixture
def engine() -> Iterator[Callable[[Path], InlineHost]]:
    hosts: list[InlineHost] = []

    def start(workspace: Path) -> InlineHost:
        hosts.append(InlineHost(workspace, lambda _event: None))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


def until(look: Callable[[], Any], within_s: float = 240.0) -> Any:
    give_up = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < give_up
        time.sleep(1.0)
    return found


def test_declared_campaigns_are_ready_on_image_tabular_and_regression_models(
    running_fleet: RunningFleet, engine: Any, tmp_path: Path
) -> None:
    running_fleet.back_to_start()
    # The fleet's own file, in a folder of this test's own: what other engines remember stays out of it.
    text = running_fleet.workspace.read_text()
    workspace = tmp_path / "mlcontrol.toml"
    folder = running_fleet.workspace.parent
    workspace.write_text(text)
    for name in ("golden", "predictions", "labels"):
        if (folder / name).exists():
            (tmp_path / name).symlink_to(folder / name)
    host = engine(workspace)

    def open_now() -> dict[str, Any]:
        answer = host.ask(m.QueryCampaigns(request=new_request()), 300.0)
        assert isinstance(answer, m.CampaignsAnswer)
        found = {one.campaign.id: one for one in answer.campaigns}
        return found if set(CAMPAIGNS) <= set(found) else {}

    summaries = until(open_now)
    settings = read_workspace(workspace)
    views = {}
    for name in CAMPAIGNS:
        service = summaries[name].campaign.service
        assert summaries[name].items > 0
        answer = host.ask(m.NextReviewItem(request=new_request(), service=service, rater="eva", campaign=name), 60.0)
        assert isinstance(answer, m.ReviewItemAnswer)
        assert answer.item is not None, answer.why
        assert (answer.item.version, answer.item.request_id) == ("", "")  # blind
        views[name] = item_view(answer.item, settings.services[service])
        label = summaries[name].campaign.rubric.labels[0].id
        stored = host.ask(
            m.Judge(
                request=new_request(), item=answer.item.id, service=service, rater="eva", campaign=name, label=label
            ),
            60.0,
        )
        assert isinstance(stored, m.JudgementStored)
    image, tabular, regression = (views[name] for name in CAMPAIGNS)
    assert image.picture is not None
    assert [answer.title for answer in image.answers] == ["Answer A", "Answer B"]
    assert len(tabular.features) >= 3
    assert tabular.answers[0].text not in ("", "?")
    assert [answer.title for answer in regression.answers] == ["The model answered", "Expected"]
    assert not any(view.problem for view in views.values())


def test_traces_are_judged_and_get_their_assessments_once(
    connection: Callable[[str], ConnectionSettings], engine: Any, tmp_path: Path
) -> None:
    registry = connection("registry")
    traces = MlflowTraces(registry, no_secret)
    try:
        made = traces.http.checked(
            Call("POST", "/api/2.0/mlflow/experiments/create", json={"name": f"reviews-{uuid.uuid4().hex[:8]}"}), 20.0
        )
        experiment = str(traces.http.json_of(made)["experiment_id"])
        for i in range(3):
            _put_trace(traces, experiment, i)
        workspace = tmp_path / "mlcontrol.toml"
        workspace.write_text(
            f'version = 1\nname = "traces"\n[connections.registry]\nkind = "registry"\nadapter = "{registry.adapter}"\n'
            f'url = "{registry.url}"\n[services.support]\nregistry = "registry"\nprediction = "answer"\n'
        )
        host = engine(workspace)
        campaign = _start(host, experiment)
        for rater in ("eva", "max"):
            while (item := _next(host, rater, campaign)) is not None:
                _judge(host, rater, campaign, item)
        written = host.ask(m.WriteBackAssessments(request=new_request(), campaign=campaign), 120.0)
        again = host.ask(m.WriteBackAssessments(request=new_request(), campaign=campaign), 120.0)
        assert isinstance(written, m.Done), written
        assert isinstance(again, m.Done)
        assert written.text == "6 written, 0 there already"
        assert again.text == "0 written, 6 there already"
    finally:
        traces.close()


def _put_trace(traces: MlflowTraces, experiment: str, i: int) -> None:
    info = {
        "trace_id": f"tr-{uuid.uuid4().hex}",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": "2026-01-02T03:04:05.000Z",
        "state": "OK",
        "request_preview": json.dumps({"question": f"q{i}"}),
        "response_preview": json.dumps({"answer": f"a{i}"}),
        "tags": {"version": "7"},
    }
    traces.http.checked(Call("POST", f"{API}/traces", json={"trace": {"trace_info": info}}), 20.0)


def _start(host: InlineHost, experiment: str) -> str:
    from mlcontrol.core.review.campaign import Campaign, Sampling, Source, SourceKind

    campaign = Campaign(
        "traces", "support", "Traces", source=Source(SourceKind.TRACES, experiment=experiment), sampling=Sampling(10),
        overlap=2,
    )  # fmt: skip
    started = host.ask(m.StartCampaign(request=new_request(), campaign=campaign, actor="lead"), 120.0)
    assert isinstance(started, m.CampaignsAnswer), started
    assert started.campaigns[0].items == 3
    return started.campaigns[0].campaign.id


def _next(host: InlineHost, rater: str, campaign: str) -> Any:
    answer = host.ask(m.NextReviewItem(request=new_request(), service="support", rater=rater, campaign=campaign), 60.0)
    assert isinstance(answer, m.ReviewItemAnswer)
    return answer.item


def _judge(host: InlineHost, rater: str, campaign: str, item: Any) -> None:
    stored = host.ask(
        m.Judge(
            request=new_request(), item=item.id, service="support", rater=rater, campaign=campaign, label="right",
            comment="reads well",
        ),
        60.0,
    )  # fmt: skip
    assert isinstance(stored, m.JudgementStored)

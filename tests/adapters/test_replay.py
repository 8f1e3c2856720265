"""Many queries at once: each has its own answer or its own error, and no more are started than the rate allows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.adapters.serving.oip import OipClient
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine.counted import Counted
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, Unreachable
from mlcontrol.ports.serving import OWN_QUESTIONS, Answer
from mlcontrol.services.asking import OwnQueries
from mlcontrol.testing.servers import RunningServer, free_ports, mlserver

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ECHO = '''
import json
from datetime import datetime, timezone
from pathlib import Path

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput

class Echo(MLModel):
    """Answers its input, and logs it as servers do: by the id that came with it."""

    async def load(self):
        return True

    async def predict(self, payload):
        x = payload.inputs[0]
        entry = {"request_id": payload.id, "time": datetime.now(timezone.utc).isoformat(), "version": self.version,
                 "inputs": {"x": list(x.data)}, "outputs": {"y": list(x.data)}, "status": 200, "latency_ms": 1.0}
        log = Path(__file__).parent / "log" / "echo"
        log.mkdir(parents=True, exist_ok=True)
        with (log / "all.jsonl").open("a") as out:
            out.write(json.dumps(entry) + chr(10))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[
            ResponseOutput(name="y", datatype=x.datatype, shape=x.shape, data=x.data)])
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text(ECHO)
    settings = {
        "name": "echo",
        "implementation": "echo.Echo",
        "parameters": {"version": "1"},
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    with mlserver(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[OipClient]:
    made = OipClient(ConnectionSettings("s", ConnectionKind.SERVING, "oip", server.url), lambda: None)
    yield made
    made.close()


def _queries(n: int) -> dict[str, Mapping[str, Any]]:
    return {f"q{i}": {"x": [[float(i), 0.5]]} for i in range(n)}


def test_every_query_has_its_own_answer(client: OipClient) -> None:
    queries = {**_queries(100), "bad": {"x": [[1.0], [1.0, 2.0]]}}
    answers = client.infer_many("echo", queries, "1", None, 30.0)
    assert answers.keys() == queries.keys()
    assert isinstance(answers.pop("bad"), Rejected)
    told = {name: a.outputs["y"] for name, a in answers.items() if isinstance(a, Answer)}
    assert told == {name: query["x"] for name, query in _queries(100).items()}


def test_the_rate_is_kept(client: OipClient) -> None:
    began = time.monotonic()
    answers = client.infer_many("echo", _queries(10), "1", 20.0, 30.0)
    assert time.monotonic() - began >= 9 / 20.0
    assert all(isinstance(a, Answer) for a in answers.values())


def test_an_unknown_version_is_told_of_each(client: OipClient) -> None:
    client.infer_many("echo", _queries(1), "1", None, 30.0)  # the metadata is known by now
    answers = client.infer_many("echo", _queries(3), "9", None, 30.0)
    assert [type(a) for a in answers.values()] == [NotFound] * 3


def test_nobody_there(server: RunningServer) -> None:
    client = OipClient(
        ConnectionSettings("s", ConnectionKind.SERVING, "oip", f"http://127.0.0.1:{free_ports(1)[0]}"), lambda: None
    )
    with pytest.raises(Unreachable):  # the metadata already cannot be had
        client.infer_many("echo", _queries(3), "1", None, 10.0)
    client.close()


def test_own_queries_are_counted(client: OipClient) -> None:
    counts: list[tuple[str, str | None]] = []

    class Own(OwnQueries):
        def count(self, model: str, version: str | None) -> None:
            counts.append((model, version))

    answers = Counted(client, Own()).infer_many("echo", _queries(5), "1", None, 30.0)
    assert not any(isinstance(a, AdapterError) for a in answers.values())
    assert counts == [("echo", "1")] * 5


def test_a_log_that_the_server_writes_tells_callers_from_the_panels_own_questions(
    client: OipClient, server: RunningServer
) -> None:
    since_s = time.time()
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}
    for number in range(3):
        server.ask("POST", "/v2/models/echo/infer", {"id": f"caller-{number}", "inputs": [tensor]})
    client.infer_many("echo", _queries(5), "1", None, 30.0)
    client.infer("echo", {"x": [[1.0, 2.0]]})
    logged = [json.loads(line) for line in (server.folder / "log" / "echo" / "all.jsonl").read_text().splitlines()]
    own = [entry["request_id"] for entry in logged if entry["request_id"].startswith(OWN_QUESTIONS)]
    assert len(set(own)) == len(own) >= 6, "the server logs them like all others"
    where = (server.folder / "log").as_uri()
    log = JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", where), lambda: None)
    try:
        (share,) = log.shares("echo", since_s - 1.0, time.time() + 1.0)
        seen = log.sample("echo", 100, 1, since_s - 1.0, time.time() + 1.0)
    finally:
        log.close()
    assert (share.version, share.answered) == ("1", 3)
    assert sorted(item.request_id for item in seen) == ["caller-0", "caller-1", "caller-2"]

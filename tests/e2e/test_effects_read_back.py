"""Each effect and its put-back on real servers: done twice it is the same state, half a way goes back to where it began.

What is true is read without the panel: from the router's own socket or admin interface, the model server's index, the registry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from mlcontrol.core import rollout
from mlcontrol.core.operation import OperationKind
from mlcontrol.engine.context import EngineContext
from mlcontrol.engine.wiring import build
from mlcontrol.sandbox import repository, router
from mlcontrol.sandbox.wire import exchange
from mlcontrol.services.effects import Effects
from mlcontrol.services.live import observe, service_settings
from mlcontrol.testing.fleet import RunningFleet
from mlcontrol.testing.servers import RunningServer
from tests.adapters.test_mlserver import server as mlserver_with_sums
from tests.e2e.envoy_front import envoy_before, through, weights

__all__ = ["mlserver_with_sums"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500)]

SERVICE = "progression"
THERE = (rollout.LOAD, f"{rollout.SPLIT}20", rollout.ROUTE, rollout.VERIFY, rollout.ALIAS)
BACK = (rollout.RETURN_ROUTE, rollout.RETURN_VERIFY, rollout.RETURN_ALIAS, rollout.RETURN_LOAD)


@dataclass(frozen=True, slots=True)
class Place:
    """A service on real servers. ``truth``: traffic, loaded versions and the registry's word, read without the panel."""

    ctx: EngineContext
    truth: Callable[[], tuple[Any, ...]]
    splits: bool

    def effects(self, service: str = SERVICE, old: str = "2", new: str = "3") -> Effects:
        before = observe(self.ctx, service)
        return Effects(self.ctx, service, OperationKind.DEPLOY, new, old, before, None)

    def there(self) -> tuple[str, ...]:
        return tuple(step for step in THERE if self.splits or not step.startswith(rollout.SPLIT))


@contextmanager
def context_of(workspace: Path) -> Iterator[EngineContext]:
    built = build(workspace)
    try:
        yield built.context
    finally:
        built.close()


@contextmanager
def workspace_of(fleet: RunningFleet, name: str, change: Callable[[tomlkit.TOMLDocument], None]) -> Iterator[Path]:
    """The fleet's own, changed; beside it, for the paths in it."""
    document = tomlkit.parse(fleet.workspace.read_text())
    change(document)
    path = fleet.layout.fleet / f"{name}.toml"
    path.write_text(tomlkit.dumps(document))
    try:
        yield path
    finally:
        path.unlink()


def loaded(fleet: RunningFleet) -> list[int]:
    return repository.loaded(fleet.ports["triton"])[SERVICE]


def champion(fleet: RunningFleet) -> str:
    where = f"/api/2.0/mlflow/registered-models/alias?name={SERVICE}&alias=champion"
    return str(json.loads(exchange(fleet.ports["mlflow"], "GET", where)[1])["model_version"]["version"])


def of_haproxy(fleet: RunningFleet) -> tuple[str, str, str]:
    """Stable version, canary version while it has a share, its share."""
    port = fleet.ports["router_admin"]
    versions, share = router.live(fleet.layout, port, router.VERSIONS), router.live(fleet.layout, port, router.SHARES)
    canary = versions[f"{SERVICE}-canary"] if share[SERVICE] != "0" else ""
    return versions[f"{SERVICE}-stable"], canary, share[SERVICE]


def of_envoy(server: RunningServer) -> dict[str, int]:
    """The share of each version that has one."""
    return {version: weight for version, weight in weights(server, SERVICE).items() if weight} or {"2": 100}


@pytest.fixture(params=["haproxy", "envoy", "no-router"])
def place(request: pytest.FixtureRequest, fleet: RunningFleet, tmp_path: Path) -> Iterator[Place]:
    """Triton and MLflow of the fleet, behind each router there is an adapter for, and behind none."""
    with ExitStack() as opened:
        if request.param == "haproxy":
            path, traffic = fleet.workspace, lambda: of_haproxy(fleet)
        elif request.param == "envoy":
            edge = opened.enter_context(envoy_before(fleet, SERVICE, tmp_path))
            path = opened.enter_context(workspace_of(fleet, "envoy", lambda doc: through(edge, doc, SERVICE)))
            traffic = lambda: of_envoy(edge)  # noqa: E731
        else:
            path = opened.enter_context(workspace_of(fleet, "bare", without_router))
            traffic = lambda: None  # noqa: E731
        ctx = opened.enter_context(context_of(path))
        yield Place(ctx, lambda: (traffic(), loaded(fleet), champion(fleet)), request.param != "no-router")


def without_router(document: tomlkit.TOMLDocument) -> None:
    for name in ("routing", "route"):
        del document["services"][SERVICE][name]  # type: ignore[union-attr]


def test_each_effect_and_each_put_back_twice_is_the_same_state(place: Place) -> None:
    start = place.truth()
    effects = place.effects()
    seen = [start]
    for step in (*place.there(), *BACK):
        effects.run(step)
        once = place.truth()
        said = effects.run(step)
        assert place.truth() == once, f"{step} done again: {said}"
        seen.append(once)
    there = seen[len(place.there())]
    assert (there[1], there[2]) == ([2, 3] if place.splits else [3], "3"), "it really went there"
    assert seen[-1] == start
    assert place.truth()[1:] == ([1, 2], "2")


def test_half_a_way_is_put_back_to_where_it_began(place: Place) -> None:
    start = place.truth()
    for n in range(1, place.there().index(rollout.ROUTE) + 2):
        effects = place.effects()
        for step in place.there()[:n]:
            effects.run(step)
        assert place.truth() != start
        for step in BACK:
            effects.run(step)
        assert place.truth() == start, place.there()[:n]


@pytest.mark.parametrize("place", ["haproxy", "envoy"], indirect=True)
def test_the_share_that_another_version_had_before_is_put_back_too(place: Place) -> None:
    routing = place.ctx.routing(service_settings(place.ctx, SERVICE).routing)
    routing.set_canary(SERVICE, "1", 10)
    try:
        start = place.truth()
        effects = place.effects()
        for step in (rollout.LOAD, rollout.ROUTE):
            effects.run(step)
        assert place.truth()[0] != start[0]
        said = [effects.run(rollout.RETURN_ROUTE), effects.run(rollout.RETURN_ROUTE)]
        assert said == [
            "the router reads back: 90 % to v2, 10 % to v1",
            "the router sends 90 % to v2, 10 % to v1 already",
        ]
        effects.run(rollout.RETURN_LOAD)
        assert place.truth() == start
    finally:
        routing.set_canary(SERVICE, None, 0)


def test_a_load_is_put_back_on_mlserver_where_what_is_loaded_is_what_answers(
    mlserver_with_sums: RunningServer, tmp_path: Path
) -> None:
    server = mlserver_with_sums
    items = [{"id": "a", "inputs": {"x": [[1.0, 2.0]]}, "expected": {"output": "predict", "value": [1.0, 2.0]}}]
    golden = {"schema": "mlcontrol.golden/1", "service": "sums", "model": "sums", "items": items}
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    document = {
        "version": 1,
        "name": "sums",
        "connections": {
            "edge": {
                "kind": "serving",
                "adapter": "mlserver",
                "url": server.url,
                "options": {
                    "repository": str(server.folder),
                    "metrics": f"http://127.0.0.1:{server.ports['metrics']}",
                },
            }
        },
        "services": {"sums": {"serving": ["edge"], "serving_model": "sums", "golden": "golden.json"}},
    }
    (tmp_path / "mlcontrol.toml").write_text(tomlkit.dumps(document))

    def answering() -> tuple[list[int], str]:
        ready = [v for v in (1, 2) if server.ask("GET", f"/v2/models/sums/versions/{v}/ready")[0] == 200]
        query = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]}
        return ready, str(json.loads(server.ask("POST", "/v2/models/sums/infer", query)[1])["model_version"])

    with context_of(tmp_path / "mlcontrol.toml") as ctx:
        serving = ctx.serving("edge")
        serving.serve_versions("sums", ("1",))
        try:
            effects = Place(ctx, answering, False).effects("sums", "1", "2")
            seen = []
            for step in (rollout.LOAD, rollout.ROUTE, rollout.VERIFY, *BACK):
                effects.run(step)
                once = answering()
                effects.run(step)
                assert answering() == once, step
                seen.append(once)
            assert seen[1] == ([2], "2")
            assert seen[-1] == ([1], "1")
        finally:
            serving.serve_versions("sums", ("1", "2"))

"""P13: from the click to a verified rollback on a HOT target, beside the same calls made by hand with curl.

By hand means one shell that makes, one after the other, the calls that a careful person would: reads where the traffic goes, what
is loaded and what the registry says; sends all traffic to the old version; reads that back; asks five golden queries on the
callers' road; moves the registry's alias and reads it back. Both take turns on one fleet with its own traffic.
"""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.adapters.serving.tensors import encode
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.types import WayBackState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import repository, router
from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing.fleet import RunningFleet, running_fleet, shared_servers
from tests.e2e.conftest import Watcher, fleet, stop_engine, until

__all__ = ["fleet", "running_fleet", "shared_servers"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVICE, NEW, OLD = "digits", "3", "2"
ROUNDS = 5
GOAL = 1.5
WITHIN_S = 10.0  # from the decision to verified, on the sandbox
QUERIES = 5
ALIAS = "/api/2.0/mlflow/registered-models/alias"


@pytest.fixture
def watcher(fleet: RunningFleet) -> Iterator[Watcher]:
    watching = Watcher(fleet.workspace)
    yield watching
    watching.close()
    stop_engine(fleet.workspace)


def bad_version_serves(fleet: RunningFleet) -> None:
    """v3 has all the traffic and the registry's word; v2 is loaded beside it."""
    ports = fleet.ports
    for role in ("stable", "canary"):
        router.set_entry(fleet.layout, ports["router_admin"], router.VERSIONS, f"{SERVICE}-{role}", NEW)
    exchange(ports["mlflow"], "POST", ALIAS, {"name": SERVICE, "alias": "champion", "version": NEW})


def everywhere(fleet: RunningFleet, version: str) -> bool:
    ports = fleet.ports
    routed = router.live(fleet.layout, ports["router_admin"], router.VERSIONS)[f"{SERVICE}-stable"]
    named = json.loads(exchange(ports["mlflow"], "GET", f"{ALIAS}?name={SERVICE}&alias=champion")[1])["model_version"][
        "version"
    ]
    return routed == version == named


def shell_script(fleet: RunningFleet, queries: list[str]) -> str:
    """Fails at the first call that does not say what it should."""
    ports = fleet.ports
    admin = f"curl -sS --max-time 5 telnet://127.0.0.1:{ports['router_admin']}"
    versions, shares = (fleet.layout.maps / name for name in (router.VERSIONS, router.SHARES))
    triton, mlflow, road = (f"http://127.0.0.1:{ports[name]}" for name in ("triton", "mlflow", "router"))
    curl = "curl -sSf --max-time 5"

    def told(line: str) -> str:
        return f"printf '%s\\n' {shlex.quote(line)} | {admin}"

    alias = f"{curl} '{mlflow}{ALIAS}?name={SERVICE}&alias=champion'"
    body = shlex.quote(json.dumps({"name": SERVICE, "alias": "champion", "version": OLD}))
    lines = [
        "set -eu -o pipefail",
        told(f"show map {versions}") + f" | grep -q '{SERVICE}-stable {NEW}'",
        told(f"show map {shares}") + f" | grep -q '{SERVICE} 0'",
        f'{alias} | grep -q \'"version": *"{NEW}"\'',
        f"{curl} {triton}/v2/models/{SERVICE}/versions/{OLD}/ready",
        told(f"set map {shares} {SERVICE} 0"),
        *(told(f"set map {versions} {SERVICE}-{role} {OLD}") for role in ("stable", "canary")),
        told(f"show map {versions}") + f" | grep -q '{SERVICE}-stable {OLD}'",
        told(f"show map {shares}") + f" | grep -q '{SERVICE} 0'",
        *(
            f"{curl} -X POST {road}/v2/models/{SERVICE}/infer -d {shlex.quote(query)} "
            f'| grep -q \'"model_version": *"{OLD}"\''
            for query in queries
        ),
        f"{curl} -X POST {mlflow}{ALIAS} -H 'Content-Type: application/json' -d {body} > /dev/null",
        f'{alias} | grep -q \'"version": *"{OLD}"\'',
    ]
    return "\n".join(lines)


def by_hand(script: str) -> float:
    started = time.monotonic()
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    return seconds


def by_panel(watcher: Watcher) -> tuple[float, float]:
    """Seconds from the click that confirms, and from the key that asks for the plan, to the verified end."""
    decided = time.monotonic()
    plan = watcher.ask(
        m.MakePlan(request=new_request(), kind=OperationKind.ROLLBACK, service=SERVICE, version=OLD, express=True)
    )
    assert isinstance(plan, m.PlanAnswer), plan
    operation = uuid.uuid4().hex
    clicked = time.monotonic()
    watcher.ask(
        m.Execute(
            request=new_request(), operation=operation, plan_hash=plan.plan_hash, reason="errors rose", actor="ann"
        )
    )
    ended = until("the rollback ends", lambda: (op := watcher.operation(operation)) and op.phase.ended and op)
    now = time.monotonic()
    assert ended.phase is Phase.DONE, ended.problem
    assert any(step.id == "verify" and f"v{OLD} answered" in step.detail for step in ended.steps)
    return now - clicked, now - decided


def golden_queries(fleet: RunningFleet) -> list[str]:
    path = Path(fleet.workspace).parent / "golden" / f"{SERVICE}.json"
    items = json.loads(path.read_text())["items"][:QUERIES]
    return [json.dumps({"inputs": [encode(n, v, "FP32") for n, v in item["inputs"].items()]}) for item in items]


def test_the_way_back_takes_hardly_longer_than_the_same_calls_by_hand(fleet: RunningFleet, watcher: Watcher) -> None:
    repository.set_versions(fleet.ports["triton"], SERVICE, [int(OLD), int(NEW)])
    script = shell_script(fleet, golden_queries(fleet))
    hand, click, decision = [], [], []
    for _ in range(ROUNDS):
        bad_version_serves(fleet)
        hand.append(by_hand(script))
        assert everywhere(fleet, OLD)
        bad_version_serves(fleet)
        until("the engine sees v3", lambda: watcher.service(SERVICE).intended.versions == (NEW,))
        until("and the way back is hot", lambda: watcher.service(SERVICE).way_back.state is WayBackState.HOT)
        clicked_s, decided_s = by_panel(watcher)
        click.append(clicked_s)
        decision.append(decided_s)
        assert everywhere(fleet, OLD)
    ratio = statistics.median(c / h for c, h in zip(click, hand, strict=True))
    print(
        f"P13: goal {GOAL:g}x; {ratio:.2f}x: from the click {statistics.median(click):.2f} s, by hand "
        f"{statistics.median(hand):.2f} s; from the decision {statistics.median(decision):.2f} s, at most "
        f"{max(decision):.2f} s, goal {WITHIN_S:g} s: {'met' if ratio <= GOAL and max(decision) <= WITHIN_S else 'NOT met'}"
    )
    assert ratio <= 2 * GOAL  # a machine that does other things too
    assert statistics.median(decision) <= WITHIN_S

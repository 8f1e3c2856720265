"""A service on fire: the world, the store and the rollouts of incident tests; imported by them, fixtures included."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.core import series
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import (
    ConnectionKind,
    EventKind,
    Freshness,
    Health,
    Sample,
    SeriesKey,
    ServiceState,
    Signal,
    Stamp,
    TimelineEvent,
    VersionFact,
    WayBack,
    WayBackState,
)
from mlcontrol.services.connections import Connections
from mlcontrol.services.incidents.adding import Adding
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.store.golden_files import write_golden
from mlcontrol.store.workspace import create_workspace, put_entry, read_workspace, remove_entry
from tests.services.rollout_world import Context, PassingChecks, World

WITHIN_S = 120.0


class Burning(Context):
    """A context whose service began to fail two minutes ago, forty seconds after a deploy, with the samples to show it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.began_s = time.time() - 120
        service = replace(self.settings.services["digits"], environment="prod", objectives={"error_rate": 0.01})
        admin = {"admin": "10.0.0.5:9999", "version_map": "/maps/versions", "share_map": "/maps/shares"}
        connections = {
            "router": ConnectionSettings("router", ConnectionKind.ROUTING, "haproxy", "http://r", options=admin),
            "registry": ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", "http://m:5000"),
            "triton": ConnectionSettings("triton", ConnectionKind.SERVING, "triton", "http://t:8000"),
        }
        self.settings = replace(self.settings, services={"digits": service}, connections=connections)
        self.used = "2"
        self.deployed = TimelineEvent(
            "d1",
            self.began_s - 40,
            EventKind.DEPLOY,
            "deploy of v2",
            "digits",
            actor="ci",
            version_from="1",
            version_to="2",
        )
        self.store.timeline.append([self.deployed])
        self.record(self.began_s - 900, time.time(), 0.2)

    def record(self, since_s: float, until_s: float, failing: float) -> None:
        samples = []
        for at_s in np.arange(since_s, until_s, 5.0).tolist():
            failed = round(200 * failing) if at_s > self.began_s else 0
            for metric, value in ((series.ALL_ANSWERS, 200.0), (series.FAILED_ANSWERS, float(failed))):
                samples.append(Sample(SeriesKey("digits", metric, (("source", "router"),)), at_s, value))
        self.store.history.append(samples)

    def state(self) -> FleetState:
        now = time.time()
        stamp = Stamp(now, time.monotonic(), 1)
        fact = VersionFact((self.used,), Freshness.FRESH, stamp, "router")
        bad = Signal(Health.CRITICAL, "errors 20 %", "errors are 20 %", freshness=Freshness.FRESH, at=stamp)
        fine = Signal(Health.OK, "fine", freshness=Freshness.FRESH, at=stamp)
        service = ServiceState(
            "digits", "Digits", used=fact, served=fact, presence=fine, use=bad, accuracy=fine,
            traffic_by_version={self.used: 40.0}, way_back=WayBack(WayBackState.HOT, "1", 3.0, True),
        )  # fmt: skip
        return FleetState(self.settings, {"digits": service}, operations=dict(self.operations))


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Burning]:
    made = Burning(World(stable="2", alias="2"), tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def incidents(ctx: Burning) -> Incidents:
    return Incidents(ctx)


@pytest.fixture
def briefing(ctx: Burning, incidents: Incidents) -> Briefing:
    return Briefing(ctx, incidents, lambda: None)


def roll_back(
    ctx: Burning, incidents: Incidents, kind: OperationKind = OperationKind.ROLLBACK, version: str = "1"
) -> None:
    rollouts = Rollouts(ctx, PassingChecks())
    try:
        plan = rollouts.make_plan(kind, "digits", version, kind is OperationKind.ROLLBACK)
        rollouts.execute(f"op-{uuid.uuid4().hex}", plan.hash, "errors rose", "ann", True)
        assert ctx.ended.wait(WITHIN_S)
    finally:
        rollouts.close()


def recovered(ctx: Burning, incidents: Incidents, briefing: Briefing, within_s: float = WITHIN_S) -> Any:
    """Roll back, let good answers come, and look until all is proven."""
    roll_back(ctx, incidents)
    ctx.used = "1"
    operation = next(iter(ctx.operations.values()))
    assert operation.phase is Phase.DONE
    moved_s = operation.ended_s
    assert moved_s is not None
    samples = []
    for i in range(1, 7):
        for metric, value in ((series.ALL_ANSWERS, 200.0), (series.FAILED_ANSWERS, 0.0)):
            samples.append(Sample(SeriesKey("digits", metric, (("source", "router"),)), moved_s + 0.001 * i, value))
    ctx.store.history.append(samples)
    end = time.monotonic() + within_s
    (one,) = incidents.find()
    while not (brief := briefing.brief(one.id)).proven:
        assert time.monotonic() < end, brief.ticks
        time.sleep(0.05)
    return briefing.brief(one.id)


class _File:
    """The workspace file, as the engine writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, settings: Any, replaces: str | None) -> None:
        put_entry(self.path, settings, replaces)

    def remove(self, group: Any, entry: str) -> None:
        remove_entry(self.path, group, entry)

    def read(self) -> Any:
        return read_workspace(self.path)


def adding(ctx: Burning, incidents: Incidents, briefing: Briefing) -> Adding:
    """On a real workspace file that holds what the context holds."""
    path = ctx.folder / "mlcontrol.toml"
    if not path.exists():
        create_workspace(path, "test")
        for one in (*ctx.settings.connections.values(), *ctx.settings.services.values()):
            put_entry(path, one)

    def adopt(fresh: Any) -> None:
        ctx.settings = fresh

    def make(_settings: ConnectionSettings) -> Any:
        raise AssertionError("no server is asked")

    connections = Connections(ctx, _File(path), make, adopt, lambda _settings: 0.0, NameMemory())
    return Adding(ctx, incidents, briefing, connections, write_golden)

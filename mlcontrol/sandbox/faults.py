"""Scripted incidents, each done for real to the running servers, each undone when its time is over or it is cleared."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mlcontrol.sandbox import overwritten, router
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.model_server import ModelServer
from mlcontrol.sandbox.relay import Relays


@dataclass(slots=True)
class Stage:
    """What a fault may touch. ``held_back``: map entries as they were, while a fault has changed them. ``drift``: traffic's."""

    layout: Layout
    ports: dict[str, int]
    relays: Relays
    server: ModelServer
    server_pid: int
    held_back: dict[str, str] = field(default_factory=dict)
    drift: dict[str, str] | None = None

    def loaded(self, model: str) -> list[int]:
        return self.server.loaded(self.ports).get(model, [])

    def set_versions(self, model: str, versions: list[int]) -> None:
        self.server.set_versions(self.layout, self.ports, model, versions)


Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """``begin(stage, options)`` does it and returns what undoes it. ``shows``: what the panel should come to say."""

    name: str
    description: str
    shows: str
    duration_s: float
    begin: Callable[[Stage, dict[str, Any]], Undo]
    options: tuple[str, ...] = ()


def slow_pulses(stage: Stage, options: dict[str, Any]) -> Undo:
    """Stops the model server for a part of every period: queries wait, none fail."""
    ended = threading.Event()
    stop_s, period_s = float(options.get("stop_s", 0.25)), 0.4

    def pulse() -> None:
        while not ended.is_set():
            os.kill(stage.server_pid, signal.SIGSTOP)
            ended.wait(stop_s)
            os.kill(stage.server_pid, signal.SIGCONT)
            ended.wait(period_s - stop_s)

    thread = threading.Thread(target=pulse, name="latency-rise", daemon=True)
    thread.start()

    def undo() -> None:
        ended.set()
        thread.join(2.0)
        os.kill(stage.server_pid, signal.SIGCONT)

    return undo


def failing_deploy(stage: Stage, _options: dict[str, Any]) -> Undo:
    """Loads the version that raises on one colour, and routes all requests to it.

    While another version is tried on a share of the requests, the model file of that one is overwritten instead: a second hand on
    the router would be the incident "version-swap".
    """
    model, bad = "diamond-cut", 6
    if (tried := tried_version(stage, model)) is not None:
        return overwritten.overwrite(
            stage.server.repository(stage.layout) / model, tried, bad, partial(reload, stage, model)
        )
    before = stage.loaded(model)
    stage.set_versions(model, sorted({*before, bad}))
    back = reroute(stage, model, str(bad))

    def undo() -> None:
        back()
        now = stage.loaded(model)
        if bad not in before and bad in now and str(bad) not in routed(stage, model):
            stage.set_versions(model, [version for version in now if version != bad])

    return undo


def drift_in_region(stage: Stage, options: dict[str, Any]) -> Undo:
    stage.drift = {"region": str(options.get("region", "south"))}

    def undo() -> None:
        stage.drift = None

    return undo


def freeze(stage: Stage, _options: dict[str, Any]) -> Undo:
    os.kill(stage.server_pid, signal.SIGSTOP)
    return lambda: os.kill(stage.server_pid, signal.SIGCONT)


def close_metrics(stage: Stage, options: dict[str, Any]) -> Undo:
    """Closes the relays in front of the metrics endpoints (``endpoint``: the model server's name, router or both)."""
    chosen = str(options.get("endpoint", "both"))
    names = (stage.server.name, "router") if chosen == "both" else (chosen,)
    for name in names:
        stage.relays.close(stage.ports[f"{name}_metrics"])

    def undo() -> None:
        for name in names:
            stage.relays.open(stage.ports[f"{name}_metrics"], stage.ports[f"{name}_metrics_inner"])

    return undo


def swap_version(stage: Stage, options: dict[str, Any]) -> Undo:
    """Routes a model to its oldest loaded version that is not routed yet, telling nobody."""
    model = str(options.get("model", "digits"))
    others = [version for version in stage.loaded(model) if str(version) != routed(stage, model)[0]]
    if not others:
        raise RuntimeError(f"{model} has no other version loaded")
    return reroute(stage, model, str(others[0]))


def routed(stage: Stage, model: str) -> tuple[str, str]:
    """The versions in a model's stable and canary role."""
    versions = router.live(stage.layout, stage.ports["router_admin"], router.VERSIONS)
    return versions[f"{model}-stable"], versions[f"{model}-canary"]


def tried_version(stage: Stage, model: str) -> int | None:
    """The version in the canary role, while it gets requests."""
    share = router.live(stage.layout, stage.ports["router_admin"], router.SHARES)[model]
    return int(routed(stage, model)[1]) if float(share) > 0 else None


def reload(stage: Stage, model: str) -> None:
    """What is loaded, again: from the files as they are now."""
    stage.set_versions(model, stage.loaded(model))


def reroute(stage: Stage, model: str, version: str) -> Undo:
    """Changes the stable version; the undo puts it back unless somebody else has changed it since."""
    key, port = f"{model}-stable", stage.ports["router_admin"]
    before, _ = routed(stage, model)
    stage.held_back[key] = before
    router.set_entry(stage.layout, port, router.VERSIONS, key, version)

    def undo() -> None:
        stage.held_back.pop(key, None)
        if routed(stage, model)[0] == version:
            router.set_entry(stage.layout, port, router.VERSIONS, key, before)

    return undo


ALL = (
    Fault(
        "latency-rise",
        "The model server is stopped and continued several times a second, so that every answer takes longer.",
        "Latency p99 of every service rises over its objective at one moment; no deploy before it, no errors.",
        60.0,
        slow_pulses,
        ("stop_s",),
    ),
    Fault(
        "error-burst",
        "The diamond grader's version 6 is deployed; it fails on every stone of colour G. During a staged rollout, the version "
        "that is tried is overwritten with it.",
        "The used version flips to 6 and about one request in five fails with a server error from that moment; during a rollout, "
        "one in five of those that the tried version gets.",
        90.0,
        failing_deploy,
    ),
    Fault(
        "input-drift",
        "The inputs of one region's requests shift; the other regions stay as they were.",
        "The input distribution leaves its limits in region south; accuracy falls there as labels arrive.",
        300.0,
        drift_in_region,
        ("region",),
    ),
    Fault(
        "server-frozen",
        "The model server's process is stopped: it accepts connections and answers nothing.",
        "Presence of all services turns unknown, then critical; requests time out; the panel itself stays quick.",
        20.0,
        freeze,
    ),
    Fault(
        "metrics-gone",
        "The metrics endpoints refuse connections while the servers go on answering.",
        "Use turns unknown with the age of the last figures, never ok; presence stays ok.",
        60.0,
        close_metrics,
        ("endpoint",),
    ),
    Fault(
        "version-swap",
        "The router is pointed at another loaded version behind the panel's back.",
        "Used and intended version disagree; the timeline has a change that no rollout explains.",
        120.0,
        swap_version,
        ("model",),
    ),
)
BY_NAME = {fault.name: fault for fault in ALL}

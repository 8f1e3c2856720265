"""Which model server a fleet has: Triton, or MLServer where Triton's wheel has no build and where it is asked for."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem
from mlcontrol.sandbox import mlserver_versions, repository, servers
from mlcontrol.sandbox.interpreter import UnsupportedError
from mlcontrol.sandbox.layout import Layout

OLDEST_GLIBC = (2, 35)  # of Triton's wheel
Ports = dict[str, int]


@dataclass(frozen=True, slots=True)
class ModelServer:
    """``name``: also of its process, its ports, its adapter and its connection. ``options``: of the connection.
    ``repository(layout)``: the folder of its models, ``<model>/<version>/model.skops``.

    ``load_all(layout, ports)`` after a start; ``set_versions(layout, ports, model, versions)`` serves exactly those, and raises
    `RuntimeError` with the server's words; ``loaded(ports)``: ready versions per model, or `OSError`.
    """

    name: str
    title: str
    start: Callable[[Layout, Ports], servers.Server]
    load_all: Callable[[Layout, Ports], None]
    set_versions: Callable[[Layout, Ports, str, list[int]], None]
    loaded: Callable[[Ports], dict[str, list[int]]]
    options: Callable[[Layout, Ports], dict[str, Any]]
    repository: Callable[[Layout], Path]


TRITON = ModelServer(
    name="triton",
    title="NVIDIA Triton",
    start=servers.triton,
    load_all=lambda layout, ports: repository.load_all(layout, ports["triton"]),
    set_versions=lambda _layout, ports, model, versions: repository.set_versions(ports["triton"], model, versions),
    loaded=lambda ports: repository.loaded(ports["triton"]),
    options=lambda layout, ports: {
        "grpc": f"127.0.0.1:{ports['triton_grpc']}",
        "repository": str(layout.repository),
    },
    repository=lambda layout: layout.repository,
)
MLSERVER = ModelServer(
    name="mlserver",
    title="MLServer",
    start=servers.mlserver,
    load_all=lambda layout, ports: mlserver_versions.load_all(layout, ports["mlserver"]),
    set_versions=lambda layout, ports, *wanted: mlserver_versions.set_versions(layout, ports["mlserver"], *wanted),
    loaded=lambda ports: mlserver_versions.loaded(ports["mlserver"]),
    options=lambda layout, ports: {
        "repository": str(layout.mlserver_repository),
        "metrics": f"http://127.0.0.1:{ports['mlserver_metrics']}",
    },
    repository=lambda layout: layout.mlserver_repository,
)
BY_NAME = {server.name: server for server in (TRITON, MLSERVER)}


def wanted(asked: str | None) -> str:
    """The name that was asked for, by argument or in ``MLCONTROL_SANDBOX_SERVING``; empty: whatever has a build here."""
    return asked or os.environ.get("MLCONTROL_SANDBOX_SERVING", "")


def choose(asked: str) -> ModelServer:
    """The server named ``asked``, or this machine's. Raises `UnsupportedError` where it cannot run."""
    if sys.platform != "linux":
        raise UnsupportedError(
            Problem(
                what="The sandbox cannot run here.",
                why=f"It starts and ends its servers by what Linux tells of processes; this is {platform.system()}.",
                next="Run the sandbox on Linux, or connect the panel to servers of your own.",
                code="unsupported",
            )
        )
    if asked and asked not in BY_NAME:
        names = " or ".join(BY_NAME)
        raise UnsupportedError(
            Problem(f"The sandbox has no model server named {asked!r}.", "", f"Choose {names}, or name none.", "usage")
        )
    if asked == TRITON.name and not has_triton():
        library, release = platform.libc_ver()
        raise UnsupportedError(
            Problem(
                what="NVIDIA Triton cannot run here.",
                why=f"Its wheel has no build for {platform.machine()} with {library or 'an unknown C library'} {release}.",
                next="Leave the choice out: MLServer stands in.",
                code="unsupported",
            )
        )
    return BY_NAME[asked] if asked else TRITON if has_triton() else MLSERVER


def has_triton() -> bool:
    """Whether Triton's wheel has a build for this machine: Linux on x86_64 or aarch64 with glibc 2.35 or newer."""
    library, release = platform.libc_ver()
    built = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and library == "glibc"
    return built and tuple(map(int, release.split("."))) >= OLDEST_GLIBC

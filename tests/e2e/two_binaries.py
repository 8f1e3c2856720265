"""Two real MLServers of one name in turns behind a real HAProxy, and callers who write down who answered them.

The newer one brings a runtime that version 3 of the model needs. A person replaces one by the other as is usual: starts it beside,
sends the callers to it, ends the one before.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import requests

from mlcontrol.sandbox import layout as sandbox_layout, mlserver_versions, router, servers
from mlcontrol.sandbox.layout import Layout
from mlcontrol.testing.fleet import RunningFleet
from mlcontrol.testing.servers import START_LIMIT_S, RunningServer, haproxy, mlserver
from tests.e2e.coupled_registry import SERVICE

OLD, NEW = "old", "new"
VERSIONS = {OLD: "1.7.1", NEW: "1.7.1+stones"}
NAMES = {binary: f"MLServer {version}" for binary, version in VERSIONS.items()}
RUNTIME = "newer_runtime"
BACKENDS = ("direct", *(f"{model}-{role}" for model in servers.MODELS for role in ("stable", "canary")))


@dataclass
class Binaries:
    """``folder``: where the servers keep their settings; ``repository``: the models of both."""

    front: RunningServer
    folder: Path
    repository: Layout
    running: dict[str, ExitStack] = field(default_factory=dict)

    def replace_by(self, binary: str, load: bool = True) -> None:
        """As a person does it, without a gap. Raises `TimeoutError` where it does not start: then nothing is replaced.

        ``load``: False for one who forgot to have it load its models."""
        stack = ExitStack()
        try:
            server = stack.enter_context(self._start(binary, load))
            if load:
                self._until_ready(server)
        except BaseException:
            stack.close()
            raise
        for backend in BACKENDS:
            for line in (f"{backend}/{binary} addr 127.0.0.1 port {server.port}", f"{backend}/{binary} state ready"):
                router.command(self.front.ports["router_admin"], f"set server {line}")
        for before in list(self.running):
            for backend in BACKENDS:
                router.command(self.front.ports["router_admin"], f"set server {backend}/{before} state maint")
            self.running.pop(before).close()
        self.running[binary] = stack

    @contextmanager
    def _start(self, binary: str, load: bool) -> Iterator[RunningServer]:
        folder = self.folder / f"{binary}-{time.monotonic_ns()}"
        folder.mkdir()
        (folder / SERVICE).symlink_to(self.repository.mlserver_repository / SERVICE)
        runtimes = [sandbox_layout.resources() / "serving", *([self.folder / "runtimes"] if binary == NEW else [])]
        chosen = {"server_version": VERSIONS[binary], "load_models_at_startup": load}
        with mlserver(folder, tuple(runtimes), **chosen) as server:
            yield server

    def _until_ready(self, server: RunningServer) -> None:
        """It is live before it has loaded its models, and ends itself where one of them does not load."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            try:
                asked = (f"/v2/models/{SERVICE}/versions/{version}/ready" for version in self.on_disk())
                if all(server.ask("GET", path)[0] == 200 for path in asked):
                    return
            except OSError:
                break
            time.sleep(0.1)
        raise TimeoutError(f"It did not come up: {server.log.read_text(errors='replace')[-4000:]}")

    def says(self) -> str:
        """Who answers, by the server's own word on the callers' road."""
        found = requests.get(f"{self.front.url}/v2", timeout=10).json()
        return f"MLServer {found['version']}"

    def on_disk(self) -> list[int]:
        """Versions that a server loads when it starts."""
        found = mlserver_versions.on_disk(self.repository, SERVICE)
        return sorted(version for version, served in found.items() if served)

    def stable(self) -> str:
        port = self.front.ports["router_admin"]
        return router.live(self.repository, port, router.VERSIONS)[f"{SERVICE}-stable"]


@contextmanager
def two_binaries(fleet: RunningFleet, folder: Path) -> Iterator[Binaries]:
    """The old one answers, with versions 1 and 2 of the model; HAProxy's maps are those of a fresh fleet."""
    layout = Layout(folder, fleet.layout.env)
    layout.fleet.mkdir(parents=True)
    _copy_models(fleet, layout)
    (folder / "runtimes").mkdir()
    (folder / "runtimes" / f"{RUNTIME}.py").write_text("from mlserver_runtime import SkopsModel\n")

    def config(at: Layout, ports: Any) -> str:
        router.write_first_maps(at)
        servers.router(at, {**ports, "mlserver": 1}, "mlserver")
        text = (at.maps / "haproxy.cfg").read_text()
        both = "\n".join(f"    server {binary} 127.0.0.1:1 disabled" for binary in (OLD, NEW))
        marked = "    http-response set-header x-binary %s\n"
        return text.replace("    server mlserver 127.0.0.1:1", marked + both)

    with haproxy(folder, config) as front:
        binaries = Binaries(front, folder, layout)
        try:
            binaries.replace_by(OLD)
            yield binaries
        finally:
            for stack in binaries.running.values():
                stack.close()


def _copy_models(fleet: RunningFleet, layout: Layout) -> None:
    """Version 3 names the runtime of the newer server; versions 1 and 2 are served."""
    source = fleet.layout.mlserver_repository / SERVICE
    for version in (1, 2, 3):
        folder = layout.mlserver_repository / SERVICE / str(version)
        folder.mkdir(parents=True)
        for file in (source / str(version)).iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    mlserver_versions.place(layout, SERVICE, {1: True, 2: True, 3: False})
    settings = layout.mlserver_repository / SERVICE / "3" / mlserver_versions.HELD
    document = json.loads(settings.read_text())
    settings.write_text(json.dumps(document | {"implementation": f"{RUNTIME}.SkopsModel"}))


@dataclass
class Callers:
    """``seen``: of every call its status, the version and the binary that answered; status 0 where nobody did."""

    seen: list[tuple[int, str, str]] = field(default_factory=list)

    def order(self) -> list[tuple[str, str]]:
        """Who answered, one after the other."""
        return [who for who, _calls in groupby((version, binary) for status, version, binary in self.seen)]

    def failed(self) -> list[tuple[int, str, str]]:
        return [call for call in self.seen if call[0] != 200]


@contextmanager
def callers(fleet: RunningFleet, url: str) -> Iterator[Callers]:
    """One who asks the service all the time, without a retry, until the block ends."""
    golden = json.loads((fleet.layout.fleet / "golden" / f"{SERVICE}.json").read_text())
    inputs = golden["items"][0]["inputs"]
    tensors = [
        {"name": name, "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": rows}
        for name, rows in inputs.items()
    ]
    found, ending = Callers(), threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not ending.wait(0.05):
                try:
                    answer = session.post(f"{url}/v2/models/{SERVICE}/infer", json={"inputs": tensors}, timeout=30)
                    version = str(answer.json().get("model_version", ""))
                    found.seen.append((answer.status_code, version, answer.headers.get("x-binary", "")))
                except (requests.RequestException, ValueError):
                    found.seen.append((0, "", ""))

    thread = threading.Thread(target=ask, name="callers")
    thread.start()
    try:
        yield found
    finally:
        ending.set()
        thread.join()

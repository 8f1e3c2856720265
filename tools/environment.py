"""Makes ``.venv`` from the lock file with uv, and uv itself, once: a stamp tells whether anything changed since.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from machine import Lack, say, stop

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
OWN_UV = TOOLS / "bin" / "uv"
VENV = ROOT / ".venv"
STAMP = VENV / "mlcontrol-stamp"
OLDEST_UV = (0, 11)
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def lacks() -> list[Lack]:
    """What uv needs to be installed and does not find: Debian ships Python without its venv module."""
    if _found_uv() or _has_venv():
        return []
    return [Lack("Python's venv module", f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")]


def ensure(*, development: bool) -> Path:
    """The environment's Python. `development` adds the test tools; an environment that has them keeps them."""
    with _exclusive():
        wanted = {f"{_digest()} {kind}" for kind in (("dev",) if development else ("dev", "run"))}
        if _stamp() in wanted and (VENV / "bin" / "python").exists():
            return VENV / "bin" / "python"
        development = development or _stamp().endswith(" dev")
        _sync(development)
        STAMP.write_text(f"{_digest()} {'dev' if development else 'run'}")
    return VENV / "bin" / "python"


def trust_the_machine() -> None:
    """uv brings certificates of its own; behind a company's proxy only the machine's own ones will do. For child processes too."""
    if SYSTEM_CERTIFICATES.exists():
        os.environ.setdefault("UV_SYSTEM_CERTS", "true")


def _sync(development: bool) -> None:
    uv = _uv()
    trust_the_machine()
    say("Installing the Python packages of uv.lock into .venv (about 0.7 GB, once)")
    begun_s = time.monotonic()
    STAMP.unlink(missing_ok=True)
    command = [str(uv), "sync", "--frozen", "--no-progress", "--python", sys.executable]
    result = subprocess.run(
        command if development else [*command, "--no-dev"],
        cwd=ROOT,
        # Python itself is the user's: a second one is never downloaded. An activated environment is left alone.
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(VENV)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if result.returncode:
        stop(
            f"uv could not install the packages:\n{result.stderr.strip()}\n\n"
            "If the network is the reason, put it right and run the same command again: what is done is kept."
        )
    say(f"Python packages ready after {time.monotonic() - begun_s:.0f} s")


def _uv() -> Path:
    """A uv that is recent enough: in .tools, on the path, or installed into .tools at the version of uv.lock."""
    if found := _found_uv():
        return found
    say("Installing uv into .tools")
    shutil.rmtree(TOOLS, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(TOOLS)])
    locked = TOOLS / "uv-requirement.txt"
    locked.write_text(_uv_requirement())
    _run(
        [
            str(TOOLS / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--requirement",
            str(locked),
        ]
    )
    return OWN_UV


def _found_uv() -> Path | None:
    candidates = [Path(candidate) for candidate in (OWN_UV, shutil.which("uv")) if candidate]
    return next((candidate for candidate in candidates if _uv_version(candidate) >= OLDEST_UV), None)


def _uv_requirement() -> str:
    """uv is a dependency of the project too, so its version and digests are in the lock file."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    uv = next(package for package in lock["package"] if package["name"] == "uv")
    return " \\\n  ".join([f"uv=={uv['version']}", *(f"--hash={wheel['hash']}" for wheel in uv["wheels"])]) + "\n"


def _uv_version(program: str | Path) -> tuple[int, ...]:
    try:
        answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)", answer)
    return tuple(map(int, found.groups())) if found else ()


def _has_venv() -> bool:
    # Debian splits `ensurepip` off: `venv` imports, and then fails for want of it.
    return subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


def _run(command: list[str]) -> None:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if result.returncode:
        shutil.rmtree(TOOLS, ignore_errors=True)
        stop(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")


def _digest() -> str:
    """What the environment was made from: the lock, the settings, this Python."""
    content = (ROOT / "uv.lock").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(content + sys.version.encode() + str(ROOT).encode()).hexdigest()


def _stamp() -> str:
    return STAMP.read_text() if STAMP.is_file() else ""


@contextlib.contextmanager
def _exclusive() -> Iterator[None]:
    """Two starts at once install once: the second waits and then finds the stamp."""
    with (ROOT / ".install.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

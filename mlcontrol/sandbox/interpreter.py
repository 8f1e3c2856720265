"""The Python that the servers run on: this one where it can, else one that uv finds or fetches."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from mlcontrol.core.problem import Problem, ProblemError

# The Python backend inside nvidia-pytriton is built for numpy 1, whose last release has wheels up to Python 3.12.
SUPPORTED = ("3.11", "3.12")
FALLBACK = "3.12"


class UnsupportedError(ProblemError):
    """The sandbox's servers have no build for this machine."""


def wanted() -> str:
    """What uv is asked for: ``MLCONTROL_SANDBOX_PYTHON``, the interpreter under this environment, or a version."""
    named = os.environ.get("MLCONTROL_SANDBOX_PYTHON")
    if named:
        return named
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.base_prefix) / "bin" / f"python{own}") if own in SUPPORTED else FALLBACK


def settings(env: Path) -> dict[str, str]:
    """An environment's `pyvenv.cfg`."""
    lines = (env / "pyvenv.cfg").read_text().splitlines()
    return {name.strip(): value.strip() for name, equals, value in (line.partition("=") for line in lines) if equals}


def version(env: Path) -> str:
    """``3.12`` of the environment's Python."""
    return ".".join(settings(env)["version_info"].split(".")[:2])


def site_packages(env: Path) -> Path:
    return env / "lib" / f"python{version(env)}" / "site-packages"


def library_folder(env: Path) -> Path:
    """Folder of the shared Python library that Triton's Python backend loads. Raises `UnsupportedError` if there is none."""
    name = f"libpython{version(env)}.so.1.0"
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    beside = Path(settings(env)["home"]).parent / "lib"
    for folder in (beside, beside / multiarch, Path("/usr/lib") / multiarch, Path("/usr/lib64")):
        if (folder / name).exists():
            return folder
    raise UnsupportedError(
        Problem(
            what="The sandbox's model server cannot start.",
            why=f"It needs {name}, which this Python does not come with.",
            next=f"Install it (Debian, Ubuntu: apt-get install libpython{version(env)}) and start the sandbox again.",
            code="unsupported",
        )
    )

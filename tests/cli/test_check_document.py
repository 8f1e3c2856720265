"""What docs/check.md tells teams to paste into their pipelines is run as it is written, on the fleet's registry."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fleet import RunningFleet

pytestmark = pytest.mark.real

DOCUMENT = (Path(__file__).parents[2] / "docs" / "check.md").read_text()


def snippet(heading: str, language: str) -> str:
    """The only block of a language under a heading."""
    section = DOCUMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found)


@pytest.fixture
def checkout(running_fleet: RunningFleet, tmp_path: Path) -> Path:
    """A team's repository: the model it has just built, its workspace and its policy."""
    (tmp_path / "build" / "model").mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "mlcontrol.toml").write_text(running_fleet.workspace.read_text())
    (tmp_path / "deploy" / "check.toml").write_text(snippet("A policy", "toml"))
    return tmp_path


def built(checkout: Path, fleet: RunningFleet, model: str, version: str) -> None:
    settings = ConnectionSettings(
        "registry", ConnectionKind.REGISTRY, "mlflow", f"http://127.0.0.1:{fleet.ports['mlflow']}"
    )
    registry = MlflowRegistry(settings, no_secret)
    try:
        for name in ("MLmodel", "requirements.txt"):
            text = registry._files.text(model, version, name, 20.0)
            (checkout / "build" / "model" / name).write_text(text)
    finally:
        registry.close()


def run(checkout: Path, script: str, **variables: str) -> int:
    """A shell's exit code, with the installed command on its path as in a pipeline."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", script], cwd=checkout, env={**os.environ, "PATH": path, **variables}, check=False, timeout=100
    )
    return ran.returncode


@pytest.mark.parametrize(("version", "signed", "code"), [("3", True, 0), ("4", True, 1), ("3", False, 2)])
def test_the_ci_job(checkout: Path, running_fleet: RunningFleet, version: str, signed: bool, code: int) -> None:
    built(checkout, running_fleet, "diamond-cut", version)
    if not signed:
        place = checkout / "build" / "model" / "MLmodel"
        place.write_text(
            yaml.safe_dump({k: v for k, v in yaml.safe_load(place.read_text()).items() if k != "signature"})
        )
    job = yaml.safe_load(snippet("A CI job", "yaml"))["check-model"]
    (line,) = job["script"]
    line = line.replace("fraud", "diamond-cut")
    assert run(checkout, line) == code
    report = ET.parse(checkout / job["artifacts"]["reports"]["junit"]).getroot()
    assert bool(report.findall(".//failure")) == (code == 1)
    assert bool(report.findall(".//error")) == (code == 2)
    # A team that goes on with what is not known:
    assert run(checkout, f"{line} || [ $? -eq 2 ]") == (1 if code == 1 else 0)


@pytest.mark.parametrize(("version", "codes"), [("3", {0, 2}), ("4", {1})])
def test_the_hook(checkout: Path, running_fleet: RunningFleet, version: str, codes: set[int]) -> None:
    hook = checkout / "hook.sh"
    hook.write_text(snippet("A hook before a deploy", "sh"))
    names = {"MODEL": "diamond-cut", "VERSION": version, "SERVICE": "diamond-cut"}
    assert run(checkout, "sh hook.sh", MLCONTROL_WORKSPACE=str(running_fleet.workspace), **names) in codes
    gone = {**names, "VERSION": "99"}
    assert run(checkout, "sh hook.sh", MLCONTROL_WORKSPACE=str(running_fleet.workspace), **gone) == 1

"""The package as a stranger installs it: a wheel in an environment of its own, its launcher, its first commands."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication, QImage

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = ROOT / "resources" / "desktop"
SIGNATURE = {
    "schema": "mlcontrol.signature/1",
    "name": "fraud",
    "inputs": [{"name": "amount", "type": "float64", "shape": [-1], "required": True}],
    "outputs": [{"name": "score", "type": "float32", "shape": [-1]}],
    "matched_by": "name",
}


def test_the_launcher_starts_what_is_installed_and_belongs_to_its_window() -> None:
    from mlcontrol.gui.app import make_application

    launcher = configparser.ConfigParser(interpolation=None, strict=True)
    launcher.optionxform = str  # type: ignore[assignment]
    launcher.read(DESKTOP / "mlcontrol.desktop", encoding="utf-8")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {launcher[group]["Exec"].split()[0] for group in launcher.sections()} <= set(scripts)
    entry = launcher["Desktop Entry"]
    assert (DESKTOP / f"{entry['Icon']}.svg").is_file()
    app = make_application()
    assert QGuiApplication.desktopFileName() == entry["StartupWMClass"] == "mlcontrol"
    assert app is not None
    metadata = ET.parse(DESKTOP / "org.mlcontrol.mlcontrol.metainfo.xml").getroot()
    assert metadata.findtext("launchable") == "mlcontrol.desktop"
    assert metadata.findtext("project_license") == "Apache-2.0"


@pytest.mark.real
@pytest.mark.parametrize(
    "command",
    [
        ("desktop-file-validate", str(DESKTOP / "mlcontrol.desktop")),
        ("appstreamcli", "validate", "--no-net", str(DESKTOP / "org.mlcontrol.mlcontrol.metainfo.xml")),
    ],
)
def test_the_desktop_s_own_tools_accept_them(command: tuple[str, ...]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_wheel_installs_and_runs_away_from_the_checkout(tmp_path: Path) -> None:
    """Its dependencies are the ones of this environment; the package itself is the wheel's."""
    uv = Path(sys.executable).parent / "uv"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*command: str | Path, code: int = 0) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MLCONTROL", "VIRTUAL_ENV"))}
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=elsewhere,
            env={**clean, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == code, (command, ran.stdout, ran.stderr)
        return ran.stdout

    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv = tmp_path / "venv"
    run(uv, "venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    # The lock's packages are not downloaded a second time. A path file names their folder; the checkout's own is not read there.
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    assert Path(run(python, "-c", "import mlcontrol; print(mlcontrol.__file__)").strip()).is_relative_to(venv)
    assert (venv / "share" / "applications" / "mlcontrol.desktop").is_file()
    assert (venv / "share" / "icons" / "hicolor" / "scalable" / "apps" / "mlcontrol.svg").is_file()

    mlcontrol = venv / "bin" / "mlcontrol"
    assert "rollback" in run(mlcontrol, "--help")
    (elsewhere / "old.json").write_text(json.dumps(SIGNATURE))
    renamed = {**SIGNATURE, "inputs": [{**SIGNATURE["inputs"][0], "name": "sum"}]}  # type: ignore[dict-item, index]
    (elsewhere / "new.json").write_text(json.dumps(renamed))
    report = json.loads(run(mlcontrol, "check", "new.json", "--against", "old.json", "--format", "json", code=1))
    assert report["deploy"] == "block"
    (elsewhere / "mlcontrol.toml").write_text('version = 1\nname = "empty"\n')
    try:
        run(mlcontrol, "screenshot", "--page", "fleet", "--size", "1280x800", "page.png")
    finally:
        _end_engine(elsewhere / "mlcontrol.toml")
    picture = QImage(str(elsewhere / "page.png"))
    assert (picture.width(), picture.height()) == (1280, 800)


def _end_engine(workspace: Path) -> None:
    from mlcontrol.core.problem import ProblemError
    from mlcontrol.engine import messages as m
    from mlcontrol.engine.hosts import attach, new_request

    try:
        host = attach(workspace, None, None, start=False)
    except ProblemError:
        return
    host.ask(m.StopEngine(request=new_request(), force=True))
    host.close()

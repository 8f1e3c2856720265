"""What `make` runs before anything is installed: it says what it cannot do, and does nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The modules of ``tools/``, as the scripts there import them."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import environment
    import machine

    yield type("Tools", (), {"environment": environment, "machine": machine})
    for name in ("environment", "machine"):
        sys.modules.pop(name, None)


def test_without_a_display_the_demo_says_how_to_go_on_and_installs_nothing(tmp_path: Path) -> None:
    dark = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    demo = [sys.executable, str(ROOT / "tools" / "demo.py")]
    ran = subprocess.run(demo, cwd=tmp_path, env=dark, capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stdout) == (3, "")
    for way in ("ssh -X", "xvfb-run -a make demo", "make install", "mlcontrol status", "Nothing was installed"):
        assert way in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_made_once_until_the_lock_changes(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tools.environment
    (tmp_path / "uv.lock").write_text("one")
    (tmp_path / "pyproject.toml").write_text("")
    made: list[bool] = []

    def sync(development: bool) -> None:
        made.append(development)
        python = environment.VENV / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setattr(environment, "_sync", sync)
    environment.ensure(development=False)
    environment.ensure(development=False)
    assert made == [False]
    environment.ensure(development=True)
    environment.ensure(development=False)  # the test tools do not harm the panel
    assert made == [False, True]
    (tmp_path / "uv.lock").write_text("two")
    environment.ensure(development=False)
    assert made == [False, True, True]


def test_what_is_absent_is_named_with_its_package_and_what_is_there_is_not(
    tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tools.machine
    monkeypatch.setattr(machine, "PANEL_LIBRARIES", {"libc.so.6": "libc6", "libnowhere.so.9": "libnowhere9"})
    monkeypatch.setattr(machine, "FONT_FILES", {str(ROOT / "*.toml"): "there", str(ROOT / "*.nowhere"): "fonts"})
    assert [lack.package for lack in machine.panel_lacks()] == ["libnowhere9", "fonts"]
    monkeypatch.setattr(machine.shutil, "which", lambda *_args, **_more: None)
    with pytest.raises(SystemExit) as stopped:
        machine.install(machine.panel_lacks(), "The panel")
    assert stopped.value.code == 3
    machine.install([], "Nothing")  # no package manager is asked

"""The interface that pipelines build on, checked from outside: whole processes, both outputs, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.cli.bundle import without_secrets
from mlcontrol.cli.main import COMMANDS
from tests.cli.test_real_fleet import stop_engine

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
WORKSPACE = """\
version = 1
name = "small"
environment = "test"
[connections.registry]
kind = "registry"
adapter = "mlflow"
url = "http://ann:hunter2@127.0.0.1:9"
[services.digits]
registry = "registry"
model = "digits"
"""

Mlcontrol = Callable[..., Any]


@pytest.fixture
def mlcontrol(tmp_path: Path) -> Iterator[Mlcontrol]:
    """Runs `mlcontrol WORDS` as a stranger would; the engine it may have started is ended afterwards."""

    def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        import os

        variables = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
        return subprocess.run(
            [sys.executable, "-m", "mlcontrol", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            cwd=tmp_path,
            env={**variables, **environment},
        )

    yield run
    for file in tmp_path.glob("*.toml"):
        stop_engine(file)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(WORKSPACE)
    return path


def test_help_names_every_command_and_a_wrong_one_cannot_run(mlcontrol: Mlcontrol) -> None:
    told = mlcontrol("--help")
    assert told.returncode == 0
    assert all(re.search(rf"^    {name}\s", told.stdout, re.M) for name in COMMANDS)
    wrong = mlcontrol("deploit")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "invalid choice" in wrong.stderr


def test_without_a_workspace_or_a_display_nothing_runs_and_the_way_on_is_told(mlcontrol: Mlcontrol) -> None:
    for words in (("status",), ("timeline",), ("audit", "verify"), ("plan", "digits", "3")):
        none = mlcontrol(*words, "--format", "json")
        assert (none.returncode, none.stdout) == (3, ""), words
        assert "mlcontrol demo" in none.stderr
    for words in ((), ("demo",)):
        dark = mlcontrol(*words)
        assert (dark.returncode, dark.stdout) == (3, "")
        assert "xvfb-run" in dark.stderr


@pytest.mark.real
@pytest.mark.timeout(600)
class TestOnAnEngine:
    def test_one_document_on_standard_output_with_its_schema(self, mlcontrol: Mlcontrol, workspace: Path) -> None:
        for words, schema, code in (
            (("status",), "mlcontrol.status/1", 2),  # nothing answers: unknown, never ok
            (("status", "digits"), "mlcontrol.status/1", 2),
            (("timeline", "--since", "2020-01-01T00:00:00Z", "--kind", "deploy"), "mlcontrol.timeline/1", 2),
            (("audit", "verify"), "mlcontrol.audit/1", 0),
            (("doctor",), "mlcontrol.doctor/1", 1),
            (("connection", "list"), "mlcontrol.connections/1", 0),
        ):
            ran = mlcontrol(*words, "--format", "json")
            document = json.loads(ran.stdout)
            assert (ran.returncode, document["schema"]) == (code, schema), (words, ran.stderr)
        (service,) = json.loads(mlcontrol("status", "--format", "json").stdout)["services"]
        assert service["health"] == "unknown"
        assert {"versions", "age_s", "at", "freshness", "source"} <= set(service["intended"])

    def test_what_does_not_answer_is_said_at_once(self, mlcontrol: Mlcontrol, workspace: Path) -> None:
        ran = mlcontrol("status", "--format", "json")
        document = json.loads(ran.stdout)
        (connection,) = document["connections"]
        assert connection["health"] == "unknown"
        assert "user name or password" in connection["why"]
        workspace.write_text(WORKSPACE.replace("ann:hunter2@", ""))
        stop_engine(workspace)
        ends = time.monotonic() + 60
        while True:
            (connection,) = json.loads(mlcontrol("status", "--format", "json").stdout)["connections"]
            # The engine that was told to end may still have answered, from the file as it was.
            if "user name or password" not in connection["why"] or time.monotonic() > ends:
                break
        assert connection["health"] == "critical"
        assert "refuses connections" in connection["why"]
        assert UTC.fullmatch(document["at"])

    def test_options_may_come_before_the_command(self, mlcontrol: Mlcontrol, workspace: Path, tmp_path: Path) -> None:
        ran = mlcontrol("--workspace", workspace, "--format=json", "--log-level", "error", "audit", "verify")
        assert (ran.returncode, json.loads(ran.stdout)["ok"]) == (0, True), ran.stderr

    def test_unknown_names_and_missing_reasons_cannot_run(self, mlcontrol: Mlcontrol, workspace: Path) -> None:
        for words in (
            ("status", "nobody"),
            ("plan", "nobody", "3"),
            ("deploy", "nobody", "3", "--reason", "r", "--yes"),
            ("rollback", "nobody", "--to", "1", "--express", "--reason", "r", "--yes"),
        ):
            ran = mlcontrol(*words, "--format", "json")
            assert (ran.returncode, ran.stdout) == (3, ""), words
            assert "no service 'nobody'" in ran.stderr
        assert mlcontrol("deploy", "digits", "3").returncode == 3

    def test_a_broken_workspace_file_is_named_and_nothing_is_shown_as_ok(
        self, mlcontrol: Mlcontrol, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.toml"
        broken.write_text("version = \n[[")
        ran = mlcontrol("status", "--workspace", broken)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert "broken.toml" in ran.stderr
        absent = mlcontrol("status", "--workspace", tmp_path / "absent.txt")
        assert absent.returncode == 3
        assert "There is no workspace file" in absent.stderr

    def test_a_bundle_for_a_bug_report_holds_no_secret(
        self, mlcontrol: Mlcontrol, workspace: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "report.zip"
        ran = mlcontrol("doctor", "--bundle", file, "--format", "json")
        assert json.loads(ran.stdout)["schema"] == "mlcontrol.doctor/1"
        with zipfile.ZipFile(file) as bundle:
            texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
        assert {"doctor.json", "mlcontrol.toml", "engine.log"} <= set(texts)
        assert "engine runs" in texts["engine.log"]
        assert "[connections.registry]" in texts["mlcontrol.toml"]
        assert "hunter2" not in "".join(texts.values()) + ran.stdout + ran.stderr
        assert mlcontrol("doctor", "--bundle", tmp_path / "no" / "such.zip").returncode == 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('secret = "keyring"\nauth = "token"', 'secret = "keyring"\nauth = "token"'),
        ('secret = "env:PAGER_TOKEN"', 'secret = "env:PAGER_TOKEN"'),
        ("https://ann:pw@host/x", "https://***@host/x"),
        ('{"api_key": "abc123", "n": 1}', '{"api_key": ***, "n": 1}'),
        ("Authorization: Bearer abcdef123456", "Authorization: ***"),
        ("sent with bearer abcdef123456", "sent with bearer ***"),
        ("GET /x?token=abc&n=1", "GET /x?token=***&n=1"),
        ("password='a b c' user=x", "password=*** user=x"),
    ],
)
def test_secrets_are_covered_and_where_they_are_kept_is_not(text: str, left: str) -> None:
    assert without_secrets(text) == left

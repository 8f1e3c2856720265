"""`drill`, `approve`, `quarantine`: against a small workspace whose services reach nothing, so that every refusal is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import command

WORKSPACE = """\
version = 1
name = "small"
store = "sqlite:///panel.db"

[services.digits]
title = "Digits"
approval = { people = 1 }
drill = { every = "7d", window = "02:00-04:00" }

[freezes.sale]
reason = "black friday"
starts = "2000-01-01"
"""


@pytest.fixture
def workspace(tmp_path: Path, engine_inside: None) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(WORKSPACE)
    return path


def test_nothing_in_quarantine_is_said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(workspace, capsys, "quarantine", "list")[:2] == (0, "Nothing is in quarantine.\n")
    code, out, _ = command(workspace, capsys, "quarantine", "list", "--format", "json")
    assert (code, json.loads(out)) == (0, {"schema": "mlcontrol.quarantine/1", "quarantined": []})
    code, _, err = command(workspace, capsys, "quarantine", "lift", "digits", "3", "--reason", "mended")
    assert code != 0
    assert "v3 of digits is not in quarantine" in err


def test_an_approval_needs_a_plan_and_a_reason(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = "sha256:" + "a" * 64
    assert command(workspace, capsys, "approve", "digits", plan, "--reason", "looked at it")[0] == 0
    code, _, err = command(workspace, capsys, "approve", "digits", "v3", "--reason", "looked at it")
    assert code != 0
    assert "names no plan" in err
    assert command(workspace, capsys, "approve", "digits", plan)[0] == 3


def test_a_drill_that_cannot_be_tried_says_why(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(workspace, capsys, "drill", "digits", "--list")
    assert (code, out) == (2, "The way back of this service has never been drilled.\n")
    code, _, err = command(workspace, capsys, "drill", "digits", "--for-real")
    assert code != 0
    assert "no quiet hour" in err
    assert command(workspace, capsys, "drill", "nobody", "--list")[0] != 0

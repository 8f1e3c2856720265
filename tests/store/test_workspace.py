"""The workspace file: every fault is named, nothing broken stops the rest, a person's comments stay."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.store.database import StoreError
from mlcontrol.store.workspace import create_workspace, put_entry, read_workspace, remove_entry

TEXT = """\
# our fleet
version = 1
name = "fleet"
environment = "production"

[connections.triton]
kind = "serving"   # behind the router
adapter = "triton"
url = "http://127.0.0.1:8000"
poll_s = 2
options = { grpc = "127.0.0.1:8001" }

[services.digits]
title = "Digit reader"
serving = ["triton"]
image_shape = [8, 8]
objectives = { error_rate = 0.01, p99_ms = 150 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(TEXT)
    return path


def test_a_file_is_read_whole(file: Path) -> None:
    found = read_workspace(file)
    assert (found.name, found.environment, found.problems) == ("fleet", "production", ())
    assert found.connections["triton"] == ConnectionSettings(
        "triton",
        ConnectionKind.SERVING,
        "triton",
        "http://127.0.0.1:8000",
        poll_s=2.0,
        options={"grpc": "127.0.0.1:8001"},
    )
    service = found.services["digits"]
    assert (service.serving, service.image_shape, service.objectives["p99_ms"]) == (("triton",), (8, 8), 150.0)
    assert service.environment == "production"


def test_a_broken_entry_is_named_and_the_others_are_read(file: Path) -> None:
    file.write_text(
        TEXT
        + """
[connections.bad]
kind = "teapot"
adapter = "x"
url = "http://127.0.0.1"

[connections.odd]
kind = "metrics"
adapter = "x"
url = "http://127.0.0.1"
colour = "red"

[services.lost]
registry = "nowhere"
"""
    )
    found = read_workspace(file)
    assert set(found.connections) == {"triton", "odd"}
    assert len(found.problems) == 3
    for place, problem in zip(
        ("[connections.bad]", "[connections.odd]", "[services.lost]"), found.problems, strict=True
    ):
        assert place in problem
    assert "teapot" in found.problems[0]
    assert "colour" in found.problems[1]
    assert "nowhere" in found.problems[2]


@pytest.mark.parametrize("text", [b"name = ", b"\xff\xfe\x00", b"connections = 3\nname = 7\n"])
def test_a_broken_file_is_reported_and_left_as_it_is(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    assert read_workspace(file).problems
    assert file.read_bytes() == text


def test_a_broken_file_is_never_written_over(file: Path) -> None:
    file.write_text("name = ")
    with pytest.raises(StoreError) as refused:
        put_entry(file, ServiceSettings("digits"))
    assert "was not changed" in refused.value.problem.what
    assert file.read_text() == "name = "


def test_a_newer_or_missing_file_is_refused(file: Path) -> None:
    file.write_text("version = 2")
    with pytest.raises(StoreError, match="newer"):
        read_workspace(file)
    with pytest.raises(StoreError, match="cannot be read"):
        read_workspace(file.with_name("nothing.toml"))


def test_writing_keeps_comments_and_order(file: Path) -> None:
    changed = read_workspace(file).connections["triton"]
    put_entry(file, ConnectionSettings(changed.id, changed.kind, changed.adapter, "http://127.0.0.1:9000"))
    text = file.read_text()
    assert "# our fleet" in text
    assert "# behind the router" in text
    assert "grpc" not in text
    assert read_workspace(file).connections["triton"].url == "http://127.0.0.1:9000"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_written_is_read_back(file: Path) -> None:
    service = ServiceSettings(
        "wines", "Wines", serving=("triton",), objectives={"rmse": 0.5}, labels={"tier": 'a"b'}, image_shape=(2, 3), protected=True,
        environment="production",
    )  # fmt: skip
    put_entry(file, service)
    assert read_workspace(file).services["wines"] == service


def test_renaming_and_removing_entries(file: Path) -> None:
    put_entry(file, ServiceSettings("digits2", "Digits"), replaces="digits")
    assert set(read_workspace(file).services) == {"digits2"}
    remove_entry(file, "services", "digits2")
    remove_entry(file, "services", "never-there")
    assert read_workspace(file).services == {}


def test_a_new_workspace_takes_entries(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mlcontrol.toml"
    create_workspace(path, "mine", "staging")
    put_entry(path, ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", "http://127.0.0.1/metrics"))
    found = read_workspace(path)
    assert (found.name, found.environment, list(found.connections), found.problems) == ("mine", "staging", ["m"], ())


def test_the_policy_of_the_checks_stands_in_the_workspace(file: Path) -> None:
    file.write_text(TEXT + '\n[[policy.override]]\nrule = "S2"\nby = ["m.okafor"]\n[policy.limits]\nsize_delta = 0.2\n')
    found = read_workspace(file)
    assert found.problems == ()
    assert [(grant.rule, grant.by) for grant in found.policy.grants] == [("S2", ("m.okafor",))]
    assert found.policy.limits.size_delta == 0.2
    file.write_text(TEXT + '\n[[policy.override]]\nrule = "S2"\n')
    found = read_workspace(file)
    assert any("[policy]" in problem for problem in found.problems)
    assert found.policy.problem, "what could not be read must not be taken for leave"

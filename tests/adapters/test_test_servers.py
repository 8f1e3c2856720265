"""The real servers that tests start: each answers as itself, and nothing of it is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing import servers


@pytest.mark.parametrize("name", ["mlserver", "envoy"])
def test_the_lock_pins_every_package_with_hashes(name: str) -> None:
    lines = servers.lock_of(name).read_text().splitlines()
    pins = [index for index, line in enumerate(lines) if "==" in line and not line.startswith((" ", "#"))]
    assert pins
    assert all("--hash=sha256:" in lines[index + 1] for index in pins)


def test_a_server_that_ends_is_reported_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "mlserver"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no such settings\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setattr(servers, "installed", lambda name: tmp_path)
    with pytest.raises(TimeoutError, match="no such settings"), servers.mlserver(tmp_path):
        pass


@pytest.mark.real
def test_mlserver_starts_on_ports_of_its_own(tmp_path: Path) -> None:
    with servers.mlserver(tmp_path) as server:
        status, text = server.ask("GET", "/v2")
    assert status == 200
    assert json.loads(text)["name"] == "mlserver"
    assert len(set(server.ports.values())) == 3


@pytest.mark.real
def test_envoy_starts_with_the_config_it_is_given(tmp_path: Path) -> None:
    with servers.envoy(tmp_path, _admin_only) as server:
        status, text = exchange(server.ports["admin"], "GET", "/server_info")
    assert status == 200
    assert json.loads(text)["state"] == "LIVE"


def _admin_only(ports: Mapping[str, int]) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": ports["admin"]}}
    return {"admin": {"address": address}}

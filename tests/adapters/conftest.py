"""The adapters' tests share one running fleet, and read its connections from the workspace it wrote."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.testing.fleet import RunningFleet, running_fleet, shared_servers

__all__ = ["connection", "running_fleet", "shared_servers"]


@pytest.fixture
def connection(running_fleet: RunningFleet) -> Callable[[str], ConnectionSettings]:
    """The settings of one of the fleet's connections, by id."""
    tables = tomllib.loads(running_fleet.workspace.read_text())["connections"]

    def named(name: str) -> ConnectionSettings:
        table = tables[name]
        options = table.get("options", {})
        return ConnectionSettings(name, ConnectionKind(table["kind"]), table["adapter"], table["url"], options=options)

    return named


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever real test comes first also pays for the fleet's start."""
    for item in items:
        if item.get_closest_marker("real") and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))

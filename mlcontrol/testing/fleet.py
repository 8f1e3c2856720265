"""A real running sandbox fleet for tests: `running_fleet`, to be imported by a conftest, together with `shared_servers`.

The servers' environment and the seeded registry are kept in the user's cache folder (``MLCONTROL_SANDBOX_ENV`` and
``MLCONTROL_SANDBOX_SEEDS`` move them), so that only the first session ever installs and trains.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from mlcontrol.sandbox import fleet, repository, router
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.servers import MODELS
from mlcontrol.sandbox.wire import exchange

START_LIMIT_S = 900


@dataclass(frozen=True, slots=True)
class RunningFleet:
    """A fleet of this test session's own."""

    home: Path

    @property
    def layout(self) -> Layout:
        return Layout.of(self.home)

    @property
    def workspace(self) -> Path:
        return self.layout.workspace

    @property
    def ports(self) -> dict[str, int]:
        return fleet.status(self.home).ports or {}

    def back_to_start(self) -> None:
        """As after the first `up`: no fault, the champion routed, versions 1 and 2 loaded, aliases where they were."""
        fleet.clear_faults(self.home)
        ports = self.ports
        for model in MODELS:
            for role in ("stable", "canary"):
                router.set_entry(
                    self.layout, ports["router_admin"], router.VERSIONS, f"{model}-{role}", router.CHAMPION
                )
            router.set_entry(self.layout, ports["router_admin"], router.SHARES, model, "0")
            for alias, version in (("champion", "2"), ("challenger", "3")):
                exchange(
                    ports["mlflow"],
                    "POST",
                    "/api/2.0/mlflow/registered-models/alias",
                    {"name": model, "alias": alias, "version": version},
                )
            if repository.loaded(ports["triton"]).get(model) != repository.FIRST:
                repository.set_versions(ports["triton"], model, repository.FIRST)

    def forget(self) -> None:
        """Remove what engines of earlier tests remember: journal, known-good versions, history. No engine may run."""
        folder = self.workspace.parent
        for remembered in (*folder.glob("panel-*.db*"), *folder.glob("history.db*")):
            remembered.unlink()

    def predictions(self, service: str) -> list[dict[str, object]]:
        """Every entry of a service's prediction log so far."""
        return self._lines("predictions", service)

    def labels(self, service: str) -> list[dict[str, object]]:
        return self._lines("labels", service)

    def _lines(self, kind: str, service: str) -> list[dict[str, object]]:
        files = sorted((self.layout.fleet / kind / service).glob("*.jsonl"))
        return [
            json.loads(line)
            for file in files
            for line in file.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[None]:
    """Lets every fleet of this session use the environment and the seed kept in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in kept_servers().items():
            patch.setenv(name, folder)
        yield


def kept_servers() -> dict[str, str]:
    """The environment variables that name the kept environment and seed, as they are set or in the user's cache folder."""
    cache = platformdirs.user_cache_path("mlcontrol") / "sandbox"
    folders = {"MLCONTROL_SANDBOX_ENV": cache / "env", "MLCONTROL_SANDBOX_SEEDS": cache / "seeds"}
    return {name: os.environ.get(name) or str(folder) for name, folder in folders.items()}


RUNNING = pytest.StashKey[RunningFleet]()


@pytest.fixture(scope="session")
def running_fleet(
    request: pytest.FixtureRequest,
    shared_servers: None,  # noqa: ARG001 - must come first
    tmp_path_factory: pytest.TempPathFactory,
) -> RunningFleet:
    """One fleet for the whole session, whichever conftests import this, ended with it.

    A test that changes the fleet calls `RunningFleet.back_to_start` when it is done.
    """
    config = request.config
    if RUNNING not in config.stash:
        home = tmp_path_factory.mktemp("sandbox")
        config.add_cleanup(lambda: fleet.down(home))
        fleet.up(home, timeout_s=START_LIMIT_S, lives_with=os.getpid())  # a killed session leaves no fleet
        config.stash[RUNNING] = RunningFleet(home)
    return config.stash[RUNNING]

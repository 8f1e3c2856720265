"""Where the sandbox keeps its things."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class Layout:
    """``home`` holds everything; ``env`` (the servers' environment, MLServer's own beside it) may be shared between homes."""

    home: Path
    env: Path

    @classmethod
    def of(cls, home: Path | None = None) -> Layout:
        """``home``, else ``MLCONTROL_SANDBOX_HOME``, else the user's data folder. ``MLCONTROL_SANDBOX_ENV`` moves ``env``."""
        chosen = home or Path(os.environ.get("MLCONTROL_SANDBOX_HOME") or default_home())
        env = os.environ.get("MLCONTROL_SANDBOX_ENV")
        return cls(chosen.resolve(), Path(env).resolve() if env else chosen.resolve() / "env")

    @property
    def fleet(self) -> Path:
        return self.home / "fleet"

    @property
    def mlserver_env(self) -> Path:
        return self.env.with_name(f"{self.env.name}-mlserver")

    @property
    def workspace(self) -> Path:
        return self.fleet / "mlcontrol.toml"

    @property
    def record(self) -> Path:
        """What the supervisor says of itself: ports, processes, state."""
        return self.fleet / "fleet.json"

    @property
    def wishes(self) -> Path:
        """What others want of the supervisor: traffic rate, faults."""
        return self.fleet / "wishes.json"

    @property
    def lock(self) -> Path:
        return self.fleet / "lock"

    @property
    def logs(self) -> Path:
        return self.fleet / "logs"

    @property
    def progress(self) -> Path:
        return self.logs / "progress.log"

    @property
    def seeded(self) -> Path:
        """Exists once seeding has finished; holds the digest of what seeded it."""
        return self.fleet / "seeded"

    @property
    def repository(self) -> Path:
        """Triton's model repository."""
        return self.fleet / "triton"

    @property
    def mlserver_repository(self) -> Path:
        return self.fleet / "mlserver"

    @property
    def served(self) -> Path:
        """Versions that the model server had loaded when last seen, per model; read at the next start."""
        return self.fleet / "served.json"

    @property
    def maps(self) -> Path:
        return self.fleet / "router"


def default_home() -> Path:
    return platformdirs.user_data_path("mlcontrol") / "sandbox"


def resources() -> Path:
    """The sandbox's own files: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_resources" / "sandbox"
    return inside if inside.is_dir() else package.parent / "resources" / "sandbox"

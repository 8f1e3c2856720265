"""Puts a secret into the keyring, in the process of the person who types it: secrets never cross the engine's socket."""

from __future__ import annotations

from pathlib import Path

from mlcontrol.adapters.secrets.system_keyring import SystemKeyring
from mlcontrol.ports.connection import Viability
from mlcontrol.store.workspace import read_workspace


def keyring_viability() -> Viability:
    """Whether secrets can be kept on this machine, and why not."""
    return SystemKeyring().viability()


def store_secret(workspace: Path, connection: str, secret: str) -> None:
    """Keep the secret under the workspace's name and the connection's id. Raises `NeedsCredentials` with the reason."""
    SystemKeyring().set(read_workspace(workspace).name, connection, secret)


def forget_secret(workspace: Path, connection: str) -> None:
    """Remove it; nothing happens when there is none."""
    SystemKeyring().delete(read_workspace(workspace).name, connection)

"""The contract of secrets against a real keyring; `test_keyring.py` runs this file inside a session that has one."""

from __future__ import annotations

import os

import keyring
import pytest
from keyring.backends import SecretService

from mlcontrol.adapters.secrets.system_keyring import SystemKeyring
from mlcontrol.testing.contracts.secrets import SecretsContract

# Read before the suite hides the session bus from every test: this run was given a bus of its own.
BUS, RUNTIME = os.environ["DBUS_SESSION_BUS_ADDRESS"], os.environ["XDG_RUNTIME_DIR"]


class TestRealKeyring(SecretsContract):
    @pytest.fixture
    def secrets(self, monkeypatch: pytest.MonkeyPatch) -> SystemKeyring:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", BUS)
        monkeypatch.setenv("XDG_RUNTIME_DIR", RUNTIME)
        monkeypatch.setattr(keyring, "get_keyring", SecretService.Keyring)
        return SystemKeyring()

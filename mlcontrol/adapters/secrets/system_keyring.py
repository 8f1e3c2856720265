"""Secrets in the operating system's keyring, through the `keyring` package; every other kind of backend is refused."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

import keyring
import keyring.backend
import keyring.errors

from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader, Viability
from mlcontrol.ports.errors import NeedsCredentials
from mlcontrol.ports.secrets import Secrets

T = TypeVar("T")

# Anything not named here may write plain text to disk, or keep nothing at all.
ALLOWED = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
    }
)


class SystemKeyring:
    """*Thread:* any. A locked keyring may ask the person and block for ever: each call runs in a worker with a deadline."""

    def viability(self) -> Viability:
        backend = keyring.get_keyring()
        name = _name(backend)
        if name == "keyring.backends.chainer.ChainerBackend":
            usable = [one for one in getattr(backend, "backends", ()) if _name(one) in ALLOWED]
            if usable:
                return Viability(True)
            return Viability(False, "None of the keyrings found here keeps secrets safely.")
        if name in ALLOWED:
            return Viability(True)
        if name == "keyring.backends.fail.Keyring":
            return Viability(
                False, "No keyring service answers in this session (no D-Bus session, or no keyring daemon)."
            )
        return Viability(False, f"The keyring backend {name} is not one that keeps secrets safely, so it is not used.")

    def get(self, workspace: str, connection: str, deadline_s: float = 10.0) -> str | None:
        """The secret, or `None` when there is no entry. Raises `NeedsCredentials`."""
        backend = self._backend()
        return _within(deadline_s, lambda: backend.get_password(_service(workspace), connection))

    def set(self, workspace: str, connection: str, secret: str, deadline_s: float = 30.0) -> None:
        backend = self._backend()
        _within(deadline_s, lambda: backend.set_password(_service(workspace), connection, secret))

    def delete(self, workspace: str, connection: str, deadline_s: float = 10.0) -> None:
        """Forget the secret; nothing happens when there is none."""
        backend = self._backend()

        def forget() -> None:
            if backend.get_password(_service(workspace), connection) is not None:
                backend.delete_password(_service(workspace), connection)

        _within(deadline_s, forget)

    def _backend(self) -> keyring.backend.KeyringBackend:
        viability = self.viability()
        if not viability.viable:
            raise NeedsCredentials(
                Problem("There is no keyring to keep secrets in.", viability.why, _WITHOUT, code="needs-credentials")
            )
        backend = keyring.get_keyring()
        if _name(backend) in ALLOWED:
            return backend
        chosen: keyring.backend.KeyringBackend = next(
            one for one in getattr(backend, "backends", ()) if _name(one) in ALLOWED
        )
        return chosen


_WITHOUT = (
    "Start and unlock the desktop's keyring, or name an environment variable of the engine as the secret (env:NAME). "
    "Secrets are never written to a file."
)


def _service(workspace: str) -> str:
    return f"mlcontrol/{workspace}"


def _name(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _within(deadline_s: float, call: Callable[[], T]) -> T:
    """Run a keyring call with a deadline. One that hangs is left behind in a daemon thread: it cannot be interrupted."""
    box: queue.SimpleQueue[tuple[bool, T | BaseException]] = queue.SimpleQueue()

    def work() -> None:
        try:
            box.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller
            box.put((False, error))

    threading.Thread(target=work, name="keyring-call", daemon=True).start()
    try:
        done, value = box.get(timeout=deadline_s)
    except queue.Empty:
        raise NeedsCredentials(
            Problem(
                f"The keyring did not answer within {deadline_s:g} s.",
                "It may be waiting to be unlocked, or its daemon hangs.",
                "Unlock it, then test the connection again.",
                code="needs-credentials",
            )
        ) from None
    if done:
        return value  # type: ignore[return-value]
    if isinstance(value, keyring.errors.KeyringError | RuntimeError):
        raise NeedsCredentials(
            Problem(
                "The keyring did not give or take the secret.",
                f"{type(value).__name__}: {str(value)[:200]}",
                "Unlock it, then try again.",
                code="needs-credentials",
            )
        ) from value
    assert isinstance(value, BaseException)
    raise value


def secret_reader(workspace: str, settings: ConnectionSettings, secrets: Secrets) -> SecretReader:
    """How a connection's secret is read when it is needed: from the keyring, from the engine's environment, or not at all."""

    def read() -> str | None:
        if settings.auth == "none":
            return None
        kind, _, name = settings.secret.partition(":")
        if kind == "env" and name:
            value = os.environ.get(name)
            if value is None:
                raise NeedsCredentials(
                    Problem(
                        f"The secret of {settings.id} is not set.",
                        f"The engine's environment has no variable {name}.",
                        "Set it where the engine is started, then start the engine again.",
                        code="needs-credentials",
                    )
                )
            return value
        secret = secrets.get(workspace, settings.id)
        if secret is None:
            raise NeedsCredentials(
                Problem(
                    f"The keyring has no secret for {settings.id}.",
                    "None was stored, or it was removed.",
                    f"Enter it on the Connections page, or run `mlcontrol connection secret {settings.id}`.",
                    code="needs-credentials",
                )
            )
        return secret

    return read

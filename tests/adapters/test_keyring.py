"""Secrets: the allow-list of backends with its twin, deadlines, and a real gnome-keyring in a session of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from mlcontrol.adapters.secrets import system_keyring
from mlcontrol.adapters.secrets.system_keyring import SystemKeyring, secret_reader
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import NeedsCredentials


class Plaintext(keyring.backend.KeyringBackend):
    """Stands for `keyrings.alt`: keeps what it gets where anyone can read it."""

    priority = 0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Makes a backend the one that `keyring` found on this machine."""

    def chosen(backend: keyring.backend.KeyringBackend) -> keyring.backend.KeyringBackend:
        monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
        return backend

    return chosen


@pytest.mark.parametrize("kind", [Plaintext, keyring.backends.null.Keyring, keyring.backends.fail.Keyring])
def test_a_backend_that_is_not_named_is_refused(use, kind: type) -> None:  # type: ignore[no-untyped-def]
    """Fault 50 and Fault 52."""
    backend = use(kind())
    secrets = SystemKeyring()
    assert not secrets.viability().viable
    assert secrets.viability().why
    for ask in (
        lambda: secrets.set("w", "registry", "s3cret"),
        lambda: secrets.get("w", "registry"),
        lambda: secrets.delete("w", "registry"),
    ):
        with pytest.raises(NeedsCredentials) as caught:
            ask()
        assert "keyring" in caught.value.problem.next
    assert getattr(backend, "kept", {}) == {}


def test_twin_without_the_list_a_plaintext_backend_takes_the_secret(  # type: ignore[no-untyped-def]
    use, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = use(Plaintext())
    name = f"{Plaintext.__module__}.{Plaintext.__qualname__}"
    monkeypatch.setattr(system_keyring, "ALLOWED", frozenset({name}))
    SystemKeyring().set("w", "registry", "s3cret")
    assert "s3cret" in backend.kept.values()


def test_a_keyring_that_hangs_ends_in_time(use, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Fault 51."""
    release = threading.Event()
    backend = Plaintext()
    monkeypatch.setattr(backend, "get_password", lambda *names: release.wait(20) and None)
    use(backend)
    name = f"{Plaintext.__module__}.{Plaintext.__qualname__}"
    monkeypatch.setattr(system_keyring, "ALLOWED", frozenset({name}))
    with pytest.raises(NeedsCredentials, match=r"did not answer within 0\.1 s"):
        SystemKeyring().get("w", "registry", deadline_s=0.1)
    release.set()


def test_twin_without_the_deadline_a_keyring_that_hangs_is_waited_for(  # type: ignore[no-untyped-def]
    use, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, asked = threading.Event(), threading.Event()
    backend = Plaintext()

    def hang(*_names: str) -> None:
        asked.set()
        release.wait(60)

    monkeypatch.setattr(backend, "get_password", hang)
    use(backend)
    monkeypatch.setattr(system_keyring, "ALLOWED", frozenset({f"{Plaintext.__module__}.{Plaintext.__qualname__}"}))
    monkeypatch.setattr(system_keyring, "_within", lambda _deadline_s, call: call())
    caller = threading.Thread(target=lambda: SystemKeyring().get("w", "registry", deadline_s=0.1))
    caller.start()
    assert asked.wait(60)
    caller.join(1.0)
    assert caller.is_alive(), "ten times its deadline"
    release.set()
    caller.join(60)


def connection(auth: str, secret: str) -> ConnectionSettings:
    return ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", "http://127.0.0.1:1", auth, secret=secret)


def test_a_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "t0ken")
    assert secret_reader("w", connection("token", "env:REGISTRY_TOKEN"), SystemKeyring())() == "t0ken"
    monkeypatch.delenv("REGISTRY_TOKEN")
    with pytest.raises(NeedsCredentials, match="REGISTRY_TOKEN"):
        secret_reader("w", connection("token", "env:REGISTRY_TOKEN"), SystemKeyring())()


def test_without_sign_in_the_keyring_is_not_asked(use) -> None:  # type: ignore[no-untyped-def]
    use(keyring.backends.fail.Keyring())
    assert secret_reader("w", connection("none", ""), SystemKeyring())() is None


def test_a_secret_from_the_keyring_is_read_when_needed(  # type: ignore[no-untyped-def]
    use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Plaintext())
    monkeypatch.setattr(system_keyring, "ALLOWED", frozenset({f"{Plaintext.__module__}.{Plaintext.__qualname__}"}))
    secrets = SystemKeyring()
    read = secret_reader("w", connection("token", "keyring"), secrets)
    with pytest.raises(NeedsCredentials, match="has no secret"):
        read()
    secrets.set("w", "registry", "s3cret")
    assert read() == "s3cret"


@pytest.mark.real
def test_a_real_keyring_keeps_the_contract(tmp_path: Path) -> None:
    """Runs `keyring_session.py` in a D-Bus session of its own with an unlocked gnome-keyring."""
    daemon = shutil.which("gnome-keyring-daemon")
    assert daemon is not None, "install Debian's gnome-keyring and dbus"
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    environment.pop("PYTEST_ADDOPTS", None)
    environment.update({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)})
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        environment[f"XDG_{name}_HOME"] = str(tmp_path / name.lower())
    script = f'printf pw | {daemon} --unlock --components=secrets >/dev/null && "$@"'
    inner = [
        sys.executable,
        "-m",
        "pytest",
        str(Path(__file__).with_name("keyring_session.py")),
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", script, "sh", *inner],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "6 passed" in done.stdout
    held = [path for path in tmp_path.rglob("*") if path.is_file() and "pä:ß 漢字".encode() in path.read_bytes()]
    assert held == []

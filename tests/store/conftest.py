"""A store on SQLite and on a real PostgreSQL; the same tests hold for both."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.store import Store


def _binary(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        pytest.skip("PostgreSQL is not installed")
    return path


def _as_server_user(*command: str) -> None:
    """The server refuses to run as root."""
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/tmp")


class PostgresServer:
    """A server of this session's own. ``port`` stays the same over a restart."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        _as_server_user(
            _binary("initdb"), "-D", str(self.data), "-U", "panel", "--auth=trust", "--no-sync", "-E", "UTF8"
        )

    def start(self, *, fsync: bool = False) -> None:
        """``fsync``: whether a commit waits for the disk, as a team's server does; tests of behaviour need not."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += f" -c fsync={'on' if fsync else 'off'}"
        _as_server_user(
            _binary("pg_ctl"), "-D", str(self.data), "-l", str(self._log), "-o", options, "-w", "-t", "30", "start"
        )

    def stop(self) -> None:
        _as_server_user(_binary("pg_ctl"), "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(host="127.0.0.1", port=self.port, user="panel", dbname="postgres", autocommit=True) as c:
            c.execute(f"create database {name}")
        return f"postgresql+psycopg://panel@127.0.0.1:{self.port}/{name}"

    def ask_for_passwords_of(self, role: str) -> None:
        """From now on this role must give its password; everybody else is trusted as before."""
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        _as_server_user(_binary("pg_ctl"), "-D", str(self.data), "reload")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="mlc-pg-"))
    folder.chmod(0o711)
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///panel.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


OpenStore = Callable[[], Store]


@pytest.fixture
def open_store(url: str, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the test's store, again and again the same one; closes them all at the end."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store.open(url, tmp_path, SystemClock(), tmp_path / "heads"))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()

"""A real MariaDB of a test's own: its own data folder and loopback port, started as a process and ended with the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from mlcontrol.sandbox.process import ProcessId, end_group, start
from mlcontrol.testing.servers import free_ports

_SYSTEM = ("system_tables", "performance_tables", "system_tables_data")
START_LIMIT_S = 60.0


def _program() -> str:
    """Debian keeps the server out of the path of users."""
    path = shutil.which("mariadbd", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip("MariaDB is not installed")
    return path


def _script(name: str) -> str:
    """One that makes a new server's own tables; releases differ in how they name it."""
    [*_, path] = sorted(Path("/usr/share").glob(f"m[ya]*/m[ya]*_{name}.sql"))
    return path.read_text()


class MariaServer:
    """``port`` stays the same over a restart. ``certificate``: a PEM file with key and certificate, for TLS."""

    def __init__(self, folder: Path, certificate: Path) -> None:
        self.port = free_ports(1)[0]
        self._folder, self._certificate = folder, certificate
        self._process: ProcessId | None = None
        self._data = folder / "data"
        self._data.mkdir()
        self._common = [_program(), "--no-defaults", f"--datadir={self._data}", "--innodb-log-file-size=8M"]
        self._common += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--aria-log-file-size=8M"]
        if os.getuid() == 0:
            # As a team's server it must not run as root.
            for path in (folder, self._data, certificate):
                shutil.chown(path, "nobody")
            self._common.append("--user=nobody")
        script = "create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\n"  # one statement a line here
        script += "".join(_script(name) for name in _SYSTEM)
        made = subprocess.run(
            [*self._common, "--bootstrap"], input=script, capture_output=True, text=True, timeout=120, check=False
        )
        assert made.returncode == 0, made.stderr[-2000:]

    def start(self) -> None:
        log, pid = self._folder / "log", self._folder / "pid"
        # Not a child of this process, as PostgreSQL is none: a test may stop and start it, and leaves no child behind.
        command = [
            "setsid",
            "--fork",
            *self._common,
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ]
        command += [f"--socket={self._folder / 's'}", f"--pid-file={pid}"]
        command += [f"--ssl-cert={self._certificate}", f"--ssl-key={self._certificate}"]
        start(command, log).wait()
        ends = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self.execute("select 1")
                self._process = ProcessId.of(int(pid.read_text()))
                return
            except pymysql.OperationalError:
                if time.monotonic() > ends:
                    raise TimeoutError(f"MariaDB did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None

    def execute(self, *statements: str, database: str = "mysql") -> None:
        """As the server's root, who is let in without a password from this machine."""
        connection: Any = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@contextlib.contextmanager
def mariadb(certificate: bytes) -> Iterator[MariaServer]:
    folder = Path(tempfile.mkdtemp(prefix="mlc-my-"))  # short: a socket has its name in it
    folder.chmod(0o711)
    pem = folder / "server.pem"
    pem.write_bytes(certificate)
    pem.chmod(0o600)
    try:
        server = MariaServer(folder, pem)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

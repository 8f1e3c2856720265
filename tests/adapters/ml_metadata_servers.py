"""Real MySQL and PostgreSQL servers with a store of ML Metadata in them, and a listener that is neither."""

from __future__ import annotations

import datetime
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mlcontrol.adapters.lineage.ml_metadata import MlMetadata
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from tests.adapters.mariadb_server import mariadb
from tests.adapters.ml_metadata_writer import write_store
from tests.store.conftest import PostgresServer

SECRET = "s3cret-of-the-reader"


@dataclass(frozen=True)
class Server:
    """A server with a store in it. ``reader`` may read and write there; the panel must not write all the same."""

    url: str
    execute: Callable[[str], None]
    stop: Callable[[], None]
    start: Callable[[], None]
    error: type[Exception]

    def settings(self, **other: Any) -> ConnectionSettings:
        made = ConnectionSettings("lineage", ConnectionKind.LINEAGE, "ml-metadata", self.url, "basic", "reader")
        return replace(made, **other)

    def store(self, told: str = SECRET, **other: Any) -> MlMetadata:
        return MlMetadata(self.settings(**other), lambda: told)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of "localhost", signed by itself; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    of_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(of_key + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def mysql(certificate: Path) -> Iterator[Server]:
    with mariadb(certificate.read_bytes()) as server:
        server.execute(
            "create database metadb character set latin1",
            "create database empty",
            f"create user reader@'%' identified by '{SECRET}'",
            "grant all on metadb.* to reader@'%'",
            "grant all on empty.* to reader@'%'",
        )
        access = f'host: "127.0.0.1" port: {server.port} user: "reader" password: "{SECRET}" database: "metadb"'
        write_store(f"mysql {{ {access} }}")
        url = f"mysql://127.0.0.1:{server.port}/metadb"
        yield Server(
            url, lambda words: server.execute(words, database="metadb"), server.stop, server.start, pymysql.Error
        )


@pytest.fixture(scope="module")
def postgresql(postgres: PostgresServer, certificate: Path) -> Server:
    def execute(*statements: str, database: str = "metadb") -> None:
        with psycopg.connect(
            host="127.0.0.1", port=postgres.port, user="panel", dbname=database, autocommit=True
        ) as asked:
            for statement in statements:
                asked.execute(statement.encode())

    execute(
        f"create role reader login password '{SECRET}'",
        "create database metadb owner reader",
        "create database empty owner reader",
        database="postgres",
    )
    for name in ("server.crt", "server.key"):
        file = postgres.data / name
        file.write_bytes(certificate.read_bytes())
        file.chmod(0o600)
        shutil.chown(file, postgres.data.owner(), postgres.data.group())
    execute("alter system set ssl = on", database="postgres")
    postgres.ask_for_passwords_of("reader")  # with this both are read
    access = f'host: "127.0.0.1" port: "{postgres.port}" user: "reader" password: "{SECRET}" dbname: "metadb"'
    write_store(f"postgresql {{ {access} }}")
    return Server(
        f"postgresql://127.0.0.1:{postgres.port}/metadb", execute, postgres.stop, postgres.start, psycopg.Error
    )


@contextmanager
def listening(first: bytes, drip: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """Takes each connection, says ``first``, then ``drip`` again and again, and keeps what it hears."""
    heard: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    line, _ = door.accept()
                except TimeoutError:
                    continue
                with line:
                    line.settimeout(0.05)
                    try:
                        line.sendall(first)
                        while not over.is_set():
                            try:
                                said = line.recv(65_536)
                            except TimeoutError:
                                line.sendall(drip)
                                continue
                            if not said:
                                break
                            heard.append(said)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1], heard
        finally:
            over.set()
            thread.join()

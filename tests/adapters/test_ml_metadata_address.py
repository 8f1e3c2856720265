"""Addresses of ML Metadata stores: which are read, and that none leads elsewhere than to its host. No server is asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlcontrol.adapters.lineage.metadata_address import database_of
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, NotSupported, Rejected, Unreachable
from mlcontrol.testing.contracts.connection import no_secret


def settings(url: str) -> ConnectionSettings:
    return ConnectionSettings("lineage", ConnectionKind.LINEAGE, "ml-metadata", url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/metadata.db",
        "mysql://host/metadb",
        "mysql://reader@host:3307/metadb?ssl-mode=required",
        "postgresql://reader@[::1]:5433/metadb?sslmode=verify-full",
    ],
)
def test_these_are_read(url: str) -> None:
    assert database_of(settings(url), no_secret)


@pytest.mark.parametrize(
    ("url", "kind", "why"),
    [
        ("grpc://host:8080", Rejected, "no address"),
        ("mysql://host", Rejected, "no address"),
        ("mysql:///metadb", Rejected, "no address"),
        ("mysql://host:port/metadb", Rejected, "no address"),
        ("postgresql://host/", Rejected, "no address"),
        ("postgresql://one:1,two:2/metadb", Rejected, "no address"),
        ("postgresql://one,two/metadb", Rejected, "several hosts"),
        ("mysql://reader:hidden@host/metadb", Rejected, "holds a password"),
        ("postgresql://reader:hidden@host/metadb", Rejected, "holds a password"),
        ("mysql://host/metadb?unix_socket=/run/mysqld/mysqld.sock", Rejected, "unix_socket"),
        ("mysql://host/metadb?read_default_file=/etc/my.cnf", Rejected, "read_default_file"),
        ("mysql://host/metadb?ssl-mode=maybe", Rejected, "ssl-mode"),
        ("postgresql://host/metadb?hostaddr=10.0.0.1", Rejected, "hostaddr"),
        ("postgresql://host/metadb?options=-c%20x", Rejected, "options"),
        ("mysql://169.254.169.254/metadb", Unreachable, "never contacted"),
        ("postgresql://metadata.google.internal/metadb", Unreachable, "never contacted"),
        ("mysql://2130706433/metadb", NotSupported, "a number"),
    ],
)
def test_these_are_refused_in_words(url: str, kind: type[AdapterError], why: str) -> None:
    with pytest.raises(kind) as caught:
        database_of(settings(url), no_secret)
    problem = caught.value.problem
    assert why in f"{problem.what} {problem.why}"
    assert problem.next
    assert "hidden" not in f"{problem.what} {problem.why} {problem.next}"


@pytest.mark.parametrize(
    ("url", "loaded"),
    [("sqlite:////x", set()), ("mysql://h/x", {"pymysql"}), ("postgresql://h/x", {"psycopg"})],
)
def test_only_the_driver_that_is_asked_for_is_loaded(url: str, loaded: set[str]) -> None:
    code = (
        "import sys\nfrom mlcontrol.adapters.lineage.ml_metadata import MlMetadata\n"
        "from mlcontrol.core.settings import ConnectionSettings\nfrom mlcontrol.core.types import ConnectionKind\n"
        "MlMetadata(ConnectionSettings('a', ConnectionKind.LINEAGE, 'ml-metadata', sys.argv[1]), lambda: None)\n"
        "print(*{'pymysql', 'psycopg', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == loaded

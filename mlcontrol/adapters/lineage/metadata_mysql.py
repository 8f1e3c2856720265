"""ML Metadata in MySQL or MariaDB: a session that may only read, reached only where its address says."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NoReturn

import pymysql

from mlcontrol.adapters.database_address import database_address
from mlcontrol.adapters.lineage.line_cut import LineCut, cut_after
from mlcontrol.adapters.lineage.metadata_database import WRITE, Ask, late, no_store
from mlcontrol.adapters.plain_text import sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, Denied, NotFound, Rejected, Unexpected, Unreachable

READ_ONLY = "set session transaction read only"
_BOUNDS = (
    "set session wait_timeout = 60 /*!50708 , session max_execution_time = {ms} */"
    " /*M!100101 , session max_statement_time = {s} */"
)
"""The server's own end of a question: what is in the comments is read by MySQL, and by MariaDB, from that version on."""
_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")

_DENIED = (1044, 1045, 1130, 1142, 1143, 1227, 1251, 1698, 1820, 1862, 2049, 2059, 3118, 4151)
_INTERRUPTED = (1317, 1969, 3024)
_NOT_THERE = (1049,)
_NO_TABLE = (1146, 1054)
_GONE = (1040, 1053, 1129, 1203, 2003, 2006, 2013, 2026)
# What the driver raises of bytes that are no MySQL, besides its own.
_NO_MYSQL = (ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)


class MysqlMetadata:
    """``url``: ``mysql://user@host:3306/database``, with ``ssl-mode`` as MySQL's own programs name it. A CA file means
    ``VERIFY_IDENTITY``; without one, and without ``ssl-mode``, a line is encrypted if the server can."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self._settings, self._secret = settings, secret
        self._name = settings.id
        self._where = database_address(settings.url, {"mysql": 3306}, ("ssl-mode",), WRITE)
        mode = self._where.options.get("ssl-mode", "VERIFY_IDENTITY" if settings.ca_file else "PREFERRED")
        self._tls = mode.upper()
        if self._tls not in _TLS_MODES:
            what = f"The ssl-mode {mode[:40]!r} is not known."
            raise Rejected(Problem(what, "", f"Write {', '.join(_TLS_MODES[:-1])} or {_TLS_MODES[-1]}.", "rejected"))

    @contextmanager
    def reading(self, deadline_s: float) -> Iterator[Ask]:
        ends = time.monotonic() + deadline_s
        password = (self._settings.auth != "none" and self._secret()) or ""
        with closing(self._line(ends)) as line, cut_after(ends - time.monotonic(), line.fileno()) as cut:
            with self._in_words(cut):
                connection = self._signed_in(line, password, ends)

            def ask(question: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                with self._in_words(cut):
                    return _rows(connection, question, values)

            with closing(connection):
                yield ask

    def _line(self, ends: float) -> socket.socket:
        """A line to where the look-up led; the driver is handed the line, so it looks nothing up."""
        numbers = self._where.numbers(ends - time.monotonic())
        last = OSError("It has no address.")
        for place, number in enumerate(numbers):
            wait_s = max(0.001, (ends - time.monotonic()) / (len(numbers) - place))
            try:
                return socket.create_connection((number, self._where.port), wait_s)
            except OSError as error:
                last = error
        if isinstance(last, TimeoutError):
            raise late(self._name, "The database does not answer.") from last
        raise self._unreachable(last.strerror or str(last)) from last

    @contextmanager
    def _in_words(self, cut: LineCut) -> Iterator[None]:
        try:
            yield
        except (pymysql.MySQLError, OSError, RuntimeError, *_NO_MYSQL) as error:
            if cut.late:
                raise late(self._name, "The database is slow or does not answer.") from error
            raise self._failure(error) from error

    def _signed_in(self, line: socket.socket, password: str, ends: float) -> Any:
        connection: Any = pymysql.connect(
            host=self._where.host,  # the name, for the certificate
            port=self._where.port,
            user=self._settings.username or self._where.username,
            password=password.encode(),
            database=self._where.database,
            charset="utf8mb4",
            autocommit=True,
            init_command=READ_ONLY,
            defer_connect=True,
            read_timeout=None,
            ssl=self._context(),
            ssl_disabled=self._tls == "DISABLED",
            auth_plugin_map={} if self._tls.startswith("VERIFY") else dict.fromkeys(_GIVING_AWAY, _NotGivenAway),
        )
        connection.connect(line)
        left = max(0.001, ends - time.monotonic())
        _rows(connection, _BOUNDS.format(ms=max(1, round(1000 * left)), s=f"{left:.3f}"), ())
        return connection

    def _context(self) -> ssl.SSLContext | None:
        if self._tls in ("DISABLED", "PREFERRED"):
            return None
        context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        context.check_hostname = self._tls == "VERIFY_IDENTITY"
        context.verify_mode = ssl.CERT_NONE if self._tls == "REQUIRED" else ssl.CERT_REQUIRED
        return context

    def _failure(self, error: Exception) -> AdapterError:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        words = sentence(str(error.args[-1]) if error.args else type(error).__name__)
        name, where = self._name, f"Database {self._where.database} on {self._where.host}"
        if isinstance(error, _NO_MYSQL):
            what = f"What answers at {self._where.host}:{self._where.port} is no MySQL."
            return Unexpected(Problem(what, f"{type(error).__name__}.", "Check the address.", "unexpected"))
        if code in _INTERRUPTED:
            return late(name, "The database is busy.")
        if code in _DENIED:
            then = "Check user name, secret and the right to read the tables."
            return Denied(Problem(f"'{name}' does not let us in.", words, then, "denied"))
        if code in _NOT_THERE:
            return NotFound(Problem(f"{where} is not there.", words, "Check the address.", "not-found"))
        if code in _NO_TABLE:
            return no_store(where, words)
        if code in _GONE or isinstance(error, OSError):
            return self._unreachable(words)
        return Unexpected(Problem(f"'{name}' answers with an error.", words, "Check its tables.", "unexpected"))

    def _unreachable(self, words: str) -> Unreachable:
        what, then = f"'{self._name}' cannot be reached.", "Check the address, and that the database runs."
        return Unreachable(Problem(what, sentence(words), then, "unreachable"))


_GIVING_AWAY = ("mysql_clear_password", "dialog", "mysql_old_password")
"""Ways to sign in by which the server learns the password, or as good as that; whoever answers may ask for them."""


class _NotGivenAway:
    def __init__(self, _connection: Any) -> None:
        pass

    def authenticate(self, _packet: Any) -> NoReturn:
        why = "The server asks for the password itself, and its certificate is not verified"
        raise pymysql.OperationalError(2059, f"{why}; name its CA file")


def _rows(connection: Any, question: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question.replace("?", "%s"), tuple(values) or None)
        return list(cursor.fetchall())

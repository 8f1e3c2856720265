"""HAProxy's admin socket: one command, one whole answer, in time."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mlcontrol.adapters.deadline import Deadline
from mlcontrol.adapters.http_errors import failure
from mlcontrol.adapters.target import RESOLVER, check_host
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import AdapterError, NotSupported, Unexpected

ANSWER_CAP_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AdminSocket:
    """``options.admin`` of the connection: ``host:port``, or the path of a unix socket. *Thread:* any."""

    settings: ConnectionSettings

    def command(self, line: str, deadline_s: float) -> str:
        """HAProxy's answer without its closing empty line; empty for a change that was made.

        ``line`` must be made of checked words: a semicolon or a line break in it would be a second command.
        """
        if any(char in line for char in ";\\\n\r") or not line.isprintable():
            raise ValueError("a command of HAProxy is one line without ';' and '\\'")
        with Deadline(deadline_s) as deadline:
            try:
                answer = self._exchange(line.encode() + b"\n", deadline)
            except AdapterError:
                raise
            except OSError as error:
                raise failure(self.settings, self._shown(), deadline, error) from error
            if deadline.fired:
                raise failure(self.settings, self._shown(), deadline, None)
        # Every answer ends with an empty line; without it the connection was cut.
        text = answer.decode("utf-8", errors="replace")
        if text != "\n" and not text.endswith("\n\n"):
            raise self.unexpected("The connection ended before the answer did.")
        return text[:-1].rstrip("\n")

    def unexpected(self, why: str) -> Unexpected:
        what = f"'{self.settings.id}' sent an answer that cannot be used."
        then = "Check that the admin address is HAProxy's runtime socket."
        return Unexpected(Problem(what, why, then, "unexpected"))

    def _exchange(self, sent: bytes, deadline: Deadline) -> bytes:
        parts: list[bytes] = []
        with self._connect(deadline) as connection:
            connection.sendall(sent)
            while part := connection.recv(65_536):
                parts.append(part)
                if sum(map(len, parts)) > ANSWER_CAP_BYTES:
                    raise self.unexpected("It is too large.")
        return b"".join(parts)

    def _connect(self, deadline: Deadline) -> socket.socket:
        address = self._shown()
        if address.startswith("/"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(max(deadline.remaining_s, 0.001))
                deadline.attach(connection)
                connection.connect(address)
            except BaseException:
                connection.close()
                raise
            return connection
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        if not host or not port.isdigit():
            what = f"'{self.settings.id}' has no admin socket."
            then = "Write its host and port, or the path of its unix socket, into the connection."
            raise NotSupported(Problem(what, "Traffic is moved through it.", then, "not-configured"))
        check_host(host)
        found = RESOLVER.addresses(host, int(port), deadline.remaining_s)[0]
        connection = socket.create_connection((found, int(port)), timeout=max(deadline.remaining_s, 0.001))
        deadline.attach(connection)
        return connection

    def _shown(self) -> str:
        return self.settings.options.get("admin", "").removeprefix("unix:").removeprefix("unix@")

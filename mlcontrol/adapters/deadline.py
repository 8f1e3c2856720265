"""A total deadline for blocking sockets.

A socket's timeout counts per read, so a server that drips one byte a second is waited for without end. Here one reaper thread
shuts down the sockets of whatever is out of time, which ends the read they are blocked in. Each deadline keeps a *duplicate* of
the descriptor: shutting that down ends the connection also in the middle of a TLS handshake, and can never hit a stranger
that got the number later.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import threading
import time
from types import TracebackType

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import connection as sockets

from mlcontrol.adapters.target import RESOLVER

_current = threading.local()


class Deadline:
    """``with Deadline(5.0):`` bounds everything that connections of this module do on this thread meanwhile."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expires_mono_s = time.monotonic() + seconds
        self.fired = False
        self.ended = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def remaining_s(self) -> float:
        return max(0.0, self.expires_mono_s - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.fired or self.remaining_s <= 0.0

    def attach(self, sock: socket.socket) -> None:
        """Have this socket's connection ended when time is up."""
        twin = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            self._sockets.append(twin)
            if self.fired:
                _shut_down(twin)

    def fire(self) -> None:
        with self._lock:
            if not self.ended:
                self.fired = True
                for twin in self._sockets:
                    _shut_down(twin)

    def __enter__(self) -> Deadline:
        _current.deadline = self
        _REAPER.watch(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.deadline = None
        with self._lock:
            self.ended = True
            for twin in self._sockets:
                twin.close()
            self._sockets.clear()


class _Reaper:
    """One daemon thread for all deadlines, started with the first."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, deadline: Deadline) -> None:
        with self._wake:
            heapq.heappush(self._heap, (deadline.expires_mono_s, next(self._order), deadline))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is deadline:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._heap and self._heap[0][2].ended:
                    heapq.heappop(self._heap)
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is None or wait_s > 0:
                    self._wake.wait(wait_s)
                    continue
                due = heapq.heappop(self._heap)[2]
            due.fire()


_REAPER = _Reaper()


def current() -> Deadline | None:
    """The deadline that this thread works under."""
    deadline: Deadline | None = getattr(_current, "deadline", None)
    return deadline


def open_socket(connection: HTTPConnection) -> socket.socket:
    """Connect to the first address that answers, under the thread's deadline and the address policy."""
    deadline = current()
    if deadline is None:
        raise RuntimeError("a connection is opened outside a deadline")
    failure: Exception | None = None
    for address in RESOLVER.addresses(connection.host, int(connection.port or 0), deadline.remaining_s):
        left_s = deadline.remaining_s
        if left_s <= 0.0:
            break
        try:
            sock = sockets.create_connection(
                (address, int(connection.port or 0)), left_s, socket_options=connection.socket_options
            )
        except TimeoutError as error:
            failure = ConnectTimeoutError(connection, f"connecting to {address} timed out")
            failure.__cause__ = error
        except OSError as error:
            failure = NewConnectionError(connection, f"{error}")
            failure.__cause__ = error
        else:
            deadline.attach(sock)
            return sock
    raise failure or ConnectTimeoutError(connection, "no time left to connect")


class BoundedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return open_socket(self)

    def request(self, *args: object, **options: object) -> None:
        _attach_reused(self)
        super().request(*args, **options)  # type: ignore[arg-type]


class BoundedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return open_socket(self)

    def request(self, *args: object, **options: object) -> None:
        _attach_reused(self)
        super().request(*args, **options)  # type: ignore[arg-type]


class BoundedHTTPPool(HTTPConnectionPool):
    ConnectionCls = BoundedHTTPConnection


class BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = BoundedHTTPSConnection


def _attach_reused(connection: HTTPConnection) -> None:
    deadline, sock = current(), connection.sock
    if deadline is not None and sock is not None:
        deadline.attach(sock)


def _shut_down(sock: socket.socket) -> None:
    # The other side may have gone first: then there is nothing left to end.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)

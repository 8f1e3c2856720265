"""The engine's front door: shells come over a local socket, prove that they know the key, and get a reader and a writer each."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge

import msgspec
import structlog

from mlcontrol.engine.engine import Engine
from mlcontrol.engine.messages import decode_command
from mlcontrol.engine.outbox import Outbox
from mlcontrol.engine.place import EnginePlace

log = structlog.get_logger("reception")

MAX_COMMAND = 4 * 1024 * 1024
MAX_SHELLS = 32


class Reception:
    """*Thread:* one accepts, two per shell. The socket lies in a folder only its owner may enter."""

    def __init__(self, place: EnginePlace, engine: Engine) -> None:
        self._place = place
        self._engine = engine
        self._key = os.urandom(32)
        self._shells: set[Connection] = set()
        self._lock = threading.Lock()
        self._closing = False
        if place.family == "AF_UNIX":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place.address)  # noqa: PTH108 - left by an engine that was killed; the lock says it is gone
        # The listener does not authenticate by itself: a stranger who says nothing would hold everybody up.
        self._listener = Listener(place.address, family=place.family, backlog=16)
        self._write_key()
        threading.Thread(target=self._accept, name="engine-accept", daemon=True).start()

    def _write_key(self) -> None:
        fresh = self._place.key.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(self._key)
        fresh.replace(self._place.key)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection = self._listener.accept()
            except OSError as error:
                if not self._closing:
                    log.error("cannot accept", exc_info=error)
                return
            with self._lock:
                welcome = len(self._shells) < MAX_SHELLS and not self._closing
                if welcome:
                    self._shells.add(connection)
            if not welcome:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="shell-reader", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        outbox = Outbox()
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
            threading.Thread(target=self._send, args=(connection, outbox), name="shell-writer", daemon=True).start()
            self._engine.join(outbox)
            while True:
                self._engine.submit(decode_command(connection.recv_bytes(MAX_COMMAND)), outbox)
        except AuthenticationError:
            log.warning("a shell without the key was turned away")
        except msgspec.DecodeError as error:
            log.warning("a shell sent what is no command", why=str(error)[:200])
        except (EOFError, OSError, TypeError) as error:
            # The shell has gone; TypeError: its connection was closed by us in the middle of a read.
            log.info("a shell left", why=type(error).__name__)
        finally:
            self._engine.leave(outbox)
            outbox.close()
            self._forget(connection)

    def _send(self, connection: Connection, outbox: Outbox) -> None:
        while (frames := outbox.take(self._engine.catch_up)) is not None:
            try:
                for frame in frames:
                    connection.send_bytes(frame)
            except (OSError, ValueError):
                _hang_up(connection)  # wakes the reader, which cleans up
                return

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._shells.discard(connection)
        connection.close()

    def close(self) -> None:
        """Hang up on everybody."""
        self._closing = True
        with self._lock:
            shells = list(self._shells)
        for connection in shells:
            _hang_up(connection)
        if self._place.family == "AF_UNIX":
            # Closing alone does not wake the accepting thread.
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
                knock.connect(self._place.address)
        with contextlib.suppress(FileNotFoundError):  # a session that ended may have taken its runtime folder along
            self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._place.key.unlink()


def _hang_up(connection: Connection) -> None:
    if sys.platform == "win32":
        connection.close()
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)

"""Many requests at once on one thread, on libcurl's multi interface, under the policy of `adapters.http`.

The same total deadline, cap on the decoded body, no redirects, nothing from the environment, the same errors in words. For
scraping fleets; a single question is better asked through `HttpClient`.
"""

from __future__ import annotations

import queue
import resource
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from mlcontrol.adapters.curl_loop import CurlLoop
from mlcontrol.adapters.curl_slot import Exchange
from mlcontrol.adapters.http import BODY_CAP_BYTES, Call, HttpClient, Response
from mlcontrol.ports.errors import AdapterError

Done = Callable[[Response | AdapterError], None]
SLOTS = 512
SPARE_FILES = 256


class BulkClient:
    """*Thread:* `submit` and `close` any. ``done`` is called on the client's own thread and must be quick. At most ``slots``
    requests are under way; the others wait, and their deadline runs from the moment they were submitted."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._loop = CurlLoop(min(slots, _room_for_files(2 * slots + SPARE_FILES) - SPARE_FILES))
        self._new: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        self._waiting: deque[Exchange] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._loop.wake_on(self._wake_out.fileno(), self._drain)
        self._woken = False
        self._ending = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(
        self,
        http: HttpClient,
        call: Call,
        deadline_s: float,
        done: Done,
        cap_bytes: int = BODY_CAP_BYTES,
    ) -> None:
        """Ask without waiting. ``done`` gets an answer of any status but a redirect, or what went wrong; always, and once."""
        exchange = Exchange(http, call, deadline_s, done, cap_bytes, time.monotonic() + deadline_s)
        exchange.prepare()  # here, not on the client's thread: a keyring may take its time
        self._new.put(exchange)
        with self._starting:
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._run, name="bulk-http", daemon=True)
                self._thread.start()
        self._wake()

    def close(self) -> None:
        """End the thread. What is under way is broken off, and nobody is told any more."""
        with self._starting:
            self._ending = True
        self._wake()
        if self._thread is not None:
            self._thread.join(10)
        else:
            self._end()

    def _wake(self) -> None:
        """Once, however many wait to be begun: the thread looks at all of them after it has taken the sign back."""
        if self._woken:
            return
        self._woken = True
        with suppress(OSError):  # it is gone
            self._wake_in.send(b"\0")

    def _run(self) -> None:
        while not self._ending:
            for exchange, answer in self._loop.turn():
                self._tell(exchange, answer)
            self._begin()
        self._end()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                continue
        self._woken = False  # in this order: who asks in between is begun with the others, who asks later wakes again

    def _begin(self) -> None:
        while True:
            try:
                self._waiting.append(self._new.get_nowait())
            except queue.Empty:
                break
        while self._waiting and self._loop.room():
            exchange = self._waiting.popleft()
            if (refused := self._loop.begin(exchange)) is not None:
                self._tell(exchange, refused)

    def _tell(self, exchange: Exchange, answer: Response | AdapterError) -> None:
        if not self._ending:
            exchange.about(answer)

    def _end(self) -> None:
        self._loop.close()
        self._wake_in.close()
        self._wake_out.close()


def _room_for_files(wanted: int) -> int:
    """How many files this process may open, raised to ``wanted`` where the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft, SPARE_FILES + 8)

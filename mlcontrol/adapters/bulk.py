"""Many requests at once on one thread, on libcurl's multi interface, under the policy of `adapters.http`.

The same total deadline, cap on the decoded body, no redirects, nothing from the environment, the same errors in words. For
scraping fleets and replaying golden sets; a single question is better asked through `HttpClient`.
"""

from __future__ import annotations

import os
import queue
import resource
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress

import pycurl

from mlcontrol.adapters.curl_slot import Done, Exchange, Slot
from mlcontrol.adapters.http import BODY_CAP_BYTES, Call, HttpClient, Response
from mlcontrol.ports.errors import AdapterError

SLOTS = 512
SPARE_FILES = 256
_INTEREST = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class BulkClient:
    """*Thread:* `submit` and `close` any. ``done`` is called on the client's own thread and must be quick. At most ``slots``
    requests are under way; the others wait, and their deadline runs from the moment they were submitted."""

    def __init__(self, slots: int = SLOTS) -> None:
        # libcurl obeys this variable by itself; the keys of our sessions are nobody else's.
        os.environ.pop("SSLKEYLOGFILE", None)
        self._slots = min(slots, _room_for_files(2 * slots + SPARE_FILES) - SPARE_FILES)
        self._new: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        self._waiting: deque[Exchange] = deque()
        self._free: list[Slot] = []
        self._active: dict[pycurl.Curl, Slot] = {}
        self._epoll = select.epoll()
        self._waited_for: dict[int, bool] = {}  # watched sockets; `False`: it rests between two exchanges
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._epoll.register(self._wake_out, select.EPOLLIN)
        self._woken = False
        self._alarm: float | None = None
        self._ending = False
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_alarm)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * self._slots)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(
        self,
        http: HttpClient,
        call: Call,
        deadline_s: float,
        done: Done,
        cap_bytes: int = BODY_CAP_BYTES,
        *,
        queued: bool = False,
    ) -> None:
        """Ask without waiting. ``done`` gets an answer of any status but a redirect, or what went wrong; always, and once.

        ``queued``: the deadline runs from the moment a slot is free, not from now: for a pile of questions that were asked at once.
        """
        until = None if queued else time.monotonic() + deadline_s
        exchange = Exchange(http, call, until, deadline_s, cap_bytes, done)
        try:
            exchange.sent = http.headers_of(call)  # here, not on the client's thread: a keyring may take its time
        except AdapterError as error:
            exchange.refused = error
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
        waking = self._wake_out.fileno()
        while not self._ending:
            for fd, event in self._epoll.poll(self._pause()):
                if fd == waking:
                    self._drain()
                elif not self._waited_for.get(fd):
                    self._forget(fd)  # the other side ends what nobody uses; libcurl sees it before it would use it
                else:
                    self._multi.socket_action(
                        fd,
                        (pycurl.CSELECT_IN if event & ~select.EPOLLOUT else 0)
                        | (pycurl.CSELECT_OUT if event & ~select.EPOLLIN else 0),
                    )
            if self._alarm is not None and time.monotonic() >= self._alarm:
                self._alarm = None
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._collect()
            self._begin()
        self._end()

    def _pause(self) -> float | None:
        return None if self._alarm is None else max(0.0, self._alarm - time.monotonic())

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                continue
        self._woken = False  # in this order: who asks in between is begun with the others, who asks later wakes again

    def _watch(self, event: int, fd: int, _multi: object, _data: object) -> None:
        """libcurl says which of its sockets it waits for.

        A socket between two exchanges stays watched: that costs one system call an exchange, not two.
        """
        if event == pycurl.POLL_REMOVE:
            if fd in self._waited_for:
                self._waited_for[fd] = False
            return
        self._waited_for[fd] = True
        wanted = _INTEREST.get(event, select.EPOLLIN)
        try:
            self._epoll.modify(fd, wanted)
        except FileNotFoundError:  # a new one; also when a closed one had its number
            self._epoll.register(fd, wanted)

    def _forget(self, fd: int) -> None:
        self._waited_for.pop(fd, None)
        with suppress(OSError):  # closed by now
            self._epoll.unregister(fd)

    def _set_alarm(self, wait_ms: int) -> None:
        self._alarm = None if wait_ms < 0 else time.monotonic() + wait_ms / 1000

    def _begin(self) -> None:
        while True:
            try:
                self._waiting.append(self._new.get_nowait())
            except queue.Empty:
                break
        while self._waiting and len(self._active) < self._slots:
            exchange = self._waiting.popleft()
            if exchange.refused is not None:
                self._tell(exchange, exchange.refused)
                continue
            slot = self._free.pop() if self._free else Slot()
            try:
                slot.begin(exchange)
            except (pycurl.error, UnicodeError) as error:  # an address or a header that cannot be sent
                self._free.append(slot)
                self._tell(exchange, exchange.http.unexpected(f"The request cannot be made: {error}."))
                continue
            self._active[slot.curl] = slot
            self._multi.add_handle(slot.curl)

    def _collect(self) -> None:
        while True:
            left, good, bad = self._multi.info_read()
            for curl in good:
                self._finish(curl, None)
            for curl, code, words in bad:
                self._finish(curl, (code, words))
            if not left:
                return

    def _finish(self, curl: pycurl.Curl, failed: tuple[int, str] | None) -> None:
        slot = self._active.pop(curl)
        self._multi.remove_handle(curl)
        exchange, answer = slot.end(failed)
        self._free.append(slot)
        self._tell(exchange, answer)

    def _tell(self, exchange: Exchange, answer: Response | AdapterError) -> None:
        if not self._ending:
            exchange.done(answer)

    def _end(self) -> None:
        for curl in self._active:
            self._multi.remove_handle(curl)
        for slot in [*self._active.values(), *self._free]:
            slot.curl.close()
        self._multi.close()
        self._epoll.close()
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

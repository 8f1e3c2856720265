"""Many requests at once on one thread, on libcurl's multi interface, under the policy of `adapters.http`.

The same total deadline, cap on the decoded body, no redirects, nothing from the environment, the same errors in words. For
scraping fleets and replaying golden sets; a single question is better asked through `HttpClient`.
"""

from __future__ import annotations

import ipaddress
import json
import os
import queue
import resource
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pycurl
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mlcontrol.adapters.curl_errors import curl_failure
from mlcontrol.adapters.http import BODY_CAP_BYTES, REDIRECTS, Call, HttpClient, Response
from mlcontrol.adapters.target import blocked_address, check_address
from mlcontrol.ports.errors import AdapterError, Unreachable

SLOTS = 512
SPARE_FILES = 256
Done = Callable[[Response | AdapterError], None]


class _Opened:
    """A socket on its way to libcurl, which makes a descriptor of its own from it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        os.close(self._fd)


@dataclass(slots=True)
class _Exchange:
    http: HttpClient
    call: Call
    until: float | None  # monotonic; `None`: ``deadline_s`` from the moment it is begun
    deadline_s: float
    cap_bytes: int
    done: Done
    sent: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    taken: int = 0
    refused: AdapterError | None = None
    began: float = 0.0

    def take(self, piece: bytes) -> int | None:
        self.taken += len(piece)
        if self.taken > self.cap_bytes:
            self.refused = self.http.too_large(self.cap_bytes)
            return 0  # libcurl then ends the transfer
        self.parts.append(piece)
        return None

    def head(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.headers[name.strip().lower()] = value.strip()
        elif line.startswith(b"HTTP/"):
            self.headers.clear()

    def open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> _Opened | int:
        """The address a name has led to is checked before anything is sent there."""
        family, kind, protocol, place = address
        try:
            check_address(str(ipaddress.ip_address(place[0])))
        except (Unreachable, ValueError) as error:
            self.refused = error if isinstance(error, Unreachable) else blocked_address(str(place[0]))
            return int(pycurl.SOCKET_BAD)
        return _Opened(socket.socket(family, kind, protocol).detach())


class BulkClient:
    """*Thread:* `submit` and `close` any. ``done`` is called on the client's own thread and must be quick. At most ``slots``
    requests are under way; the others wait, and their deadline runs from the moment they were submitted."""

    def __init__(self, slots: int = SLOTS) -> None:
        # libcurl obeys this variable by itself; the keys of our sessions are nobody else's.
        os.environ.pop("SSLKEYLOGFILE", None)
        self._slots = min(slots, _room_for_files(2 * slots + SPARE_FILES) - SPARE_FILES)
        self._new: queue.SimpleQueue[_Exchange] = queue.SimpleQueue()
        self._waiting: deque[_Exchange] = deque()
        self._free: list[pycurl.Curl] = []
        self._active: dict[pycurl.Curl, _Exchange] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
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
        exchange = _Exchange(http, call, until, deadline_s, cap_bytes, done)
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
        with suppress(OSError):  # it has enough to wake up for, or is gone
            self._wake_in.send(b"\0")

    def _run(self) -> None:
        while not self._ending:
            for key, mask in self._selector.select(self._pause()):
                if key.fileobj is self._wake_out:
                    self._drain()
                    continue
                flags = (pycurl.CSELECT_IN if mask & selectors.EVENT_READ else 0) | (
                    pycurl.CSELECT_OUT if mask & selectors.EVENT_WRITE else 0
                )
                self._multi.socket_action(key.fd, flags)
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

    def _watch(self, event: int, fd: int, _multi: object, _data: object) -> None:
        """libcurl says which of its sockets it waits for."""
        known = fd in self._selector.get_map()
        if event == pycurl.POLL_REMOVE:
            if known:
                self._selector.unregister(fd)
            return
        wanted = {
            pycurl.POLL_IN: selectors.EVENT_READ,
            pycurl.POLL_OUT: selectors.EVENT_WRITE,
            pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
        }.get(event, selectors.EVENT_READ)
        if known:
            self._selector.modify(fd, wanted)
        else:
            self._selector.register(fd, wanted)

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
            curl = self._free.pop() if self._free else pycurl.Curl()
            try:
                self._set(curl, exchange)
            except (pycurl.error, UnicodeError) as error:  # an address or a header that cannot be sent
                self._free.append(curl)
                self._tell(exchange, exchange.http.unexpected(f"The request cannot be made: {error}."))
                continue
            self._active[curl] = exchange
            self._multi.add_handle(curl)

    def _set(self, curl: pycurl.Curl, exchange: _Exchange) -> None:
        http, call = exchange.http, exchange.call
        headers = dict(exchange.sent)
        body = None if call.json is None else json.dumps(call.json).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        exchange.began = time.monotonic()
        if exchange.until is None:
            exchange.until = exchange.began + exchange.deadline_s
        left_ms = max(1, round(1000 * (exchange.until - exchange.began)))
        curl.reset()
        query = "?" + urlencode(call.params) if call.params else ""
        curl.setopt(pycurl.URL, http.target.base + call.path + query)
        curl.setopt(pycurl.CUSTOMREQUEST, call.method)
        if body is not None:
            curl.setopt(pycurl.POSTFIELDS, body)
        packing = headers.pop("Accept-Encoding", "identity")
        curl.setopt(pycurl.ACCEPT_ENCODING, packing)
        curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()] + ["Expect:"])
        curl.setopt(pycurl.TIMEOUT_MS, left_ms)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, left_ms)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, exchange.cap_bytes)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        curl.setopt(pycurl.CAINFO, http.settings.ca_file or DEFAULT_CA_BUNDLE_PATH)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, exchange.open)
        curl.setopt(pycurl.HEADERFUNCTION, exchange.head)
        curl.setopt(pycurl.WRITEFUNCTION, exchange.take)

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
        exchange = self._active.pop(curl)
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        self._multi.remove_handle(curl)
        self._free.append(curl)
        try:
            answer = exchange.refused or self._outcome(exchange, status, failed)
        except Exception as error:  # noqa: BLE001 - whatever one answer does, the thread goes on for the others
            answer = exchange.http.unexpected(f"{type(error).__name__}: {error}.")
        self._tell(exchange, answer)

    def _outcome(self, exchange: _Exchange, status: int, failed: tuple[int, str] | None) -> Response | AdapterError:
        http = exchange.http
        if failed is not None:
            code, words = failed
            if code == pycurl.E_FILESIZE_EXCEEDED:
                return http.too_large(exchange.cap_bytes)
            return curl_failure(http.settings, http.target.shown, exchange.deadline_s, code, words)
        if status in REDIRECTS:
            return http.redirected(exchange.headers.get("location", ""))
        length = exchange.headers.get("content-length", "")
        framed = "chunked" in exchange.headers.get("transfer-encoding", "").lower() or length.isdigit()
        took_ms = 1000 * (time.monotonic() - exchange.began)
        return Response(status, exchange.headers, b"".join(exchange.parts), took_ms, framed)

    def _tell(self, exchange: _Exchange, answer: Response | AdapterError) -> None:
        if not self._ending:
            exchange.done(answer)

    def _end(self) -> None:
        for curl in self._active:
            self._multi.remove_handle(curl)
        for curl in [*self._active, *self._free]:
            curl.close()
        self._multi.close()
        self._selector.close()
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

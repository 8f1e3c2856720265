"""One handle of libcurl: set up for a request, and what came of it, under the policy of `adapters.http`."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pycurl
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mlcontrol.adapters.curl_errors import curl_failure
from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.adapters.target import blocked_address, check_address
from mlcontrol.ports.errors import AdapterError, Unreachable

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
class Exchange:
    http: HttpClient
    call: Call
    until: float | None  # monotonic; `None`: ``deadline_s`` from the moment it is begun
    deadline_s: float
    cap_bytes: int
    done: Done
    sent: dict[str, str] = field(default_factory=dict)
    refused: AdapterError | None = None
    began: float = 0.0

    def left_ms(self) -> int:
        """From now on, which is when it is begun."""
        self.began = time.monotonic()
        if self.until is None:
            self.until = self.began + self.deadline_s
        return max(1, round(1000 * (self.until - self.began)))


class Slot:
    """A handle of libcurl, used by one exchange after the other. What differs from one to the next is set again, nothing else."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.exchange: Exchange | None = None
        self._has: dict[int, object] = {}
        self._lines: list[bytes] = []
        self._parts: list[bytes] = []
        self._taken = 0
        for option, value in _ALWAYS:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)

    def begin(self, exchange: Exchange) -> None:
        """Raises `pycurl.error` or `UnicodeError` for what cannot be sent."""
        http, call = exchange.http, exchange.call
        headers = dict(exchange.sent)
        body = call.body if call.json is None else json.dumps(call.json).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        packing = headers.pop("Accept-Encoding", "identity")
        left_ms = exchange.left_ms()
        query = "?" + urlencode(call.params) if call.params else ""
        self._set(pycurl.URL, http.target.base + call.path + query)
        if body is None:
            self._set(pycurl.HTTPGET, 1)  # also takes back the body of the exchange before
        else:
            self._has.pop(pycurl.HTTPGET, None)
            self.curl.setopt(pycurl.POSTFIELDS, body)
        self._set(pycurl.CUSTOMREQUEST, call.method)
        self._set(pycurl.ACCEPT_ENCODING, packing)
        self._set(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()] + ["Expect:"])
        self._set(pycurl.TIMEOUT_MS, left_ms)
        self._set(pycurl.CONNECTTIMEOUT_MS, left_ms)
        self._set(pycurl.MAXFILESIZE_LARGE, exchange.cap_bytes)
        self._set(pycurl.CAINFO, http.settings.ca_file or DEFAULT_CA_BUNDLE_PATH)
        self.exchange = exchange

    def end(self, failed: tuple[int, str] | None) -> tuple[Exchange, Response | AdapterError]:
        """The exchange that it was used for, and what came of it."""
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        try:
            return exchange, exchange.refused or self._outcome(exchange, failed)
        except Exception as error:  # noqa: BLE001 - whatever one answer does, the thread goes on for the others
            return exchange, exchange.http.unexpected(f"{type(error).__name__}: {error}.")
        finally:
            self._lines.clear()
            self._parts, self._taken = [], 0  # hundreds of handles rest between two scrapes, each would hold a body

    def _set(self, option: int, value: object) -> None:
        if self._has.get(option) != value:
            self.curl.setopt(option, value)
            self._has[option] = value

    def _outcome(self, exchange: Exchange, failed: tuple[int, str] | None) -> Response | AdapterError:
        http = exchange.http
        if failed is not None:
            code, words = failed
            if code == pycurl.E_FILESIZE_EXCEEDED:
                return http.too_large(exchange.cap_bytes)
            return curl_failure(http.settings, http.target.shown, exchange.deadline_s, code, words)
        status, headers = int(self.curl.getinfo(pycurl.RESPONSE_CODE)), _headers(self._lines)
        if (elsewhere := http.not_from_the_server(status, headers)) is not None:
            return elsewhere
        length = headers.get("content-length", "")
        framed = length.isdigit() or "chunked" in headers.get("transfer-encoding", "").lower()
        took_ms = 1000 * (time.monotonic() - exchange.began)
        return Response(status, headers, b"".join(self._parts), took_ms, framed)

    def _take(self, piece: bytes) -> int | None:
        self._taken += len(piece)
        exchange = self.exchange
        if exchange is None or self._taken > exchange.cap_bytes:
            if exchange is not None:
                exchange.refused = exchange.http.too_large(exchange.cap_bytes)
            return 0  # libcurl then ends the transfer
        self._parts.append(piece)
        return None

    def _open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> _Opened | int:
        """The address a name has led to is checked before anything is sent there."""
        family, kind, protocol, place = address
        try:
            check_address(str(ipaddress.ip_address(place[0])))
        except (Unreachable, ValueError) as error:
            if self.exchange is not None:
                refused = error if isinstance(error, Unreachable) else blocked_address(str(place[0]))
                self.exchange.refused = refused
            return int(pycurl.SOCKET_BAD)
        return _Opened(socket.socket(family, kind, protocol).detach())


_ALWAYS = (
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.PROXY, ""),
    (pycurl.NETRC, pycurl.NETRC_IGNORED),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.NOSIGNAL, 1),
    (pycurl.SSL_VERIFYPEER, 1),
    (pycurl.SSL_VERIFYHOST, 2),
    (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
)


def _headers(lines: list[bytes]) -> dict[str, str]:
    """Of the last head among the lines: a provisional answer has one too."""
    headers: dict[str, str] = {}
    for line in lines:
        if line.startswith(b"HTTP/"):
            headers.clear()
            continue
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers

"""One handle of libcurl: set up for a request, and what came of it, under the policy of `adapters.http`."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pycurl
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mlcontrol.adapters.curl_errors import curl_failure
from mlcontrol.adapters.http import BODY_CAP_BYTES, Call, HttpClient, Response
from mlcontrol.adapters.name_memory import NAMES
from mlcontrol.adapters.target import blocked_address, check_address
from mlcontrol.ports.errors import AdapterError, Unreachable


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
    """``about``: whatever the caller wants to find again with the outcome. ``until``: monotonic; `None`: ``deadline_s`` from the
    moment it is begun, for a pile of questions that were asked at once."""

    http: HttpClient
    call: Call
    deadline_s: float
    about: Any
    cap_bytes: int = BODY_CAP_BYTES
    until: float | None = None
    sent: dict[str, str] = field(default_factory=dict)
    refused: AdapterError | None = None
    began: float = 0.0

    def prepare(self) -> None:
        """The headers, with the credential; where there is none, that is what came of it."""
        try:
            self.sent = self.http.headers_of(self.call)
        except AdapterError as error:
            self.refused = error

    def left_ms(self) -> int:
        """From now on, which is when it is begun."""
        self.began = time.monotonic()
        left_s = self.deadline_s if self.until is None else self.until - self.began
        return max(1, round(1000 * left_s))


class Slot:
    """A handle of libcurl, used by one exchange after the other. What differs from one to the next is set again, nothing else."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.exchange: Exchange | None = None
        self._has: dict[int, object] = {}
        self._asks: tuple[object, ...] | None = None
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
        left_ms = exchange.left_ms()
        body = call.body if call.json is None else json.dumps(call.json).encode()
        asks = (http, call.method, call.path, call.params, exchange.sent, left_ms, exchange.cap_bytes)
        if body is not None and asks == self._asks:  # a replay asks the same of the same server, with another body
            self.curl.setopt(pycurl.POSTFIELDS, body)
            self.exchange = exchange
            return
        self._asks = None
        self._set_up(exchange, body, left_ms)
        self._asks = asks if body is not None else None
        self.exchange = exchange

    def _set_up(self, exchange: Exchange, body: bytes | None, left_ms: int) -> None:
        http, call = exchange.http, exchange.call
        headers = dict(exchange.sent)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        packing = headers.pop("Accept-Encoding", "identity")
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
        status, (headers, framed) = int(self.curl.getinfo(pycurl.RESPONSE_CODE)), _head(b"".join(self._lines))
        if (elsewhere := http.not_from_the_server(status, headers)) is not None:
            return elsewhere
        received_s, took_s = time.time(), time.monotonic() - exchange.began
        http.clock.heard(headers, received_s - took_s, received_s)
        return Response(status, headers, b"".join(self._parts), 1000 * took_s, framed)

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
            numeric = str(ipaddress.ip_address(place[0]))
            check_address(numeric)
            if self.exchange is not None and self.exchange.http.target.is_name:
                NAMES.check(self.exchange.http.target.host, (numeric,))
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


@lru_cache(maxsize=64)
def _head(lines: bytes) -> tuple[Mapping[str, str], bool]:
    """Headers of the last head among the lines, for a provisional answer has one too; and whether they announce a length.

    One server says the same thousands of times a second.
    """
    text = lines.decode("latin-1")
    head = text[text.rfind("\nHTTP/") + 1 :].partition("\n")[2]
    pairs = (line.partition(":") for line in head.split("\n"))
    headers = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
    framed = headers.get("content-length", "").isdigit() or "chunked" in headers.get("transfer-encoding", "").lower()
    return MappingProxyType(headers), framed

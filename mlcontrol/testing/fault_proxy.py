"""A TCP server that misbehaves on command: in front of a real server, or with one canned answer of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
from enum import StrEnum
from types import TracebackType


class Fault(StrEnum):
    """What happens to a connection that arrives (or asks again) while the fault is set."""

    NONE = "none"
    RESET = "reset"  # RST instead of an answer
    HANG = "hang"  # takes the request, never answers
    CLOSE = "close"  # closes before the first byte
    DRIP = "drip"  # the answer at one byte per `drip_s`
    CUT_HEADERS = "cut-headers"
    CUT_BODY = "cut-body"
    HTML = "html"  # 200 with a login page
    GZIP_BOMB = "gzip-bomb"  # 64 MB of zeros, packed to 64 kB
    BAD_GZIP = "bad-gzip"
    REDIRECT = "redirect"  # 302 to `redirect_to`


def http_answer(body: bytes, status: str = "200 OK", content_type: str = "application/json", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


class FaultProxy:
    """``with FaultProxy(upstream) as proxy: proxy.fault = Fault.DRIP``.

    ``upstream``: (host, port) of a real server on this machine, or the bytes of the one answer to give. ``heads`` collects
    the request heads that arrived. Changing the fault does not touch connections under way.
    """

    def __init__(self, upstream: tuple[str, int] | bytes) -> None:
        self.upstream = upstream
        self.fault = Fault.NONE
        self.drip_s = 0.05
        self.once = False  # close after each answer, as line protocols do
        self.redirect_to = ""
        self.request_end = b"\r\n\r\n"  # what closes a request's head: a line feed for line protocols
        self.heads: list[bytes] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            # The peer leaving in the middle is the point of this server.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer_one(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it as the fault says; whether the connection goes on."""
        request = await _read_request(reader, self.request_end)
        self.heads.append(request)
        fault = self.fault
        if fault is Fault.RESET:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fault is Fault.CLOSE:
            return False
        if fault is Fault.HANG:
            await self._stopping.wait()
            return False
        answer = self._canned(fault) or await self._upstream_answer(request)
        if fault is Fault.CUT_HEADERS:
            answer = answer[: min(30, answer.index(b"\r\n\r\n"))]
        elif fault is Fault.CUT_BODY:
            start = answer.index(b"\r\n\r\n") + 4
            answer = answer[: start + max(1, (len(answer) - start) // 2)]
        if fault is Fault.DRIP:
            for value in answer:
                writer.write(bytes([value]))
                await writer.drain()
                await asyncio.sleep(self.drip_s)
            return False
        writer.write(answer)
        await writer.drain()
        if fault in (Fault.CUT_HEADERS, Fault.CUT_BODY):
            writer.write_eof()
            return False
        if self.once:
            writer.write_eof()
        return not self.once

    def _canned(self, fault: Fault) -> bytes:
        if fault is Fault.HTML:
            return http_answer(b"<!doctype html><title>Sign in</title>", content_type="text/html; charset=utf-8")
        if fault is Fault.GZIP_BOMB:
            return http_answer(gzip.compress(bytes(64 * 1024 * 1024), 1), extra="Content-Encoding: gzip\r\n")
        if fault is Fault.BAD_GZIP:
            return http_answer(b"\x1f\x8b\x08\x00broken for sure", extra="Content-Encoding: gzip\r\n")
        if fault is Fault.REDIRECT:
            return http_answer(b"", "302 Found", extra=f"Location: {self.redirect_to}\r\n")
        return b""

    async def _upstream_answer(self, request: bytes) -> bytes:
        if isinstance(self.upstream, bytes):
            return self.upstream
        reader, writer = await asyncio.open_connection(*self.upstream)
        try:
            head, separator, body = request.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"Connection: close"]) + separator + body)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader, end: bytes) -> bytes:
    head = await reader.readuntil(end)
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")

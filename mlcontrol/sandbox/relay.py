"""A TCP relay in front of a port that can be closed and opened again: an endpoint that is gone while its server lives."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Relays:
    """Relays on an event loop of their own. *Thread:* methods may be called from any thread but the loop's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()
        self._servers: dict[int, asyncio.Server] = {}
        self._links: dict[int, set[asyncio.Task[None]]] = {}

    def open(self, port: int, target: int) -> None:
        """Forwards ``port`` to ``target`` from now on. Raises `OSError` if the port is taken."""
        self._run(self._open(port, target))

    def close(self, port: int) -> None:
        """Refuses new connections to ``port`` and cuts those that are open."""
        self._run(self._close(port))

    def end(self) -> None:
        for port in list(self._servers):
            self.close(port)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)
        self._loop.close()

    def _run(self, work: asyncio.Future[None] | object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5.0)  # type: ignore[arg-type]

    async def _open(self, port: int, target: int) -> None:
        links = self._links.setdefault(port, set())

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                links.add(task)
                task.add_done_callback(links.discard)
            await link(reader, writer, target)

        self._servers[port] = await asyncio.start_server(accept, "127.0.0.1", port)

    async def _close(self, port: int) -> None:
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()
        links = list(self._links.get(port, ()))
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    writers = [writer]
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        writers.append(inner_writer)
        done = [asyncio.ensure_future(_pump(reader, inner_writer)), asyncio.ensure_future(_pump(inner_reader, writer))]
        try:
            await asyncio.gather(*done)
        finally:
            for task in done:
                task.cancel()
    except OSError:
        return  # the server behind is away: so is its endpoint
    finally:
        for one in writers:
            one.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()

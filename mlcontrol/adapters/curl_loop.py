"""Exchanges under way on libcurl's multi interface, turned by one thread: the one of `bulk`, or the one that replays."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress

import pycurl

from mlcontrol.adapters.curl_slot import Exchange, Slot
from mlcontrol.adapters.http import Response
from mlcontrol.ports.errors import AdapterError

_INTEREST = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class CurlLoop:
    """At most ``slots`` exchanges at once. *Thread:* one for all calls."""

    def __init__(self, slots: int) -> None:
        # libcurl obeys this variable by itself; the keys of our sessions are nobody else's.
        os.environ.pop("SSLKEYLOGFILE", None)
        self._slots = slots
        self._free: list[Slot] = []
        self._active: dict[pycurl.Curl, Slot] = {}
        self._epoll = select.epoll()
        self._waited_for: dict[int, bool] = {}  # watched sockets; `False`: it rests between two exchanges
        self._alarm: float | None = None
        self._own: dict[int, Callable[[], object]] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_alarm)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * slots)

    def room(self) -> bool:
        return len(self._active) < self._slots

    def begin(self, exchange: Exchange) -> AdapterError | None:
        """`None`: it is under way, and some `turn` tells what came of it. Otherwise what went wrong. Only while there is room."""
        if exchange.refused is not None:
            return exchange.refused
        slot = self._free.pop() if self._free else Slot()
        try:
            slot.begin(exchange)
        except (pycurl.error, UnicodeError) as error:  # an address or a header that cannot be sent
            self._free.append(slot)
            return exchange.http.unexpected(f"The request cannot be made: {error}.")
        self._active[slot.curl] = slot
        self._multi.add_handle(slot.curl)
        return None

    def wake_on(self, fd: int, heard: Callable[[], object]) -> None:
        """News on this descriptor of the caller's end the waiting, too. ``heard`` takes them from it."""
        self._epoll.register(fd, select.EPOLLIN)
        self._own = {fd: heard}

    def turn(self, wait_s: float | None = None) -> list[tuple[Exchange, Response | AdapterError]]:
        """Waits for news, ``wait_s`` at most (`None`: as long as it takes), and gives what has ended."""
        for fd, event in self._epoll.poll(self._pause(wait_s)):
            if self._waited_for.get(fd):
                self._multi.socket_action(
                    fd,
                    (pycurl.CSELECT_IN if event & ~select.EPOLLOUT else 0)
                    | (pycurl.CSELECT_OUT if event & ~select.EPOLLIN else 0),
                )
            elif fd in self._own:
                self._own[fd]()
            else:
                self._forget(fd)  # the other side ends what nobody uses; libcurl sees it before it would use it
        if self._alarm is not None and time.monotonic() >= self._alarm:
            self._alarm = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        ended = []
        while True:
            left, good, bad = self._multi.info_read()
            ended += [self._end(curl, None) for curl in good]
            ended += [self._end(curl, (code, words)) for curl, code, words in bad]
            if not left:
                return ended

    def close(self) -> None:
        """What is under way is broken off."""
        for curl in self._active:
            self._multi.remove_handle(curl)
        for slot in [*self._active.values(), *self._free]:
            slot.curl.close()
        self._multi.close()
        self._epoll.close()

    def _pause(self, wait_s: float | None) -> float | None:
        """Never below 0, which would mean for ever."""
        pauses = [wait_s] if wait_s is not None else []
        if self._alarm is not None:
            pauses.append(self._alarm - time.monotonic())
        return max(0.0, min(pauses)) if pauses else None

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

    def _end(self, curl: pycurl.Curl, failed: tuple[int, str] | None) -> tuple[Exchange, Response | AdapterError]:
        slot = self._active.pop(curl)
        self._multi.remove_handle(curl)
        ended = slot.end(failed)
        self._free.append(slot)
        return ended

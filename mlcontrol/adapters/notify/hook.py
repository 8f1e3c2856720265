"""A team's chat, pager or web hook, through apprise: one address names the service and where it is."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Health
from mlcontrol.ports.connection import SecretReader, Viability
from mlcontrol.ports.errors import NotSupported, TimedOut, Unexpected, Unreachable

MOST_CHARS = 2000
_STATUS = re.compile(r"error=(\d{3})")
_LOCAL = ("dbus", "kde", "qt", "glib", "gnome", "windows", "macosx", "syslog", "rsyslog", "exec")
"""What would reach this machine instead of people elsewhere."""
_listening = threading.Lock()


class OutboundHook:
    """``url``: with "{secret}" where the secret belongs; empty: the secret is the whole address."""

    def __init__(self, name: str, url: str, secret: SecretReader) -> None:
        self._name, self._url, self._secret = name, url, secret
        self._slow: threading.Thread | None = None  # one whose answer had not ended when its time had

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def send(self, title: str, text: str, severity: Health, deadline_s: float = 10.0, link: str = "") -> None:
        address = self._address()
        scheme = address.partition("://")[0].lower()
        half = max(0.5, deadline_s / 2)
        # Redirects may lead a secret astray; unlike a browser's, nobody sees where.
        # What it says of an address that it does not know is the address, secret and all.
        with warnings.catch_warnings(), _overheard():
            # Of libraries that some of its plug-ins bring in, all of which it reads when it is first asked.
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise

            asset = apprise.AppriseAsset(app_id="mlcontrol", async_mode=False, http_redirects=False)
            place = apprise.Apprise.instantiate(address, asset=asset) if scheme not in _LOCAL else None
        if place is None:
            why = (
                "It is no address that apprise knows."
                if scheme not in _LOCAL
                else f"{scheme} does not leave this machine."
            )
            raise NotSupported(self._problem("The address of the hook cannot be used.", why, "not-supported"))
        place.socket_connect_timeout = place.socket_read_timeout = half
        kind = apprise.NotifyType.FAILURE if severity is Health.CRITICAL else apprise.NotifyType.WARNING
        body = text[:MOST_CHARS] + (f"\n{link}" if link else "")
        sent, said = self._within(
            deadline_s,
            lambda: bool(place.notify(body=body, title=title[:200], notify_type=kind, body_format="text")),
        )
        if sent:
            return
        status = next((found[1] for line in said if (found := _STATUS.search(line))), "")
        if status:
            raise Unexpected(self._problem("The hook refused the message.", f"It answered {status}.", "unexpected"))
        raise Unreachable(self._problem("The hook did not take the message.", "It does not answer.", "unreachable"))

    def _within(self, deadline_s: float, notify: Callable[[], bool]) -> tuple[bool, list[str]]:
        """Whether it was taken, and what was logged meanwhile. The library's own limits are for each read: who answers a byte at a
        time would hold us for ever. Nobody can end such a thread, so that there is one at most, and none is begun beside it."""
        if self._slow is not None and self._slow.is_alive():
            raise TimedOut(self._problem("The hook still answers the message before.", "It does not end.", "timeout"))
        taken: list[bool] = []
        said: list[str] = []

        def send() -> None:
            with _overheard(said), suppress(Exception):
                taken.append(notify())

        self._slow = threading.Thread(target=send, name=f"hook-{self._name}", daemon=True)
        self._slow.start()
        self._slow.join(deadline_s)
        if self._slow.is_alive():
            raise TimedOut(
                self._problem("The hook did not end its answer in time.", "It may have taken the message.", "timeout")
            )
        self._slow = None
        return bool(taken and taken[0]), list(said)

    def close(self) -> None:
        """Nothing is kept open."""

    def _address(self) -> str:
        if self._url and "{secret}" not in self._url:
            return self._url
        secret = self._secret() or ""
        return self._url.replace("{secret}", secret) if self._url else secret

    def _problem(self, what: str, why: str, code: str) -> Problem:
        return Problem(f"{self._name}: {what}", why, f"Look at [notify.{self._name}] in the workspace.", code)


class _Ear(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said, self._mine = said, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._mine:
            self._said.append(record.getMessage())


@contextmanager
def _overheard(said: list[str] | None = None) -> Iterator[None]:
    """What apprise logs on this thread meanwhile, kept from every other log: addresses are in it. One that hangs keeps no other
    from listening."""

    ear, log = _Ear(said if said is not None else []), logging.getLogger("apprise")
    with _listening:
        log.addHandler(ear)
        log.propagate = False
    try:
        yield
    finally:
        with _listening:
            log.removeHandler(ear)
            log.propagate = not any(isinstance(one, _Ear) for one in log.handlers)

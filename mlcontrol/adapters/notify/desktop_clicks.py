"""Listens on the session bus for the notification somebody clicked."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from mlcontrol.adapters.notify.session_bus import open_session_bus, session_bus

LOOK_EVERY_S = 0.5
REMEMBERED = 200

log = structlog.get_logger("notify")


class Clicks:
    """``clicked``: called with the link of a notification that was clicked. *Thread:* `expect` any; listens on one of its own,
    which begins with the first notification that leads somewhere."""

    def __init__(self, interface: str, clicked: Callable[[str], None]) -> None:
        self._interface, self._clicked = interface, clicked
        self._lock = threading.Lock()
        self._links: dict[int, str] = {}
        self._ending = threading.Event()
        self._listening: threading.Thread | None = None
        self._ready = threading.Event()

    def listen(self) -> None:
        """Returns when it listens, so that no click goes by; where the bus is gone the notification is shown all the same.

        Where there is no session bus nothing is shown that could be clicked, and nobody listens.
        """
        if session_bus() is None:
            return
        with self._lock:
            if self._listening is None or not self._listening.is_alive():
                self._ready.clear()
                self._listening = threading.Thread(target=self._listen, name="notification-clicks", daemon=True)
                self._listening.start()
        self._ready.wait(2.0)

    def expect(self, ident: int, link: str) -> None:
        with self._lock:
            self._links[ident] = link
            while len(self._links) > REMEMBERED:
                del self._links[next(iter(self._links))]

    def close(self) -> None:
        self._ending.set()
        if self._listening is not None:
            self._listening.join(4 * LOOK_EVERY_S)

    def _listen(self) -> None:
        from jeepney import HeaderFields, MatchRule, MessageType, message_bus

        rule = MatchRule(type="signal", interface=self._interface, member="ActionInvoked")
        try:
            with open_session_bus() as bus:
                bus.send_and_get_reply(message_bus.AddMatch(rule), timeout=2.0)
                self._ready.set()
                while not self._ending.is_set():
                    try:
                        heard = bus.receive(timeout=LOOK_EVERY_S)
                    except TimeoutError:
                        continue
                    told = heard.header.fields.get(HeaderFields.member)
                    if heard.header.message_type is MessageType.signal and told == "ActionInvoked":
                        self._follow(heard.body)
        except (OSError, EOFError, KeyError, ValueError, TimeoutError) as error:
            log.info("clicks on notifications are not heard any more", why=str(error)[:200] or "the bus ended")
        finally:
            self._ready.set()

    def _follow(self, body: object) -> None:
        ident = body[0] if isinstance(body, tuple) and body else None
        with self._lock:
            link = self._links.pop(ident, "") if isinstance(ident, int) else ""
        if link:
            self._clicked(link)

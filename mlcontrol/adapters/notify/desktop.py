"""The desktop's own notifications, over the session bus (freedesktop.org Desktop Notifications 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any

from mlcontrol.adapters.notify.desktop_clicks import Clicks
from mlcontrol.adapters.notify.session_bus import open_session_bus, why_none
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Health
from mlcontrol.ports.connection import Viability
from mlcontrol.ports.errors import AdapterError, TimedOut, Unexpected, Unreachable

BUS_NAME, OBJECT, INTERFACE = (
    "org.freedesktop.Notifications",
    "/org/freedesktop/Notifications",
    "org.freedesktop.Notifications",
)
MOST_CHARS = 600
REMEMBERED = 200
_URGENCY = {Health.CRITICAL: 2, Health.WARNING: 1}


class DesktopNotifications:
    """A message of a title that is still known replaces the one before: a flapping alert leaves one bubble, not ten. ``clicked``:
    called with the link of one that was clicked."""

    def __init__(self, clicked: Callable[[str], None] | None = None) -> None:
        self._shown: dict[str, int] = {}
        self._clicks = Clicks(INTERFACE, clicked) if clicked is not None else None

    @classmethod
    def viability(cls) -> Viability:
        try:
            import jeepney  # noqa: F401
        except ImportError:
            return Viability(False, "jeepney is not installed: it speaks to the session bus")
        why = why_none()
        return Viability(not why, why)

    def send(self, title: str, text: str, severity: Health, deadline_s: float = 10.0, link: str = "") -> None:
        from jeepney import DBusAddress, MessageType, new_method_call

        address = DBusAddress(OBJECT, bus_name=BUS_NAME, interface=INTERFACE)
        hints: dict[str, Any] = {"urgency": ("y", _URGENCY.get(severity, 1)), "desktop-entry": ("s", "mlcontrol")}
        # The body may be read as markup; what servers say is text.
        body = escape(text[:MOST_CHARS], quote=False)
        leads = self._clicks if link else None
        if leads is not None:
            leads.listen()
        arguments: tuple[Any, ...] = (
            "mlcontrol",
            self._shown.get(title, 0),
            "mlcontrol",
            title[:200],
            body,
            ["default", "Open the incident"] if leads is not None else [],
            hints,
            -1,
        )
        call = new_method_call(address, "Notify", "susssasa{sv}i", arguments)
        try:
            with open_session_bus() as connection:
                reply = connection.send_and_get_reply(call, timeout=deadline_s)
        except TimeoutError as error:
            raise TimedOut(_problem("The desktop did not take the notification in time.", "timeout")) from error
        except (OSError, EOFError, KeyError, ValueError) as error:
            raise Unreachable(_problem("The session bus does not answer.", "unreachable", str(error)[:200])) from error
        if reply.header.message_type is MessageType.error:
            raise _refused(reply)
        with suppress(TypeError, ValueError, IndexError):
            self._shown[title] = ident = int(reply.body[0])
            if leads is not None:
                leads.expect(ident, link)
            while len(self._shown) > REMEMBERED:
                del self._shown[next(iter(self._shown))]

    def close(self) -> None:
        if self._clicks is not None:
            self._clicks.close()


def _refused(reply: Any) -> AdapterError:
    from jeepney import HeaderFields

    name = str(reply.header.fields.get(HeaderFields.error_name, ""))
    if name.endswith(("ServiceUnknown", "NameHasNoOwner")):
        why = "Nothing on this desktop shows notifications."
        return Unreachable(_problem("The notification was not shown.", "unreachable", why))
    return Unexpected(_problem("The desktop refused the notification.", "unexpected", name[:100]))


def _problem(what: str, code: str, why: str = "") -> Problem:
    return Problem(what, why, "The alert is on the Alerts page; [notify] in the workspace says who is told.", code)

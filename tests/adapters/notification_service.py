"""A small notification service for tests, standing in for a desktop's: it owns the well-known name on the session bus, keeps what
it is told in a file and answers as the specification says. Run as a program: ``notification_service.py FILE [refuse|click]``;
with ``click`` somebody clicks each one that can be clicked."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_error, new_method_return, new_signal
from jeepney.io.blocking import open_dbus_connection

NAME = "org.freedesktop.Notifications"


def main() -> None:
    kept, refusing = Path(sys.argv[1]), "refuse" in sys.argv
    shown: list[dict[str, object]] = []
    with open_dbus_connection(bus="SESSION") as bus:
        bus.send_and_get_reply(message_bus.RequestName(NAME))
        kept.write_text("[]")
        while True:
            call = bus.receive()
            if call.header.message_type is not MessageType.method_call:
                continue
            if call.header.fields.get(HeaderFields.member) != "Notify" or refusing:
                bus.send(new_error(call, "org.freedesktop.DBus.Error.Failed"))
                continue
            app, replaces, _icon, title, body, actions, hints, _expires = call.body
            ident = replaces or len(shown) + 1
            shown.append({"id": ident, "app": app, "title": title, "body": body, "urgency": hints["urgency"][1]})
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(shown))
            part.replace(kept)
            bus.send(new_method_return(call, "u", (ident,)))
            if "click" in sys.argv and actions:
                desktop = DBusAddress("/org/freedesktop/Notifications", bus_name=NAME, interface=NAME)
                time.sleep(0.2)  # a person is slower than an answer
                bus.send(new_signal(desktop, "ActionInvoked", "us", (ident, actions[0])))


if __name__ == "__main__":
    main()

"""HAProxy as the splitter of traffic, told through its admin socket.

Which version answers stands in two map files that its configuration reads: one from ``<route>-stable`` and ``<route>-canary`` to
a version, one from ``<route>`` to the canary's share in percent. What is set here lives in HAProxy's memory only.
"""

from __future__ import annotations

import csv
import re
import shlex
import time
from typing import ClassVar

from mlcontrol.adapters.plain_text import plain
from mlcontrol.adapters.routing.haproxy_socket import AdminSocket
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import NotFound, NotSupported, Rejected, ServerFailed
from mlcontrol.ports.routing import RouteCounters, Split

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PATH = re.compile(r"[A-Za-z0-9_./@:+-]{1,500}")


class HaproxyRouting:
    """``options``: ``admin`` (its socket), ``version_map`` and ``share_map`` (the files as HAProxy names them). *Thread:* any."""

    ROLES: ClassVar[tuple[str, str]] = ("stable", "canary")

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:  # noqa: ARG002 - it has no sign-in
        self.settings = settings
        self._socket = AdminSocket(settings)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        started = time.monotonic()
        answer = self._socket.command("show info", deadline_s)
        took_ms = (time.monotonic() - started) * 1000.0
        facts = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
        if facts.get("Name") != "HAProxy":
            raise self._socket.unexpected("It does not call itself HAProxy.")
        version = facts.get("Version", "").partition("-")[0]
        return Reachability(plain(f"HAProxy {version}", 80), took_ms, plain(f"up for {facts.get('Uptime', '?')}"))

    def split(self, route: str, deadline_s: float = 3.0) -> Split:
        """A canary that has no share and is the stable version is none."""
        self._word(route, "route")
        left = _Left(deadline_s)
        versions = self._map("version_map", left())
        shares = self._map("share_map", left())
        stable, canary = (versions.get(f"{route}-{role}") for role in self.ROLES)
        percent = self._percent(shares.get(route, "0"))
        if percent == 0.0 and canary == stable:
            canary = None
        return Split(stable, canary, percent)

    def set_stable(self, route: str, version: str, deadline_s: float = 3.0) -> None:
        """Send the route's stable share to ``version``; an idle canary entry moves along."""
        self._word(route, "route")
        self._word(version, "version")
        left = _Left(deadline_s)
        idle = self.split(route, left()).canary is None
        self._set("version_map", f"{route}-stable", version, left())
        if idle and f"{route}-canary" in self._map("version_map", left()):
            self._set("version_map", f"{route}-canary", version, left())

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 3.0) -> None:
        """Send ``percent`` (whole, 0..100) of the route to ``version``; `None` ends the canary.

        The share is the last thing raised and the first thing lowered, so no request meets a half-made change.
        """
        self._word(route, "route")
        share = self._whole(percent)
        left = _Left(deadline_s)
        if version is None:
            self._set("share_map", route, "0", left())
            versions = self._map("version_map", left())
            stable = versions.get(f"{route}-stable")
            if stable is not None and versions.get(f"{route}-canary") not in (None, stable):
                self._set("version_map", f"{route}-canary", stable, left())
            return
        self._word(version, "version")
        if self.split(route, left()).canary not in (None, version):
            self._set("share_map", route, "0", left())
        self._set("version_map", f"{route}-canary", version, left())
        self._set("share_map", route, str(share), left())

    def counters(self, route: str, deadline_s: float = 3.0) -> tuple[RouteCounters, ...]:
        self._word(route, "route")
        left = _Left(deadline_s)
        return tuple(self._counters_of(route, role, left()) for role in self.ROLES)

    def weight(self, backend: str, server: str, deadline_s: float = 3.0) -> int:
        """A server's weight, 0..256."""
        answer = self._command(
            f"get weight {self._word(backend, 'backend')}/{self._word(server, 'server')}", deadline_s
        )
        number = answer.partition(" ")[0]
        if not number.isdigit():
            raise self._refused(f"weight of {backend}/{server}", answer)
        return int(number)

    def set_weight(self, backend: str, server: str, weight: int, deadline_s: float = 3.0) -> None:
        if not 0 <= weight <= 256:
            raise Rejected(Problem("The weight cannot be set.", f"{weight} is not between 0 and 256.", "", "rejected"))
        place = f"{self._word(backend, 'backend')}/{self._word(server, 'server')}"
        left = _Left(deadline_s)
        answer = self._command(f"set server {place} weight {weight}", left())
        if answer:
            raise self._refused(f"weight of {place}", answer)
        self._read_back(f"weight of {place}", str(weight), str(self.weight(backend, server, left())))

    def by_hand(self, route: str, version: str) -> tuple[str, ...]:
        """Commands that send all traffic of the route to ``version`` without the panel; they need socat."""
        self._word(route, "route")
        self._word(version, "version")
        admin = self.settings.options.get("admin", "")
        address = f"UNIX-CONNECT:{admin}" if admin.startswith("/") else f"TCP:{admin}"
        versions, shares = self._path("version_map"), self._path("share_map")
        lines = (
            f"set map {shares} {route} 0",
            *(f"set map {versions} {route}-{role} {version}" for role in self.ROLES),
        )
        return tuple(f"echo {shlex.quote(line)} | socat stdio {shlex.quote(address)}" for line in lines)

    def close(self) -> None:
        """Nothing is kept open between commands."""

    def _command(self, line: str, deadline_s: float) -> str:
        answer = self._socket.command(line, deadline_s)
        if answer.startswith("Permission denied"):
            then = "Give the socket 'level admin' in HAProxy's configuration."
            problem = Problem(f"'{self.settings.id}' does not allow this command.", plain(answer), then, "denied")
            raise Rejected(problem)
        return answer

    def _map(self, option: str, deadline_s: float) -> dict[str, str]:
        path = self._path(option)
        answer = self._command(f"show map {path}", deadline_s)
        if answer.startswith("Unknown map identifier"):
            raise self._no_map(path)
        rows = [line.split(" ", 2) for line in answer.splitlines() if line]
        if any(len(row) != 3 or not row[0].startswith("0x") for row in rows):
            raise self._socket.unexpected("A map has rows of another form.")
        return {row[1]: row[2] for row in rows}

    def _set(self, option: str, key: str, value: str, deadline_s: float) -> None:
        """Set an entry, made if it is missing, and read it back."""
        path = self._path(option)
        left = _Left(deadline_s)
        answer = self._command(f"set map {path} {key} {value}", left())
        if answer.startswith("entry not found"):
            answer = self._command(f"add map {path} {key} {value}", left())
        if answer.startswith("Unknown map identifier"):
            raise self._no_map(path)
        if answer:
            raise self._refused(key, answer)
        self._read_back(key, value, self._map(option, left()).get(key))

    def _read_back(self, name: str, wanted: str, found: str | None) -> None:
        if found != wanted:
            what = f"'{self.settings.id}' did not take over the {name}."
            why = f"It was told {wanted} and says {plain(found, 60) if found else 'nothing'}."
            then = "Someone else may be changing it at this moment. Look at it before trying again."
            raise ServerFailed(Problem(what, why, then, "read-back"))

    def _counters_of(self, route: str, role: str, deadline_s: float) -> RouteCounters:
        backend = f"{route}-{role}"
        answer = self._command(f"show stat {backend} 2 -1", deadline_s)
        if answer.startswith("No such proxy"):
            what = f"'{self.settings.id}' has no backend {backend}."
            then = "The route's name must be the one in HAProxy's configuration."
            raise NotFound(Problem(what, "Its traffic is counted there.", then, "not-found"))
        for row in csv.DictReader(answer.removeprefix("# ").splitlines()):
            if row.get("svname") == "BACKEND":
                try:
                    responses = {f"{n}xx": int(row[f"hrsp_{n}xx"] or 0) for n in range(1, 6)}
                    numbers = (int(row["stot"] or 0), int(row["econ"] or 0), int(row["eresp"] or 0))
                except (KeyError, ValueError, TypeError) as error:
                    raise self._socket.unexpected("Its statistics have another form.") from error
                return RouteCounters(role, numbers[0], responses, numbers[1], numbers[2])
        raise self._socket.unexpected("Its statistics have no line for the backend.")

    def _path(self, option: str) -> str:
        path = self.settings.options.get(option, "")
        if not _PATH.fullmatch(path):
            what = f"'{self.settings.id}' does not say which map file to use as its {option.replace('_', ' ')}."
            then = "Write the file's path as HAProxy's configuration has it into the connection."
            raise NotSupported(
                Problem(what, "" if not path else "The path has odd characters.", then, "not-configured")
            )
        return path

    def _word(self, text: str, kind: str) -> str:
        if not _WORD.fullmatch(text):
            why = "Only letters, digits, '.', '_' and '-' can be sent to HAProxy."
            raise Rejected(Problem(f"'{plain(text, 60)}' cannot be a {kind}.", why, "Choose another name.", "rejected"))
        return text

    def _whole(self, percent: float) -> int:
        if not 0.0 <= percent <= 100.0 or percent != int(percent):
            why = f"{percent:g} is not a whole number between 0 and 100."
            raise Rejected(Problem("This share cannot be set.", why, "Choose a whole percentage.", "rejected"))
        return int(percent)

    def _percent(self, text: str) -> float:
        if not text.isdigit():
            raise self._socket.unexpected(f"A share reads '{plain(text, 30)}', not a number.")
        return min(100.0, float(text))

    def _refused(self, name: str, answer: str) -> Rejected:
        return Rejected(
            Problem(f"'{self.settings.id}' refused the {name}.", f"It says: {plain(answer)}", "", "rejected")
        )

    def _no_map(self, path: str) -> NotFound:
        what = f"'{self.settings.id}' does not know the map {path}."
        then = "The path must be written exactly as in HAProxy's configuration."
        return NotFound(Problem(what, "HAProxy names maps by the path it loaded them from.", then, "not-found"))


class _Left:
    """One total time for several commands: calling it gives the seconds that are left."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def __call__(self) -> float:
        return max(0.001, self._ends - time.monotonic())

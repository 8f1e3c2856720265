"""Connections, services and freezes: tried, saved to the workspace file, removed; the pollers follow without losing the others."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from mlcontrol.core.freeze import Freeze, state_of
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.ports.connection import Adapter
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.context import AuditGrew, ServiceContext

Entry = ConnectionSettings | ServiceSettings | Freeze | NotifySettings
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s{]+@")
Group = Literal["connections", "services", "freezes", "notify"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``problem`` `None`: it answered."""

    problem: Problem | None
    server: str = ""
    latency_ms: float | None = None
    detail: str = ""


class WorkspaceFile(Protocol):
    """Writes the file with a person's comments kept."""

    def put(self, settings: Entry, replaces: str | None) -> None: ...
    def remove(self, group: Group, entry: str) -> None: ...
    def read(self) -> WorkspaceSettings: ...


class Names(Protocol):
    """What is known of where names lead."""

    def waiting(self, host: str) -> tuple[str, ...]: ...
    def agree(self, host: str, addresses: tuple[str, ...]) -> None: ...


class Connections:
    """``make``: an adapter of settings, without I/O. ``adopt``: takes the new settings into use. ``tell``: sends
    people a test message; raises `ProblemError`. ``names``: asked whether one waits for a person's word. *Thread:* any."""

    def __init__(
        self,
        ctx: ServiceContext,
        file: WorkspaceFile,
        make: Callable[[ConnectionSettings], Adapter],
        adopt: Callable[[WorkspaceSettings], None],
        tell: Callable[[NotifySettings], float],
        names: Names,
    ) -> None:
        self._ctx = ctx
        self._file = file
        self._make = make
        self._adopt = adopt
        self._tell = tell
        self._names = names
        self._saving = threading.Lock()

    def test(self, settings: ConnectionSettings) -> Diagnosis:
        """Ask the server who it is, with a fresh adapter that is closed again."""
        try:
            adapter = self._make(settings)
        except ProblemError as error:
            return Diagnosis(error.problem)
        try:
            found = adapter.probe()
        except AdapterError as error:
            return Diagnosis(error.problem)
        finally:
            adapter.close()
        return Diagnosis(None, found.server, found.latency_ms, found.detail)

    def save_connection(self, settings: ConnectionSettings, replaces: str | None, actor: str) -> None:
        _check_id(settings.id)
        if settings.auth not in ("none", "basic", "token"):
            raise ProblemError(
                Problem(f"{settings.auth!r} is no way to log in.", "It is none, basic or token.", code="refused")
            )
        if not urlsplit(settings.url).scheme:
            raise ProblemError(
                Problem(
                    "The address is not complete.", f"{settings.url!r} has no scheme.", "Begin with http://.", "refused"
                )
            )
        if urlsplit(settings.url).password:
            raise ProblemError(
                Problem(
                    "The address holds a password.",
                    "The workspace file is not the place for secrets.",
                    "Leave it out; give the secret separately, it goes to the keyring.",
                    "refused",
                )
            )
        if settings.poll_s < 1:
            raise ProblemError(Problem("The poll interval is too short.", "At least one second.", code="refused"))
        with self._saving:
            known = self._ctx.settings.connections
            if settings.id in known and replaces != settings.id:
                raise ProblemError(_taken(settings.id))
            if replaces is not None and replaces != settings.id:
                self._refuse_if_used(replaces)
            self._write(lambda: self._file.put(settings, replaces))
        self._record("connection.saved", asdict(settings), actor, f"Connection {settings.id} saved")

    def remove_connection(self, connection: str, actor: str) -> None:
        with self._saving:
            if connection not in self._ctx.settings.connections:
                raise ProblemError(Problem(f"There is no connection {connection!r}.", code="not-found"))
            self._refuse_if_used(connection)
            self._write(lambda: self._file.remove("connections", connection))
        self._record("connection.removed", {"id": connection}, actor, f"Connection {connection} removed")

    def agree_to_address(self, connection: str, actor: str) -> tuple[str, ...]:
        """Its name may lead to the private addresses that it leads to now; on record before it is followed. Returns them."""
        settings = self._ctx.settings.connections.get(connection)
        if settings is None:
            raise ProblemError(Problem(f"There is no connection {connection!r}.", code="not-found"))
        moved = {host: found for host in _hosts(settings) if (found := self._names.waiting(host))}
        if not moved:
            raise ProblemError(
                Problem(
                    f"No name of {connection} waits for a word.",
                    "It does not lead from public to private addresses.",
                    code="conflict",
                )
            )
        addresses = tuple(address for found in moved.values() for address in found)
        words = ", ".join(f"{host} to {', '.join(found)}" for host, found in moved.items())
        self._record(
            "connection.address-agreed", {"id": connection, **moved}, actor, f"{connection} may lead inside: {words}"
        )
        for host, found in moved.items():
            self._names.agree(host, found)
        return addresses

    def save_service(self, settings: ServiceSettings, replaces: str | None, actor: str) -> None:
        _check_id(settings.id)
        with self._saving:
            known = self._ctx.settings
            if settings.id in known.services and replaces != settings.id:
                raise ProblemError(_taken(settings.id))
            missing = [name for name in settings.connections if name not in known.connections]
            if missing:
                raise ProblemError(
                    Problem(
                        f"There is no connection {missing[0]!r}.",
                        "The service names it.",
                        "Add the connection first, or choose another.",
                        "not-found",
                    )
                )
            self._write(lambda: self._file.put(settings, replaces))
        self._record("service.saved", asdict(settings), actor, f"Service {settings.id} saved", settings.id)

    def remove_service(self, service: str, actor: str) -> None:
        with self._saving:
            if service not in self._ctx.settings.services:
                raise ProblemError(Problem(f"There is no service {service!r}.", code="not-found"))
            if any(op.service == service and not op.phase.ended for op in self._ctx.state().operations.values()):
                raise ProblemError(
                    Problem(f"{service} is being changed right now.", next="Wait for its end.", code="conflict")
                )
            self._write(lambda: self._file.remove("services", service))
        self._record("service.removed", {"id": service}, actor, f"Service {service} removed")

    def test_notify(self, settings: NotifySettings) -> Diagnosis:
        """Send one test message that way; whether it came is for people to say, that it was taken is said here."""
        try:
            took_s = self._tell(settings)
        except ProblemError as error:
            return Diagnosis(error.problem)
        return Diagnosis(None, "The test message was taken", 1000 * took_s, "Look whether it came.")

    def save_notify(self, settings: NotifySettings, replaces: str | None, actor: str) -> None:
        _check_id(settings.id)
        if settings.via not in ("desktop", "hook") or settings.least not in ("warning", "critical"):
            what = f"{settings.via!r} or {settings.least!r} is not known."
            raise ProblemError(Problem(what, "It is desktop or hook; warning or critical.", code="refused"))
        if _PASSWORD.search(settings.url):
            what, why = "The address holds a password.", "The workspace file is not the place for secrets."
            raise ProblemError(Problem(what, why, "Write {secret} there; the secret goes to the keyring.", "refused"))
        with self._saving:
            if settings.id in self._ctx.settings.notify and replaces != settings.id:
                raise ProblemError(_taken(settings.id))
            self._write(lambda: self._file.put(settings, replaces))
        self._record("notify.saved", asdict(settings), actor, f"Alerts are told to {settings.id}")

    def remove_notify(self, name: str, actor: str) -> None:
        with self._saving:
            if name not in self._ctx.settings.notify:
                raise ProblemError(Problem(f"Nobody is told as {name!r}.", code="not-found"))
            self._write(lambda: self._file.remove("notify", name))
        self._record("notify.removed", {"id": name}, actor, f"Alerts are not told to {name} any more")

    def add_freeze(self, freeze: Freeze, actor: str) -> None:
        """Nothing is deployed within its scope while it holds; what names no scope binds all. Needs a reason."""
        _check_id(freeze.id)
        if not freeze.reason.strip():
            raise ProblemError(
                Problem("A reason is missing.", "Whoever is stopped by a freeze reads it.", "Give one.", code="refused")
            )
        state, words = state_of(freeze, self._ctx.clock.utc_s())
        if state in ("over", "unreadable"):
            raise ProblemError(
                Problem("This freeze would never hold.", words, "Correct its times, UTC.", code="refused")
            )
        with self._saving:
            known = self._ctx.settings
            if freeze.id in known.freezes:
                raise ProblemError(_taken(freeze.id))
            missing = [service for service in freeze.services if service not in known.services]
            if missing:
                raise ProblemError(Problem(f"There is no service {missing[0]!r}.", code="not-found"))
            self._write(lambda: self._file.put(freeze, None))
        self._record("freeze.added", asdict(freeze), actor, f"Frozen {words}: {freeze.reason}", _only(freeze))

    def lift_freeze(self, freeze: str, actor: str, reason: str) -> None:
        if not reason.strip():
            raise ProblemError(
                Problem("A reason is missing.", "Lifting a freeze is recorded with its reason.", "Give one.", "refused")
            )
        with self._saving:
            known = self._ctx.settings.freezes.get(freeze)
            if known is None:
                raise ProblemError(Problem(f"There is no freeze {freeze!r}.", code="not-found"))
            self._write(lambda: self._file.remove("freezes", freeze))
        body = {**asdict(known), "lifted_for": reason}
        self._record("freeze.lifted", body, actor, f"Freeze {freeze} lifted: {reason}", _only(known))

    def _write(self, change: Callable[[], None]) -> None:
        change()
        self._adopt(self._file.read())

    def _refuse_if_used(self, connection: str) -> None:
        users = [s.id for s in self._ctx.settings.services.values() if connection in s.connections]
        if users:
            raise ProblemError(
                Problem(
                    f"{connection} is in use.",
                    f"These services name it: {', '.join(users)}.",
                    "Change or remove them first.",
                    "conflict",
                )
            )

    def _record(self, action: str, body: dict[str, Any], actor: str, title: str, service: str = "") -> None:
        row = self._ctx.store.audit.append(actor, action, _plain(body), service)
        self._ctx.emit(
            AuditGrew(row.seq),
            TimelineEvent(
                id=f"{action}-{uuid.uuid4().hex}",
                at_s=row.at_s,
                kind=EventKind.CONNECTION if action.startswith("connection") else EventKind.CONFIG,
                title=title,
                service=service or None,
                actor=actor,
            ),
        )


def _hosts(settings: ConnectionSettings) -> tuple[str, ...]:
    """Of its address, and of those among its options."""
    texts = (settings.url, *(v if "://" in v else f"//{v}" for v in settings.options.values()))
    found = []
    for text in texts:
        with suppress(ValueError):  # an option that is no address
            found.append(urlsplit(text).hostname or "")
    return tuple(dict.fromkeys(host for host in found if host))


def _only(freeze: Freeze) -> str:
    """The one service that it binds; empty where it binds several or all."""
    return freeze.services[0] if len(freeze.services) == 1 else ""


def _plain(value: Any) -> Any:
    """For the audit's canonical JSON: tuples as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _check_id(name: str) -> None:
    if not name or len(name) > 64 or not all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
        raise ProblemError(
            Problem(
                f"{name[:80]!r} is no good name.",
                "Names are made of letters, digits, - and _, at most 64 of them.",
                "Choose another; the title may be anything.",
                "refused",
            )
        )


def _taken(name: str) -> Problem:
    return Problem(
        f"There is a {name} already.", next="Choose another name, or edit the one that is there.", code="conflict"
    )

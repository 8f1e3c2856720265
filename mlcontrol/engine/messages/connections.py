"""Connections and services, as a person edits them."""

from __future__ import annotations

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.engine.messages.shape import Request


class TestConnection(Request, frozen=True, kw_only=True):
    """Try a connection that need not be saved. Answer: `ConnectionDiagnosis`."""

    settings: ConnectionSettings


class SaveConnection(Request, frozen=True, kw_only=True):
    """``replaces``: the id it had before, when edited. Answer: `Done`."""

    settings: ConnectionSettings
    replaces: str | None = None
    actor: str = ""


class RemoveConnection(Request, frozen=True, kw_only=True):
    connection: str
    actor: str = ""


class AgreeToAddress(Request, frozen=True, kw_only=True):
    """The connection's name may lead to the private addresses that it leads to now. Answer: `Done`, naming them."""

    connection: str
    actor: str = ""


class SaveService(Request, frozen=True, kw_only=True):
    settings: ServiceSettings
    replaces: str | None = None
    actor: str = ""


class RemoveService(Request, frozen=True, kw_only=True):
    service: str
    actor: str = ""


class TestNotify(Request, frozen=True, kw_only=True):
    """Send people a test message. Answer: `ConnectionDiagnosis`."""

    settings: NotifySettings


class SaveNotify(Request, frozen=True, kw_only=True):
    """``replaces``: the name it had before, when edited. Answer: `Done`."""

    settings: NotifySettings
    replaces: str | None = None
    actor: str = ""


class RemoveNotify(Request, frozen=True, kw_only=True):
    name: str
    actor: str = ""


class ConnectionDiagnosis(Request, frozen=True, kw_only=True):
    """``problem`` `None`: it answered; then ``server``, ``latency_ms`` and ``detail`` say what."""

    problem: Problem | None
    server: str = ""
    latency_ms: float | None = None
    detail: str = ""


Command = (
    TestConnection
    | SaveConnection
    | RemoveConnection
    | AgreeToAddress
    | SaveService
    | RemoveService
    | TestNotify
    | SaveNotify
    | RemoveNotify
)
Event = ConnectionDiagnosis

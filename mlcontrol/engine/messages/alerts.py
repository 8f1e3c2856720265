"""Alerts: what is open, who has taken it, what is silent."""

from __future__ import annotations

from mlcontrol.core.alerts.alert import Alert, Notification, Silence
from mlcontrol.engine.messages.shape import Message, Request


class AcknowledgeAlert(Request, frozen=True, kw_only=True):
    """Take an open alert: nobody else is told of it. Answer: `Done`."""

    alert: str
    actor: str


class SilenceAlerts(Request, frozen=True, kw_only=True):
    """Tell nobody for so long; an empty ``service`` or ``rule`` means every one. ``alert``: the id of another system's alert, which
    is silenced there, alone. Answer: `Done`."""

    service: str
    rule: str
    for_s: float
    reason: str
    actor: str
    alert: str = ""


class EndSilence(Request, frozen=True, kw_only=True):
    """Answer: `Done`."""

    silence: str
    actor: str


class AlertsChanged(Message, frozen=True, kw_only=True):
    """``alerts``: those that are otherwise now. ``silences``: all that hold."""

    alerts: tuple[Alert, ...]
    silences: tuple[Silence, ...]


class AlertTold(Message, frozen=True, kw_only=True):
    """What people are told, once."""

    notification: Notification


Command = AcknowledgeAlert | SilenceAlerts | EndSilence
Event = AlertsChanged | AlertTold

"""The desk: which service answers which command, and with what urgency."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks import (
    alerts,
    connections,
    fleet,
    golden,
    incidents,
    records,
    reviews,
    rollouts,
    signals,
    together,
)
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell

TABLE: Table = (
    alerts.TABLE
    | fleet.TABLE
    | golden.TABLE
    | rollouts.TABLE
    | connections.TABLE
    | records.TABLE
    | reviews.TABLE
    | incidents.TABLE
    | signals.TABLE
    | together.TABLE
)


class Desk:
    """*Thread:* any."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def lane(self, kind: type[m.Command]) -> Lane:
        return TABLE[kind][0]

    def carry_out(self, command: m.Command, tell: Tell) -> m.Event:
        """The answer. Raises `ProblemError` for a refusal."""
        return TABLE[type(command)][1](self._services, command, tell)

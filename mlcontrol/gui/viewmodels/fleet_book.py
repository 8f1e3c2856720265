"""The fleet's rows, made again only where something changed; ages are judged in turns, so that thousands of rows cost no frame."""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.viewmodels.fleet_rows import FleetRow, fleet_row
from mlcontrol.gui.viewmodels.signal_cells import Now

TURN = 200
_NO_LABELS: Mapping[str, str] = {}


class FleetBook:
    """*Thread:* the GUI's. Each row is judged by the clock once in ``turns()`` calls of `age`."""

    def __init__(self) -> None:
        self._rows: dict[str, FleetRow] = {}
        self._made_of: dict[str, tuple[ServiceState, Mapping[str, str]]] = {}
        self._waiting: list[str] = []

    @property
    def rows(self) -> tuple[FleetRow, ...]:
        return tuple(self._rows.values())

    def turns(self) -> int:
        """In how many parts the rows are judged."""
        return max(1, -(-len(self._rows) // TURN))

    def take(self, state: FleetState, now: Now, *, everything: bool) -> bool:
        """Make the rows of services that are other values than before (``everything``: all). Whether any row changed."""
        changed = False
        settings = state.settings.services
        for gone in self._rows.keys() - state.services.keys():
            del self._rows[gone], self._made_of[gone]
            changed = True
        for name, service in state.services.items():
            labels = settings[name].labels if name in settings else _NO_LABELS
            made_of = self._made_of.get(name)
            if everything or made_of is None or made_of[0] is not service or made_of[1] is not labels:
                self._made_of[name] = (service, labels)
                changed |= self._put(name, now)
        return changed

    def age(self, now: Now) -> bool:
        """Judge the next part of the rows by the clock: what has heard nothing for too long is not ok any more."""
        if not self._waiting:
            self._waiting = list(self._rows)
        turn, self._waiting = self._waiting[:TURN], self._waiting[TURN:]
        changed = False
        for name in turn:
            if name in self._made_of:  # it may have gone since the turn before
                changed |= self._put(name, now)
        return changed

    def _put(self, name: str, now: Now) -> bool:
        service, labels = self._made_of[name]
        row = fleet_row(service, now, labels)
        if self._rows.get(name) == row:
            return False
        self._rows[name] = row
        return True

"""The fleet's rows, made again only where something changed; ages are judged in turns, so that thousands of rows cost no frame."""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.viewmodels.fleet_rows import FleetRow, fleet_row, reads_the_same_s
from mlcontrol.gui.viewmodels.signal_cells import Now

TURN = 100
"""So many rows are made at once at most: a few milliseconds."""
_NO_LABELS: Mapping[str, str] = {}


class FleetBook:
    """*Thread:* the GUI's. Each row that time may have changed is judged by the clock once in ``turns()`` calls of `age`.
    ``behind``: services have changed that had no turn yet; `take` goes on with them."""

    def __init__(self) -> None:
        self.behind = False
        self._rows: dict[str, FleetRow] = {}
        self._made_of: dict[str, tuple[ServiceState, Mapping[str, str]]] = {}
        self._due_s: dict[str, float] = {}  # on the clock of ages
        self._waiting: list[str] = []

    @property
    def rows(self) -> tuple[FleetRow, ...]:
        return tuple(self._rows.values())

    def turns(self) -> int:
        """In how many parts the rows are judged."""
        return max(1, -(-len(self._rows) // TURN))

    def take(self, state: FleetState, now: Now, *, everything: bool) -> bool:
        """Make the rows of services that are other values than before (``everything``: all, at once). Whether any row changed."""
        changed = self.behind = False
        made = 0
        settings = state.settings.services
        for gone in self._rows.keys() - state.services.keys():
            del self._rows[gone]
            self._made_of.pop(gone, None)
            del self._due_s[gone]
            changed = True
        for name, service in state.services.items():
            labels = settings[name].labels if name in settings else _NO_LABELS
            made_of = self._made_of.get(name)
            if everything or made_of is None or made_of[0] is not service or made_of[1] is not labels:
                made += 1
                if made > TURN and not everything:
                    self.behind = True
                    break
                self._made_of[name] = (service, labels)
                changed |= self._put(name, now)
        return changed

    def make_anew(self) -> None:
        """Have every row made again, in turns."""
        self._made_of.clear()

    def age(self, now: Now) -> bool:
        """Judge the next part of the rows by the clock: what has heard nothing for too long is not ok any more."""
        if not self._waiting:
            self._waiting = list(self._rows)
        changed, made = False, 0
        while self._waiting and made < TURN:
            name = self._waiting.pop()
            # It may have gone since the turn before.
            if name in self._made_of and self._due_s[name] <= now.mono_s:
                made += 1
                changed |= self._put(name, now)
        return changed

    def _put(self, name: str, now: Now) -> bool:
        service, labels = self._made_of[name]
        row = fleet_row(service, now, labels)
        self._due_s[name] = now.mono_s + reads_the_same_s(service, now)
        if self._rows.get(name) == row:
            return False
        self._rows[name] = row
        return True

"""The store as one thing: the panel's database and, beside it, the metric history."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from platformdirs import user_state_path

from mlcontrol.core.clock_off import ClockOff
from mlcontrol.ports.clock import Clock
from mlcontrol.store.alerts import AlertStore
from mlcontrol.store.audit_log import AuditLog
from mlcontrol.store.database import Database, open_database
from mlcontrol.store.golden_scores import GoldenScores
from mlcontrol.store.history import History
from mlcontrol.store.incidents import Incidents
from mlcontrol.store.knowledge import Knowledge
from mlcontrol.store.leases import Leases
from mlcontrol.store.reviews.reviews import Reviews
from mlcontrol.store.timeline import Timeline
from mlcontrol.store.together import Approvals, Drills

HISTORY_FILE = "history.db"


class Store:
    """Made by `Store.open`. *Thread:* any."""

    def __init__(self, database: Database, history: History, clock: Clock, heads: Path) -> None:
        self._database = database
        self._clock = clock
        self.audit = AuditLog(database, clock, heads)
        self.timeline = Timeline(database)
        self.alerts = AlertStore(database)
        self.reviews = Reviews(database)
        self.incidents = Incidents(database, self.audit)
        self.knowledge = Knowledge(database, clock)
        self.golden_scores = GoldenScores(database)
        self.leases = Leases(database, clock)
        self.approvals = Approvals(database)
        self.drills = Drills(database)
        self.history = history

    @classmethod
    def open(cls, url: str, base: Path, clock: Clock, heads: Path | None = None) -> Store:
        """``url``: SQLAlchemy URL, SQLite paths relative to ``base``, where the history lies too. ``heads``: folder outside the
        store for the audit log's head. Raises `StoreError`."""
        database = open_database(url, base)
        try:
            history = History(base / HISTORY_FILE)
        except BaseException:
            database.close()
            raise
        return cls(database, history, clock, heads or Path(user_state_path("mlcontrol")))

    @property
    def shared(self) -> bool:
        """Whether engines on other machines, with clocks of their own, may write here too."""
        return not self._database.is_sqlite

    def clock_off(self) -> ClockOff | None:
        if self._database.is_sqlite:
            return None
        with self._database.read() as connection:
            began_s = self._clock.utc_s()
            theirs_s = float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
            return ClockOff(theirs_s - self._clock.utc_s(), theirs_s - began_s)

    def close(self) -> None:
        self.leases.close()
        self.history.close()
        self._database.close()

"""Python's cycle collector on the window's thread only, and in bites that no frame notices.

No widget is destroyed by whatever thread happens to allocate. And a fleet of thousands is a hundred thousand values that hold no
cycle and that each poll replaces: to walk them costs more than a frame, and finds nothing.
"""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

LOOK_EVERY_MS = 100
MANY = 3_000
"""Of so many new values at once nobody made cycles by hand: they came from the engine, and are set aside unread."""
QUIET_S, LATEST_S = 600.0, 3600.0
"""Everything is walked when nobody works in the window and that long has passed, or after the second of the two in any case."""


class GarbageOnThisThread(QObject):
    """While it lives, automatic collection is off and new values are looked at ten times a second. *Thread:* the window's."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_on = gc.isenabled()
        self._walked_s = time.monotonic()
        gc.disable()
        gc.freeze()  # what start-up made stays: there is no need to walk it again
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._on_turn)
        self._timer.start(LOOK_EVERY_MS)

    def stop(self) -> None:
        self._timer.stop()
        gc.unfreeze()
        if self._was_on:
            gc.enable()

    def _on_turn(self) -> None:
        since_s = time.monotonic() - self._walked_s
        if since_s > LATEST_S or (since_s > QUIET_S and not _somebody_works_here()):
            self._walked_s = time.monotonic()
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            return
        # Not `get_count`: it goes down by each old value that dies, and says nothing where a fleet replaces another.
        young = len(gc.get_objects(generation=0))
        if young > MANY:
            gc.freeze()
        elif young > gc.get_threshold()[0]:
            gc.collect(1)  # what lives on is old at once, so that each value is looked at once


def _somebody_works_here() -> bool:
    return QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive

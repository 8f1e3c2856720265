"""Python's cycle collector on the window's thread only: no widget is destroyed by whatever thread happens to allocate."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

LOOK_EVERY_MS = 1000


class GarbageOnThisThread(QObject):
    """While it lives, automatic collection is off and each generation is collected here when it is due. *Thread:* the window's."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_on = gc.isenabled()
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
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if thresholds[generation] and counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return

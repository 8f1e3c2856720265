"""Cycles are collected on the window's thread, and only there."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from mlcontrol.gui.garbage import GarbageOnThisThread


class Knot:
    """Something that only the cycle collector can free."""

    def __init__(self, freed_on: list[str]) -> None:
        self.self = self
        self.freed_on = freed_on

    def __del__(self) -> None:
        self.freed_on.append(threading.current_thread().name)


def test_a_cycle_dies_on_this_thread_although_another_allocates(qapp: Any, qtbot: Any) -> None:
    freed_on: list[str] = []
    keeper = GarbageOnThisThread()
    try:
        knot = Knot(freed_on)
        gone = weakref.ref(knot)
        del knot
        allocating = threading.Thread(target=lambda: [[] for _ in range(50_000)] and None)
        allocating.start()
        allocating.join()
        assert gone() is not None, "the other thread did not collect it"
        kept = [[] for _ in range(5_000)]
        qtbot.waitUntil(lambda: gone() is None, timeout=5000)
        assert freed_on == [threading.current_thread().name]
        assert kept
    finally:
        keeper.stop()
    assert gc.isenabled()

"""Cycles are collected on the window's thread, and only there."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from mlcontrol.gui import garbage
from mlcontrol.gui.garbage import GarbageOnThisThread


class Knot:
    """Something that only the cycle collector can free."""

    def __init__(self, freed_on: list[str]) -> None:
        self.self = self
        self.freed_on = freed_on

    def __del__(self) -> None:
        self.freed_on.append(threading.current_thread().name)


@pytest.fixture
def keeper(qapp: Any) -> Iterator[GarbageOnThisThread]:
    made = GarbageOnThisThread()
    yield made
    made.stop()
    assert gc.isenabled()


def test_a_cycle_dies_on_this_thread_although_another_allocates(keeper: GarbageOnThisThread, qtbot: Any) -> None:
    freed_on: list[str] = []
    knot = Knot(freed_on)
    gone = weakref.ref(knot)
    del knot
    allocating = threading.Thread(target=lambda: [[] for _ in range(50_000)] and None)
    allocating.start()
    allocating.join()
    assert gone() is not None, "the other thread did not collect it"
    kept = [[] for _ in range(1_500)]
    qtbot.waitUntil(lambda: gone() is None, timeout=5000)
    assert freed_on == [threading.current_thread().name]
    assert kept


def walked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values each later collection has to walk."""
    sizes: list[int] = []
    collect = gc.collect

    def watched(generation: int = 2) -> int:
        sizes.append(sum(len(gc.get_objects(generation=young)) for young in range(generation + 1)))
        return collect(generation)

    monkeypatch.setattr(garbage.gc, "collect", watched)
    return sizes


def test_a_fleet_of_thousands_is_not_walked_at_each_poll(
    keeper: GarbageOnThisThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = walked(monkeypatch)
    kept: list[list[int]] = []
    for _ in range(5):
        kept = [[] for _ in range(50_000)]  # it replaces the one before, which dies meanwhile
        keeper._on_turn()
    more = [[] for _ in range(1_000)]
    keeper._on_turn()
    assert len(kept) + len(more) == 51_000
    assert max(sizes, default=0) < garbage.MANY


def test_all_is_walked_while_nobody_works_here(keeper: GarbageOnThisThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle that came among many values is set aside with them, and found later."""
    freed_on: list[str] = []
    knot, kept = Knot(freed_on), [[] for _ in range(2 * garbage.MANY)]
    keeper._on_turn()
    del knot
    monkeypatch.setattr(garbage, "QUIET_S", 0.0)
    monkeypatch.setattr(garbage, "_somebody_works_here", lambda: True)
    keeper._on_turn()
    assert freed_on == []
    monkeypatch.setattr(garbage, "_somebody_works_here", lambda: False)
    keeper._on_turn()
    assert freed_on == [threading.current_thread().name]
    assert kept
    last = Knot(freed_on)
    keeper._on_turn()
    del last
    monkeypatch.setattr(garbage, "_somebody_works_here", lambda: True)
    monkeypatch.setattr(garbage, "LATEST_S", 0.0)
    keeper._on_turn()
    assert len(freed_on) == 2, "in the end nobody is waited for"

"""Clocks that jump: order and ages do not move with them (rows 18 to 20)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mlcontrol.core.freshness import freshness
from mlcontrol.core.lease import LeaseTakenError
from mlcontrol.core.types import Freshness, Stamp
from mlcontrol.gui.viewmodels.phrases import clock_text
from mlcontrol.gui.viewmodels.time_axis import ticks
from mlcontrol.store.store import Store
from tests.store.conftest import PostgresServer


class JumpingClock:
    """The wall clock of a machine whose time is set while the panel runs; the monotonic one is the real."""

    def __init__(self) -> None:
        self.off_s = 0.0
        self._seq = 0

    def utc_s(self) -> float:
        return time.time() + self.off_s

    def mono_s(self) -> float:
        return time.monotonic()

    def stamp(self) -> Stamp:
        self._seq += 1
        return Stamp(self.utc_s(), self.mono_s(), self._seq)


@pytest.mark.parametrize("jump_s", [3 * 86_400.0, -3 * 86_400.0, 90.0, -90.0])
def test_rows_keep_their_order_and_the_chain_holds_over_a_jump(tmp_path: Path, jump_s: float) -> None:
    """Fault 18: the clock jumps by days."""
    clock = JumpingClock()
    store = Store.open("sqlite:///panel.db", tmp_path, clock, tmp_path / "heads")  # type: ignore[arg-type]
    try:
        for n in range(6):
            clock.off_s = jump_s * (n % 2)
            store.audit.append("ann", "note.added", {"n": n})
        assert [row.seq for row in store.audit.rows(None, 10)] == [6, 5, 4, 3, 2, 1]
        assert store.audit.verify().ok
    finally:
        store.close()


@pytest.mark.parametrize("jump_s", [3 * 86_400.0, -3 * 86_400.0])
def test_an_age_is_of_the_monotonic_clock(jump_s: float) -> None:
    clock = JumpingClock()
    asked = clock.stamp()
    clock.off_s = jump_s
    assert freshness(asked, clock.mono_s(), 5.0) is Freshness.FRESH
    late = Stamp(clock.utc_s(), clock.mono_s() - 60, 2)
    assert freshness(late, clock.mono_s(), 5.0) is Freshness.UNKNOWN  # whatever the wall clock says


def test_twin_an_age_of_the_wall_clock_would_be_wrong() -> None:
    clock = JumpingClock()
    asked = clock.stamp()
    clock.off_s = -3 * 86_400.0
    wrong = Stamp(asked.utc_s, asked.utc_s, asked.seq)
    assert freshness(wrong, clock.utc_s() + 4 * 86_400, 5.0) is not Freshness.FRESH


@pytest.mark.parametrize("jump_s", [3 * 86_400.0, -3 * 86_400.0, 90.0, -90.0])
def test_a_lease_is_neither_lost_nor_eternal_because_the_clock_was_set(tmp_path: Path, jump_s: float) -> None:
    """Fault 18: who holds a target holds it on, for the other, too, and its age is what has really passed."""
    clock = JumpingClock()
    store = Store.open("sqlite:///panel.db", tmp_path, clock, tmp_path / "heads")  # type: ignore[arg-type]
    try:
        lease = store.leases.acquire(("digits",), "digits", "op-1", "ann", "deploy of v3")
        clock.off_s = jump_s
        assert store.leases.check(lease) == ""
        with pytest.raises(LeaseTakenError) as told:
            store.leases.acquire(("digits",), "digits", "op-2", "bob", "deploy of v4")
        assert 0.0 <= told.value.holder.age_s < 60.0
    finally:
        store.close()


def test_twin_a_lease_by_the_wall_clock_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = JumpingClock()
    monkeypatch.setattr(clock, "mono_s", clock.utc_s)
    store = Store.open("sqlite:///panel.db", tmp_path, clock, tmp_path / "heads")  # type: ignore[arg-type]
    try:
        store.leases.acquire(("digits",), "digits", "op-1", "ann", "deploy of v3")
        clock.off_s = 3 * 86_400.0
        store.leases.acquire(("digits",), "digits", "op-2", "bob", "deploy of v4")
    finally:
        store.close()


@pytest.mark.real
@pytest.mark.parametrize("off_s", [3 * 86_400.0, -90.0])
def test_the_clock_of_a_shared_store_is_held_against_ours(
    postgres: PostgresServer, tmp_path: Path, off_s: float
) -> None:
    """Fault 18: ours is set, the server's goes on."""
    clock = JumpingClock()
    store = Store.open(postgres.new_database(), tmp_path, clock, tmp_path / "heads")  # type: ignore[arg-type]
    try:
        agreed = store.clock_off()
        clock.off_s = off_s
        off = store.clock_off()
        assert agreed is not None
        assert off is not None
        assert agreed.ahead_s == 0.0
        assert off.low_s <= -off_s <= off.high_s
    finally:
        store.close()


def test_a_store_in_a_file_has_no_clock_of_its_own(tmp_path: Path) -> None:
    store = Store.open("sqlite:///panel.db", tmp_path, JumpingClock(), tmp_path / "heads")  # type: ignore[arg-type]
    try:
        assert store.clock_off() is None
    finally:
        store.close()


NIGHTS = (1774742400.0, 1792886400.0, 1835395200.0)  # both changes of summer time in Europe, and a leap day
AXES = """
from mlcontrol.gui.viewmodels.time_axis import ticks
print([[words for _at, words in ticks(since, since + 6 * 3600, 8)] for since in NIGHTS])
"""


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_an_hour_that_the_zone_has_twice_or_not_at_all_is_there_once(zone: str) -> None:
    """Fault 20. Shown in UTC, whatever the machine's zone is."""
    here = [[text for _at, text in ticks(since, since + 6 * 3600, 8)] for since in NIGHTS]
    ran = subprocess.run(
        [sys.executable, "-c", AXES.replace("NIGHTS", repr(NIGHTS))],
        env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == repr(here)
    assert all(len(words) == len(set(words)) >= 3 for words in here)
    assert clock_text(0.0) == "00:00:00"


def test_twin_in_the_zone_of_the_machine_an_hour_would_be_there_twice() -> None:
    """Autumn in Berlin: from 2 to 3 o'clock comes twice."""
    since = int(NIGHTS[1]) - 2 * 3600  # 22:00 UTC on the eve of the change
    hours = [datetime.fromtimestamp(since + 3600 * n, ZoneInfo("Europe/Berlin")).strftime("%H:%M") for n in range(6)]
    assert len(hours) != len(set(hours))
    assert len({clock_text(since + 3600.0 * n) for n in range(6)}) == 6

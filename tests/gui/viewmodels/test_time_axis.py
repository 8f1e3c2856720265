"""The axis is in UTC whatever the machine's zone; no hour is missing or twice where clocks are changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mlcontrol.gui.viewmodels.time_axis import ticks


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2028-02-29", "2026-11-01"])
def test_every_hour_once_on_days_when_clocks_change(zone: str, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 20: an hour is there twice, or not at all."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = ticks(at(f"{day}T00:30:00"), at(f"{day}T23:30:00"), 30)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [words for _, words in found] == [f"{hour:02}:00" for hour in range(1, 24)]
    assert [moment for moment, _ in found] == [at(f"{day}T{hour:02}:00:00") for hour in range(1, 24)]


def test_a_leap_day_has_its_name() -> None:
    found = [words for _, words in ticks(at("2028-02-27T00:00:00"), at("2028-03-02T00:00:00"), 6)]
    assert found == ["27 Feb", "28 Feb", "29 Feb", "01 Mar", "02 Mar"]

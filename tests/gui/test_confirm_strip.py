"""Hold, then a time to call it off: neither may be cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.gui.widgets import confirm_strip
from mlcontrol.gui.widgets.confirm_strip import ConfirmStrip


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(confirm_strip, "time", made)
    return made


@pytest.fixture
def strip(qtbot: Any, clock: Clock) -> Iterator[ConfirmStrip]:
    made = ConfirmStrip()
    qtbot.addWidget(made)
    made.fired = 0  # type: ignore[attr-defined]

    def count() -> None:
        made.fired += 1  # type: ignore[attr-defined]

    made.confirmed.connect(count)
    made.offer("Roll back to v2", hold=True, cancel_s=3.0)
    yield made
    made.call_off()


def later(strip: ConfirmStrip, clock: Clock, seconds: float) -> None:
    clock.now_s += seconds
    strip._on_tick()


def test_it_fires_after_the_hold_and_the_whole_countdown(strip: Any, clock: Clock) -> None:
    strip.press()
    later(strip, clock, 0.9)
    assert not strip.counting
    later(strip, clock, 0.2)
    assert strip.counting
    strip.release()
    later(strip, clock, 2.9)
    assert strip.fired == 0
    later(strip, clock, 0.2)
    assert strip.fired == 1
    assert not strip.counting


def test_letting_go_early_or_calling_off_does_nothing(strip: Any, clock: Clock) -> None:
    strip.press()
    later(strip, clock, 0.5)
    strip.release()
    later(strip, clock, 5)
    assert strip.fired == 0
    strip.press()
    later(strip, clock, 1.1)
    assert strip.call_off()
    later(strip, clock, 5)
    assert strip.fired == 0


def test_a_refusal_that_arrives_meanwhile_stops_the_countdown(strip: Any, clock: Clock) -> None:
    strip.press()
    later(strip, clock, 1.1)
    strip.offer("Roll back to v2", hold=True, cancel_s=3.0, refusal="the engine does not answer")
    later(strip, clock, 5)
    assert strip.fired == 0
    assert strip.accessibleName() == "Roll back to v2: the engine does not answer"


def test_a_key_that_repeats_is_one_press(strip: Any, clock: Clock, qtbot: Any) -> None:
    strip.offer("Deploy v3", hold=False)
    qtbot.keyClick(strip, Qt.Key.Key_Return)
    assert strip.fired == 1

"""What concerns every page stands above each of them, while it lasts."""

from __future__ import annotations

from typing import Any

from mlcontrol.core.clock_notice import clock_notice
from mlcontrol.engine import messages as m
from mlcontrol.gui.window import Window

BEHIND = clock_notice({"pager": 90.0, "registry": 91.0})


def test_clocks_that_differ_are_said_above_every_page_and_no_longer_than_they_do(
    window: Any, engine: Any, qtbot: Any
) -> None:
    """Fault 18: the banner, from the engine's word to the screen."""
    assert BEHIND is not None
    assert not window.notice.isVisible()
    engine.say(m.ClockChanged(notice=BEHIND))
    qtbot.waitUntil(window.notice.isVisible)
    assert "behind all 2" in window.notice.accessibleName()
    for page in ("fleet", "timeline", "alerts"):
        window.open_page(page)
        assert window.notice.isVisible()
        assert window.notice.fact.width() >= window.notice.fact.sizeHint().width()
    engine.say(m.ClockChanged(notice=None))
    qtbot.waitUntil(lambda: not window.notice.isVisible())


def test_a_window_that_opens_later_says_it_too(bridge: Any, engine: Any, window: Any, qtbot: Any) -> None:
    engine.say(m.ClockChanged(notice=BEHIND))
    qtbot.waitUntil(lambda: bridge.state.clock is not None)
    other = Window(bridge)
    qtbot.addWidget(other)
    assert not other.notice.isHidden()
    alone = Window(bridge, "reviews", alone=True)
    qtbot.addWidget(alone)
    assert alone.notice.isHidden(), "who only judges can do nothing about it"

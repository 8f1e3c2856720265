"""The world at a moment follows from the events alone; where they are silent it is not known."""

from __future__ import annotations

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.core.world import differences, intended_at, served_at, world_at


def event(at: float, kind: EventKind, title: str = "", **more: object) -> TimelineEvent:
    return TimelineEvent(f"{kind}-{at}", at, kind, title or kind.value, "s", **more)  # type: ignore[arg-type]


EVENTS = (
    event(300, EventKind.ROLLBACK, version_from="3", version_to="2"),
    event(100, EventKind.DEPLOY, version_from="2", version_to="3"),
    event(90, EventKind.ALIAS, version_from="2", version_to="3"),
    event(150, EventKind.CONFIG, "limits of a41c9e"),
    event(200, EventKind.ALERT, "errors 6 %", severity=Health.CRITICAL),
    event(310, EventKind.ALERT, "errors are back", severity=Health.OK),
)


def test_each_moment_has_its_own_answer() -> None:
    assert [served_at(EVENTS, at, "9") for at in (50, 100, 299, 300)] == ["2", "3", "3", "2"]
    assert [intended_at(EVENTS, at, "9") for at in (50, 95, 400)] == ["2", "3", "3"]
    world = {a.name: (a.words, a.since_s) for a in world_at(EVENTS, 250)}
    assert world == {
        "used": ("3", 100), "intended": ("3", 90), "config": ("limits of a41c9e", 150), "trouble": ("errors 6 %", 200),
    }  # fmt: skip
    assert "trouble" not in {a.name for a in world_at(EVENTS, 320)}, "it had ended"


def test_an_alert_that_ends_leaves_another_that_still_fires() -> None:
    def alert(name: str, at: float, over: bool = False) -> TimelineEvent:
        state, severity = ("resolved", Health.OK) if over else ("firing", Health.WARNING)
        return TimelineEvent(f"alert-s/{name}@1-{state}", at, EventKind.ALERT, name, "s", severity=severity)

    events = (alert("use", 10), alert("presence", 20), alert("presence", 30, over=True), alert("use", 50, over=True))
    trouble = [next((a for a in world_at(events, at) if a.name == "trouble"), None) for at in (15, 25, 35, 60)]
    assert [t.words if t else None for t in trouble] == ["use", "presence and 1 more", "use", None]


def test_silence_is_not_an_answer() -> None:
    assert [a.words for a in world_at((), 10)] == [None, None]
    assert served_at((), 10, "4") == "4", "nothing moved since, as far as anybody told"
    assert served_at((event(5, EventKind.NOTE),), 10, None) is None


def test_what_differs_comes_first_and_what_neither_knows_is_left_out() -> None:
    found = differences(EVENTS, 95, 250)
    assert [(d.name, d.first, d.second, d.differs) for d in found] == [
        ("used", "2", "3", True), ("config", None, "limits of a41c9e", True), ("trouble", None, "errors 6 %", True),
        ("intended", "3", "3", False),
    ]  # fmt: skip
    assert differences((), 1, 2) == ()

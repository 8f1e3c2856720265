"""The end of a change of the data is told as its end; and of an incident it is said by what came since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.incidents.data_tick import DataLook, data_tick
from mlcontrol.core.incidents.recovery import proven
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import EventKind, Freshness, Health, ServiceState, Signal, Stamp, TimelineEvent
from mlcontrol.services import data_endings
from mlcontrol.services.data_back import Place, calm, worth
from mlcontrol.services.data_endings import Endings
from mlcontrol.services.incidents import data_again
from mlcontrol.services.incidents.data_again import DataAgain, data_change
from tests.services.test_collect_data import T, World

pytestmark = pytest.mark.timeout(400)  # many looks at a log in a row: a busy machine takes minutes over them

PER_S = 8
OTHER = 3.0


def write(world: World, since_s: float, until_s: float, south: float = 0.0) -> None:
    world.write(since_s, until_s, round(PER_S * (until_s - since_s)), south)


def looked(tmp_path: Path, drift_s: float, after_s: float, **data: str) -> list[TimelineEvent]:
    """What is told of a region whose inputs change a minute from now, for so long, and are then as before."""
    world = World(tmp_path, **data)
    world.reader.read()
    write(world, T - 540, T + 60)
    write(world, T + 60, T + 60 + drift_s, OTHER)
    write(world, T + 60 + drift_s, T + 60 + drift_s + after_s)
    for _ in range(round((drift_s + after_s) / 60)):
        world.look()
    return world.told()


def test_the_end_of_a_drift_is_told_once_as_its_end(tmp_path: Path) -> None:
    began, *_, ended = told = looked(tmp_path, 180.0, 240.0)
    assert [event.severity for event in told].count(Health.OK) == 1
    assert began.title.startswith("The data changed: x in region s")
    assert (began.severity, ended.severity) == (Health.WARNING, Health.OK)
    assert ended.title.startswith("The data is as before again: x in region s")
    assert T + 240 < ended.at_s <= T + 480
    assert ended.kind is EventKind.DATA


LONG = {"window": "3m"}
"""What was told is told again after six minutes: a drift that lasts longer ends with a change that would be news."""


def test_the_way_back_from_a_long_drift_is_no_change_of_its_own(tmp_path: Path) -> None:
    told = looked(tmp_path, 420.0, 240.0, **LONG)
    after = [event.title.partition(":")[0] for event in told if event.at_s > T + 420]
    assert after == ["The data is as before again"]


def test_twin_without_what_came_before_the_end_is_told_as_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endings, "going_back", lambda *_: False)
    monkeypatch.setattr(data_endings, "LOOKS", 1000)
    told = looked(tmp_path, 420.0, 240.0, **LONG)
    after = [event.title.partition(":")[0] for event in told if event.at_s > T + 420]
    assert "The data changed" in after
    assert "The data is as before again" not in after


def test_a_log_that_is_young_still_tells_of_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    service = ServiceSettings("s", predictions="log", prediction="y")
    write(world, T - 40, T + 60)
    assert [len(calm(world.log, service, 900.0, T + at_s, 5.0)) for at_s in (0.0, 40.0, 190.0)] == [160, 160, 800]


@pytest.fixture
def again(tmp_path: Path) -> tuple[World, DataAgain, TimelineEvent]:
    """A service whose inputs changed in one region at `T`, noticed as the watch dates it."""
    world = World(tmp_path)
    write(world, T - 1500, T)
    write(world, T, T + 120, OTHER)
    seen = ServiceState(
        "s", data=Signal(Health.WARNING, "x changed", freshness=Freshness.FRESH, at=Stamp(T + 110, 0, 1))
    )
    service = ServiceSettings("s", predictions="log", prediction="y")
    known = SimpleNamespace(services={"s": seen})
    ctx: Any = SimpleNamespace(
        clock=world.clock,
        predictions=lambda _name: world.log,
        settings=SimpleNamespace(services={"s": service}),
        state=lambda: known,
    )
    change = TimelineEvent("data-s", T + 20, EventKind.DATA, "The data changed: x", "s", severity=Health.WARNING)
    world.clock.advance(120.0)
    return world, DataAgain(ctx), change


def test_data_is_looked_at_again_and_only_what_came_since_counts(again: tuple[World, DataAgain, TimelineEvent]) -> None:
    world, data, change = again
    since_s = T + 120
    assert "nobody has asked since" in data.look("a", "s", change, since_s).why
    write(world, since_s, since_s + 30, OTHER)
    world.clock.advance(30.0)
    still = data.look("a", "s", change, since_s)
    assert not still.back
    assert any("x in region s" in words for words in (*still.differ, *still.few))
    later = since_s + 30
    assert data.look("b", "s", change, later).why == "nobody has asked since"
    write(world, later, later + 6)
    world.clock.advance(6.0)
    few = data.look("b", "s", change, later)
    assert (few.differ, few.back) == ((), False)
    assert any("x in region s (" in words for words in few.few), "a quarter of eight a second is too few by now"
    write(world, later + 6, later + 60)
    world.clock.advance(54.0)
    well = data.look("b", "s", change, later)
    assert well.back, well
    assert "x in region s" in well.places


def test_what_still_differs_is_not_back_however_much_came(again: tuple[World, DataAgain, TimelineEvent]) -> None:
    world, data, change = again
    write(world, T + 120, T + 240, OTHER)
    world.clock.advance(120.0)
    found = data.look("a", "s", change, T + 120)
    assert any(words.startswith("x in region s") for words in found.differ)
    assert not found.back


def test_twin_without_a_comparison_the_same_rows_would_be_well(
    again: tuple[World, DataAgain, TimelineEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, data, change = again
    write(world, T + 120, T + 240, OTHER)
    world.clock.advance(120.0)
    monkeypatch.setattr(data_again, "look_again", lambda *_: SimpleNamespace(differ=(), few=()))
    assert data.look("a", "s", change, T + 120).back


def test_a_change_that_few_rows_do_not_show_is_left_to_the_watch(again: tuple[World, DataAgain, TimelineEvent]) -> None:
    world, data, _ = again
    early = TimelineEvent("data-s", T - 700, EventKind.DATA, "The data changed: x", "s", severity=Health.WARNING)
    assert data.look("a", "s", early, T - 300).differ == ("x changed",), "it warns since"
    data._ctx.state().services["s"] = ServiceState("s")
    world.clock.advance(10.0)
    assert data.look("a", "s", early, T - 300).why == "its watch has not looked since"


def test_a_service_without_a_log_cannot_be_proven() -> None:
    ctx: Any = SimpleNamespace(
        clock=SimpleNamespace(utc_s=lambda: T), settings=SimpleNamespace(services={"s": ServiceSettings("s")})
    )
    change = TimelineEvent("d", T, EventKind.DATA, "The data changed: x", "s", severity=Health.WARNING)
    assert "no prediction log" in DataAgain(ctx).look("a", "s", change, T).why


def event(at_s: float, severity: Health = Health.WARNING, kind: EventKind = EventKind.DATA) -> TimelineEvent:
    return TimelineEvent(
        f"{kind.value}-{at_s}", at_s, kind, "The data changed: x", "s", source="prediction log", severity=severity
    )


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([], None),
        ([event(T)], T),
        ([event(T - 300), event(T)], T),
        ([event(T - 5000)], None),
        ([event(T + 5000)], None),
        ([event(T, kind=EventKind.ROUTE)], None),
        ([event(T - 400), event(T - 100, Health.OK)], None),  # over before it began
        ([event(T - 100), event(T + 200, Health.OK)], T - 100),  # over since: that must be looked at
    ],
)
def test_which_change_belongs_to_an_incident(events: list[TimelineEvent], found: float | None) -> None:
    change = data_change(events, "s", T, T + 1000)
    assert (None if change is None else change.at_s) == found
    assert data_change(events, "another", T, T + 1000) is None
    assert data_change([replace(event, source="pipeline") for event in events], "s", T, T + 1000) is None


FIVE = tuple(Tick(f"{i}", "", TickState.GREEN) for i in range(5))


@pytest.mark.parametrize(
    ("look", "by_itself", "after_a_way_back", "words"),
    [
        (DataLook(T + 9, why="the log is away"), TickState.RUNNING, TickState.RUNNING, "not looked at again yet"),
        (DataLook(T + 9, 50, ("x",), few=("x (9 of 60)",)), TickState.RUNNING, TickState.RUNNING, "too few answers"),
        (DataLook(T + 9, 500, ("x",), differ=("x (mean 0, 3)",)), TickState.RUNNING, TickState.UNKNOWN, "still differ"),
        (DataLook(T + 9, 500, ("x",)), TickState.GREEN, TickState.GREEN, "500 answers since are as before in x"),
    ],
)
def test_the_data_is_looked_at_again_beside_the_proof_and_holds_it_up_never(
    look: DataLook, by_itself: TickState, after_a_way_back: TickState, words: str
) -> None:
    said, back = data_tick(look, T), data_tick(look, T, "2")
    assert (said.state, back.state) == (by_itself, after_a_way_back)
    assert words in said.evidence
    assert proven((*FIVE, said))
    assert proven((*FIVE, back))
    if back.state is TickState.UNKNOWN:
        assert back.evidence == "v2 is back; the inputs still differ, which no version changes: x (mean 0, 3)"


def test_of_large_changes_the_small_ones_beside_are_not_waited_for() -> None:
    large, small = Place("x", "distribution", "", 0.8), Place("y", "distribution", "", 0.1)
    assert worth([small, large]) == (large,)
    assert worth([small]) == (small,)
    assert (large.half, large.rows) == (0.4, 20)
    assert small.rows == 441
    assert Place("x", "out_of_range", "", 0.02).rows == 800

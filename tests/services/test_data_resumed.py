"""A change of the data that was open when the engine ended is known again by the next one, or is said to be unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services import collect_data
from mlcontrol.services.collect_data import DataReader
from mlcontrol.services.data_events import changed_event, open_changes, over_event, unknown_event
from mlcontrol.store.store import Store
from tests.services.test_collect_data import T, World
from tests.services.test_data_endings import OTHER, write

pytestmark = pytest.mark.timeout(400)  # many looks at a log in a row: a busy machine takes minutes over them


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Whose engine keeps its timeline in a store, as the hub does."""
    made = World(tmp_path)
    store = Store.open("sqlite:///panel.db", tmp_path, made.clock)
    ctx = made.reader.asking.ctx
    ctx.store = store  # type: ignore[misc]

    def emit(*events: TimelineEvent) -> None:
        made.emitted.extend(events)
        store.timeline.append(events)

    ctx.emit = emit  # type: ignore[method-assign]
    yield made
    store.close()


def drifted(world: World) -> None:
    """A region's inputs change, which is told; then the engine ends, and the next one begins."""
    world.reader.read()
    write(world, T - 540, T + 60)
    write(world, T + 60, T + 240, OTHER)
    while not world.told():
        assert world.clock.utc_s() < T + 240, "the change was never told"
        world.look()
    again(world)


def again(world: World) -> None:
    world.reader = DataReader(world.reader.asking, world.reader.service)
    world.reader.read()


def told_after(world: World, since_s: float, looks: int) -> list[tuple[str, Health]]:
    before = len(world.told())
    for _ in range(looks):
        world.look()
    return [(event.title, event.severity) for event in world.told()[before:]]


def test_its_end_is_told_after_a_restart_and_once(world: World) -> None:
    drifted(world)
    write(world, T + 240, T + 600)
    told = told_after(world, T + 240, 6)
    assert [severity for _, severity in told] == [Health.OK]
    assert told[0][0].startswith("The data is as before again: x in region s")
    assert open_changes("s", world.told()) == ()
    again(world)
    assert told_after(world, T + 600, 1) == []


def test_while_it_lasts_it_is_not_told_anew_and_stays_open(world: World) -> None:
    drifted(world)
    write(world, T + 240, T + 420, OTHER)
    assert told_after(world, T + 240, 3) == []
    assert len(open_changes("s", world.told())) == 1


def test_where_the_log_does_not_show_it_any_more_that_is_said_once(world: World) -> None:
    drifted(world)
    for file in (world.folder / "p" / "s").iterdir():
        file.unlink()
    write(world, T + 240, T + 600)
    assert told_after(world, T + 240, 3) == [
        ("Whether the data is as before again is not known: x in region s", Health.UNKNOWN)
    ]
    assert open_changes("s", world.told()) == ()
    again(world)
    assert told_after(world, T + 600, 2) == []
    assert {event.kind for event in world.told() if event.severity is Health.UNKNOWN} == {EventKind.ENGINE}


def test_a_log_that_is_away_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drifted(world)
    asked: list[str] = []
    kept = world.reader._endings.resume

    def away(*_: object) -> tuple[()]:
        asked.append("away")
        raise ValueError("the log is away")

    monkeypatch.setattr(type(world.reader._endings), "resume", away)
    write(world, T + 240, T + 600)
    assert told_after(world, T + 240, 1) == []
    assert asked == ["away"]
    monkeypatch.setattr(type(world.reader._endings), "resume", lambda _self, *rest: kept(*rest))
    assert [severity for _, severity in told_after(world, T + 300, 5)] == [Health.OK]


def test_twin_without_it_the_change_would_be_open_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drifted(world)
    monkeypatch.setattr(collect_data, "open_changes", lambda *_: ())
    write(world, T + 240, T + 600)
    assert Health.OK not in [severity for _, severity in told_after(world, T + 240, 6)]
    assert len(open_changes("s", world.told())) >= 1


AGAINST = "x, against the minutes before: mean 0, 3."


def test_which_changes_are_open_is_read_from_the_timeline() -> None:
    """Two that overlap: the end of the older one leaves the newer one open."""
    older = changed_event("s", T + 100, T + 40, ("x in region s",), AGAINST)
    newer = changed_event("s", T + 200, T + 140, ("y",), AGAINST)
    of_training = changed_event("s", T + 300, T - 100, ("z",), "z, against training: mean 0, 3.")
    another = changed_event("s-2", T + 100, T + 40, ("x",), AGAINST)
    events = [newer, older, of_training, another]
    both = open_changes("s", events)
    assert [(one.name, one.began_s, one.told_s, one.where) for one in both] == [
        (older.id, T + 40, T + 100, "x in region s"), (newer.id, T + 140, T + 200, "y"),
    ]  # fmt: skip
    events.append(over_event("s", T + 400, ("x in region s",), (older.id,)))
    assert [one.name for one in open_changes("s", events)] == [newer.id]
    events.append(unknown_event("s", T + 500, both[1]))
    assert open_changes("s", events) == ()
    together = over_event("s", T + 400, ("x in region s", "y"), (older.id, newer.id))
    assert open_changes("s", [older, newer, together]) == ()

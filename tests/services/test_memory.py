"""What the store remembers of a service is seen soon in any fleet, and costs a large one next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.services.memory import READ_EVERY_S, Memory
from mlcontrol.store.store import Store
from mlcontrol.testing.clock import FakeClock

MOVED_S = 1_799_999_990.0
SERVICES = tuple(f"s{i}" for i in range(2000))


@dataclass
class Ctx:
    store: Store
    clock: FakeClock

    @property
    def settings(self) -> Any:
        return SimpleNamespace(services=dict.fromkeys(SERVICES))


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Ctx]:
    clock = FakeClock()
    store = Store.open("sqlite:///panel.db", tmp_path, clock)
    yield Ctx(store, clock)
    store.close()


def test_two_thousand_services_of_which_nothing_is_remembered_are_not_asked_for_one_by_one(ctx: Ctx) -> None:
    memory = Memory(ctx)  # type: ignore[arg-type]
    asked: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        for _ in range(3):
            for service in SERVICES:
                memory.of(service)
            ctx.clock.advance(READ_EVERY_S)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    assert 0 < len(asked) <= 3 * 12


@pytest.mark.parametrize(
    ("happen", "seen"),
    [
        (lambda s: s.knowledge.mark_known_good("s7", "3"), lambda r: r.known_good == ("3",)),
        (lambda s: s.knowledge.quarantine("s7", "4", "slow", "ana"), lambda r: r.quarantined == {"4": "slow"}),
        (lambda s: s.knowledge.record_seconds("s7", "load", 2.0), lambda r: r.measured == {"load": 2.0}),
        (
            lambda s: s.timeline.append(
                [TimelineEvent("r", MOVED_S, EventKind.ROUTE, "moved", "s7", version_from="2")]
            ),
            lambda r: r.seen == ("2",),
        ),
    ],
)
def test_what_changes_is_seen_at_the_next_look_in_a_large_fleet_too(
    ctx: Ctx, happen: Callable[[Store], None], seen: Callable[[Any], bool]
) -> None:
    memory = Memory(ctx)  # type: ignore[arg-type]
    assert not seen(memory.of("s7"))
    happen(ctx.store)
    ctx.clock.advance(READ_EVERY_S)
    assert seen(memory.of("s7"))
    assert not seen(memory.of("s8"))


def test_what_is_lifted_is_gone_at_the_next_look(ctx: Ctx) -> None:
    memory = Memory(ctx)  # type: ignore[arg-type]
    ctx.store.knowledge.quarantine("s7", "4", "slow", "ana")
    assert memory.of("s7").quarantined == {"4": "slow"}
    ctx.store.knowledge.lift("s7", "4")
    ctx.clock.advance(READ_EVERY_S)
    assert memory.of("s7").quarantined == {}

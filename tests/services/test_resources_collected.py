"""Resources of a service that the collector reads: from its scrapes to its state, and no longer than it names the source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlcontrol.core.types import Health
from mlcontrol.ports.metrics import Reading
from tests.services.collected_world import Bench, World


class Measured(World):
    memory: float = 2e9

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        self.answered["2"] += 600.0
        return (*super().readings(deadline_s), Reading("memory_bytes", self.memory, False))


@pytest.fixture
def context() -> Any:
    made = Bench()
    made.world = Measured()
    yield made
    made.collector.close()


def test_memory_that_jumps_is_in_the_state_of_the_service(context: Bench) -> None:
    """A reading a minute; two and a half hours of them."""
    world: Any = context.world
    assert context.poll().resources.text == "usual not known yet"
    for minute in range(150):
        world.memory = 2e9 + 1e7 * (minute * 7 % 11)
        found = context.poll(60.0)
    context.collector._loads.read_pasts()
    found = context.poll(60.0)
    assert (found.resources.health, found.resources.text) == (Health.OK, "as usual")
    assert found.use.health is Health.OK
    for _ in range(6):
        world.memory = 4e9
        found = context.poll(60.0)
    assert (found.resources.health, found.use.health) == (Health.WARNING, Health.WARNING)
    assert found.use.text == found.resources.text
    assert found.use_of_callers.health is Health.OK
    world.frozen.add("metrics")
    for _ in range(10):
        found = context.poll(60.0)
    assert found.resources.health is Health.UNKNOWN, "nobody hears it any more"


def test_a_source_that_no_service_names_is_watched_no_longer(context: Bench) -> None:
    for _ in range(3):
        context.poll(60.0)
    assert context.collector._loads.of(("metrics",))
    service = replace(context.settings.services["digits"], metrics=())
    context.settings = replace(context.settings, services={"digits": service})
    context.collector.adopt()
    assert context.collector._loads.of(("metrics",)) == ()

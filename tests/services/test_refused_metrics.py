"""A metrics connection whose only question is refused is not "answering", however quickly the server says no."""

from __future__ import annotations

import pytest

from mlcontrol.core.types import ConnectionState, Health
from tests.services.collected_world import POLL_S, Bench


def metrics(bench: Bench) -> ConnectionState:
    found: ConnectionState = bench.hub.state().connections["metrics"]
    return found


def test_it_is_told_at_once_what_is_refused_and_no_probe_hides_it() -> None:
    bench = Bench()
    bench.poll()
    assert (metrics(bench).health, metrics(bench).text[:9]) == (Health.OK, "answering")
    bench.world.refusing = {"metrics"}
    bench.poll()
    told = metrics(bench)
    assert (told.health, told.text) == (Health.WARNING, "The metrics refused the query.")
    assert "unclosed bracket" in told.why
    assert told.next == "Look at its selector."
    for _ in range(20):  # more than a minute: its probe comes round
        bench.poll()
        assert metrics(bench).health is Health.WARNING
    bench.world.refusing = set()
    bench.poll()
    assert metrics(bench).health is Health.OK


def test_from_the_first_poll_on() -> None:
    bench = Bench()
    bench.world.refusing = {"metrics"}
    bench.poll()
    assert (metrics(bench).health, metrics(bench).text) == (Health.WARNING, "The metrics refused the query.")


@pytest.mark.parametrize("part", ["registry", "serving", "router"])
def test_a_no_of_others_is_an_answer_of_theirs(part: str) -> None:
    """A registry without that alias, an endpoint that takes no such input: the rest of what they are asked is answered."""
    bench = Bench()
    bench.poll()
    bench.world.refusing = {part}
    bench.poll(POLL_S)
    assert bench.hub.state().connections[part].health is Health.OK

"""Recovery is proven fact by fact; nothing that no source tells ever turns green."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.incidents.counts import MONTH_S, Counts, impact
from mlcontrol.core.incidents.recovery import Golden, proven, recovered, ticks
from mlcontrol.core.incidents.tick import Tick, TickState, since_turned
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Freshness, ServiceState, Stamp, VersionFact

DONE = (
    Step("assume", "", StepState.DONE, ended_s=1000.5),
    Step("route", "", StepState.DONE, ended_s=1001.0),
    Step("verify", "", StepState.DONE, "v2 answered 5 of 5 golden queries", ended_s=1002.0),
)
BACK = Operation(
    "op", OperationKind.ROLLBACK, "digits", "3", "2", "ann", "errors", "", Phase.DONE, DONE, 1000.0, 1003.0
)


def service(version: str = "2", at_s: float = 1006.0, **more: Any) -> ServiceState:
    used = VersionFact((version,), Freshness.FRESH, Stamp(at_s, at_s, 1), "router")
    return ServiceState("digits", used=used, traffic_by_version={version: 40.0}, **more)


def counts(*rows: tuple[float, float, float]) -> Counts:
    at, answers, failed = (
        (np.array(column, dtype=float) for column in zip(*rows, strict=True)) if rows else [np.empty(0)] * 3
    )
    return Counts(at, answers, failed)


GOOD = counts((995.0, 200.0, 40.0), (1005.0, 200.0, 0.0), (1010.0, 200.0, 1.0))
RIGHT = Golden(64, 64, 62, 1004.0)


def states(*, operation: Operation = BACK, state: ServiceState | None = None, seen: Counts = GOOD,
           golden: Golden | None = RIGHT, now_s: float = 1011.0) -> list[TickState]:  # fmt: skip
    found = ticks(operation, state or service(), seen, golden, 0.2, 0.01, now_s)
    assert [t.id for t in found] == ["accepted", "answering", "split", "errors", "golden"]
    return [t.state for t in found]


def test_all_five_turn_green_and_then_it_is_proven() -> None:
    found = ticks(BACK, service(), GOOD, RIGHT, 0.2, 0.01, 1011.0)
    assert [t.state for t in found] == [TickState.GREEN] * 5
    assert proven(found)
    assert found[2].evidence == "v2 answers 100 % of 40 a second"


def test_the_split_of_a_window_that_began_before_the_move_is_said_to_be_of_that_window() -> None:
    half = replace(service(), traffic_by_version={"2": 23.2, "3": 16.8})
    found = ticks(BACK, half, GOOD, RIGHT, 0.2, 0.01, 1011.0)[2]
    assert found.state is TickState.GREEN
    assert found.evidence == "only v2 is used now; of the last half minute's 40 a second it answered 58 %"


def test_they_turn_one_by_one() -> None:
    begun = replace(BACK, phase=Phase.RUNNING, steps=(Step("route", "Move the traffic", StepState.RUNNING),))
    assert states(operation=begun) == [TickState.RUNNING, *[TickState.WAITING] * 3, TickState.GREEN]
    moved = replace(BACK, phase=Phase.RUNNING, steps=DONE[:2])
    assert states(operation=moved, state=service(at_s=999.0))[:3] == [
        TickState.GREEN,
        TickState.RUNNING,
        TickState.WAITING,
    ]
    few = counts((995.0, 200.0, 40.0), (1005.0, 10.0, 0.0))
    assert states(seen=few)[3] is TickState.RUNNING


@pytest.mark.parametrize(
    "change",
    [
        {"state": ServiceState("digits", used=VersionFact(at=Stamp(1006.0, 1006.0, 1)))},
        {"seen": counts()},
    ],
    ids=["no counters of versions", "no counters of errors"],
)
def test_what_no_source_tells_is_unknown_and_nothing_is_proven(change: dict[str, Any]) -> None:
    arguments = {"operation": BACK, "state": service(), "seen": GOOD, "golden": RIGHT} | change
    found = ticks(arguments["operation"], arguments["state"], arguments["seen"], arguments["golden"], 0.2, 0.01, 1011.0)
    assert TickState.UNKNOWN in [t.state for t in found]
    assert not proven(found)


def test_errors_that_go_on_turn_red_with_the_next_thing_to_do() -> None:
    still = counts((995.0, 200.0, 40.0), *((1000.0 + 5 * i, 200.0, 40.0) for i in range(1, 30)))
    found = ticks(BACK, service(), still, RIGHT, 0.2, 0.01, 1140.0)
    assert found[3].state is TickState.RED
    assert "not this version" in found[3].next
    assert not proven(found)


def test_a_failed_way_back_is_red_at_once_with_its_cause() -> None:
    failed = replace(
        BACK, phase=Phase.FAILED, steps=(Step("route", "", StepState.FAILED),),
        problem=Problem("'router' refused to move.", "", "Use its socket by hand."),
    )  # fmt: skip
    first, *rest = ticks(failed, service("3"), GOOD, RIGHT, 0.2, 0.01, 1011.0)
    assert (first.state, first.evidence, first.next) == (
        TickState.RED, "'router' refused to move.", "Use its socket by hand."
    )  # fmt: skip
    assert all(t.state is not TickState.GREEN for t in rest[:3])


def test_a_golden_set_that_fails_is_red_and_none_at_all_is_said() -> None:
    assert states(golden=Golden(40, 64, 62, 1004.0))[4] is TickState.RED
    assert states(golden=None)[4] is TickState.UNKNOWN
    assert states(golden=Golden(64, 64, 62, 900.0))[4] is TickState.RUNNING  # of before


def test_looking_after_every_answer_seldom_calls_a_burning_service_recovered() -> None:
    """The level is always valid: of services that go on failing at the level, at most one in twenty is ever called recovered."""
    rng = np.random.default_rng(20261125)
    wrong = 0
    for _ in range(300):
        failed = rng.binomial(20, 0.1, size=60).astype(float)
        seen = Counts(np.arange(60.0) + 1, np.full(60, 20.0), failed)
        wrong += recovered(seen, 0.0, 0.2, 0.01).decided
    assert wrong <= 300 * 0.05


def test_a_recovered_service_is_seen_within_seconds() -> None:
    seen = Counts(np.arange(5.0) + 1, np.full(5, 20.0), np.zeros(5))
    assert recovered(seen, 0.0, 0.2, 0.01).decided


def test_where_no_errors_hurt_the_objective_need_not_be_proven_anew() -> None:
    """Of a small service, four answers a second: its way back is proven in half a minute, not in minutes."""
    seen = Counts(np.arange(0.0, 30.0, 5.0) + 5, np.full(6, 20.0), np.zeros(6))
    assert recovered(seen, 0.0, 0.0, 0.01).decided
    assert not recovered(seen, 0.0, None, 0.01).decided  # twin: where nobody counted, nothing is taken as well
    assert not recovered(seen, 0.0, 0.2, 0.01).decided or recovered(seen, 0.0, 0.2, 0.01).level >= 0.1


def test_a_way_back_that_brings_errors_is_not_proven_however_few_there_were_before() -> None:
    seen = Counts(np.arange(0.0, 300.0, 5.0) + 5, np.full(60, 20.0), np.full(60, 20.0 * 0.03).round())
    found = recovered(seen, 0.0, 0.0, 0.01)
    assert found.ln_e >= found.ln_needed or found.bad > 0
    assert not found.decided


def test_a_fact_is_timed_once_when_it_turned_and_anew_when_it_turned_back() -> None:
    turned: dict[str, float] = {}
    green = Tick("split", "Split observed", TickState.GREEN, seconds=6.0)
    for seconds in (6.0, 11.0, 100.0):
        assert since_turned([replace(green, seconds=seconds)], turned)[0].seconds == 6.0
    since_turned([Tick("split", "Split observed", TickState.RUNNING)], turned)
    assert since_turned([replace(green, seconds=130.0)], turned)[0].seconds == 130.0


def test_impact_counts_what_failed_and_says_how_much_of_the_time_it_knows() -> None:
    seen = counts(*((100.0 + 5 * i, 200.0, 20.0) for i in range(1, 13)))
    found = impact(seen, 100.0, 160.0, 0.01)
    assert (found.answers, found.failed, found.share, found.covered) == (2400.0, 240.0, 0.1, 1.0)
    assert found.budget == pytest.approx(240 / (0.01 * 40 * MONTH_S))
    later = impact(seen, 100.0, 400.0, None)
    assert later.failed == 240.0
    assert later.covered < 0.5
    assert later.budget is None
    assert impact(counts(), 100.0, 160.0, 0.01).failed is None

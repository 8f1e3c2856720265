"""What is unusual in the load of a server is found, its traffic taken into account; what is calm stays calm."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core import series
from mlcontrol.core.load import Aspect, Load, Unusual
from mlcontrol.core.signals import load_watch
from mlcontrol.core.signals.load_traffic import by_traffic
from mlcontrol.core.signals.load_watch import BUCKET_S, LoadWatch
from tests.core.signals.loads import PER_DAY, PER_MIN, STEP_S, Told, ar, busy, calm, cpu, memory, queries, watched

CHANGE = PER_DAY + PER_DAY // 2
AFTER = 5 * 60 * PER_MIN
N = CHANGE + AFTER
T = 1_700_000_040.0


def changed(told: Told, by: np.ndarray) -> Told:
    return told.changed(told.value + np.concatenate([np.zeros(CHANGE), by]))


def only(load: Load, aspect: Aspect = Aspect.LEVEL) -> Unusual:
    (one,) = load.unusual
    assert one.aspect is aspect
    return one


def late_s(found: list[float]) -> float:
    (at_s,) = found
    return at_s - CHANGE * STEP_S


def test_a_jump_of_memory_is_found_within_minutes_and_dated() -> None:
    told = changed(memory(np.random.default_rng(1), N), np.full(AFTER, 2e9))
    watch, found = watched(told)
    assert 0 <= late_s(found[Aspect.LEVEL]) <= 2 * BUCKET_S
    one = only(watch.load())
    assert one.up
    assert (one.value, one.low, one.high) == (
        pytest.approx(4.1e9, rel=0.05),
        pytest.approx(1.9e9, rel=0.1),
        pytest.approx(2.3e9, rel=0.1),
    )
    assert abs(one.since_s - CHANGE * STEP_S) <= 2 * BUCKET_S
    assert (one.per_min, one.reaches_s) == (0.0, None), "a step climbs no more"


def test_a_leak_is_found_with_its_speed_and_when_it_reaches_the_limit() -> None:
    per_min = 9e6
    told = changed(memory(np.random.default_rng(2), N), np.arange(AFTER) / PER_MIN * per_min)
    watch, found = watched(told, LoadWatch(series.MEMORY_BYTES, "server", limit=8e9))
    assert 0 < late_s(found[Aspect.LEVEL]) <= 2700
    one = only(watch.load())
    assert one.up
    assert one.per_min == pytest.approx(per_min, rel=0.3)
    assert 0 <= one.since_s - CHANGE * STEP_S <= 1200
    assert (watch.load().low, watch.load().high) == (one.low, one.high), "the band of the chart does not climb with it"
    whole = CHANGE * STEP_S + (8e9 - 2.1e9) / per_min * 60
    assert one.reaches_s == pytest.approx(whole, abs=0.3 * (8e9 - 2.1e9) / per_min * 60)


def test_a_slow_leak_is_found_though_it_would_pass_for_a_habit(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = 8 * 60 * PER_MIN
    calm_load = memory(np.random.default_rng(4), CHANGE + hours)
    climbs = np.concatenate([np.zeros(CHANGE), np.arange(hours) / PER_MIN * 0.5e6])
    told = calm_load.changed(calm_load.value + climbs)
    assert watched(told)[1][Aspect.LEVEL], "a fortieth of a per cent a minute, in noise of a hundred times that"
    monkeypatch.setattr(load_watch, "NEW_PART", 10**9)
    assert not watched(told)[1][Aspect.LEVEL], "the twin: were the newest learned from, too, it would hide itself"


def test_a_cpu_that_begins_to_swing_is_found_though_its_level_stays() -> None:
    told = busy(np.random.default_rng(4), N)
    swing = np.where((np.arange(AFTER) // 4) % 2 == 0, 1.8, 0.2)
    _, found = watched(told.changed(told.value * np.concatenate([np.ones(CHANGE), swing])))
    assert not found[Aspect.LEVEL]
    assert 0 < found[Aspect.SPREAD][0] - CHANGE * STEP_S <= 1800


def test_a_process_that_is_stuck_is_found_by_what_does_not_move() -> None:
    told = memory(np.random.default_rng(5), N)
    _, found = watched(told.changed(np.where(np.arange(N) >= CHANGE, told.value[CHANGE], told.value)))
    assert not found[Aspect.LEVEL]
    assert 0 < found[Aspect.SPREAD][0] - CHANGE * STEP_S <= 3600


def traffic_that(grows: float, each: float, seed: int = 6, seen: bool = True) -> Told:
    """From `CHANGE` on so many times the traffic, of which each query costs ``each``."""
    rng, late = np.random.default_rng(seed), np.arange(N) >= CHANGE
    per_s = queries(rng, N, 0.3) * np.where(late, grows, 1.0)
    return Told(series.CPU_SHARE, cpu(rng, per_s, np.where(late, each, 0.012)), per_s if seen else None)


def test_a_cpu_that_goes_up_with_its_traffic_is_as_usual() -> None:
    """Also where so much traffic was never seen."""
    assert watched(traffic_that(2.5, 0.012))[1] == {Aspect.LEVEL: [], Aspect.SPREAD: []}
    assert watched(traffic_that(2.5, 0.012, seen=False))[1][Aspect.LEVEL], "the twin: where nobody knows why it goes up"


def test_a_cpu_that_goes_up_without_its_traffic_is_not() -> None:
    for grows in (1.0, 2.5):
        watch, found = watched(traffic_that(grows, 0.018))
        assert late_s(found[Aspect.LEVEL][:1]) <= 600, grows
        assert watch.load().by_traffic


def test_a_cpu_that_rests_since_nobody_asks_is_as_usual_and_one_that_rests_while_asked_is_not() -> None:
    rng, late = np.random.default_rng(7), np.arange(N) >= CHANGE
    per_s = queries(rng, N)
    idle = np.where(late, 0.03, cpu(rng, per_s))
    nobody = watched(Told(series.CPU_SHARE, idle, np.where(late, 0.0, per_s)))[1]
    assert nobody == {Aspect.LEVEL: [], Aspect.SPREAD: []}
    assert watched(Told(series.CPU_SHARE, idle, per_s))[1][Aspect.LEVEL], "the twin: it hangs"


def test_what_traffic_explains_is_learned_in_spite_of_incidents() -> None:
    rng = np.random.default_rng(8)
    per_s = rng.uniform(10, 30, 720)
    use = 0.05 + 0.01 * per_s + 0.005 * rng.normal(size=720)
    use[100:200] = 0.9
    model = by_traffic(per_s, use, 1.0)
    assert (model.base, model.slope) == (pytest.approx(0.05, abs=0.03), pytest.approx(0.01, rel=0.15))
    low, high = model.between(np.array([20.0, 60.0, 300.0]))
    assert low[0] == high[0] == pytest.approx(0.25, rel=0.1)
    assert low[1] < 0.40 < high[1], "where so much was never asked it may go on rising in proportion, or not at all"
    assert high[2] == 1.0, "and no machine is used by more than all of it"


def test_a_change_that_is_sure_but_small_is_nobodys_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(series.MEMORY_BYTES, 2e9 + 1e5 * ar(np.random.default_rng(9), N, 0.5))
    small = changed(told, np.full(AFTER, 2e7))
    assert not watched(small)[1][Aspect.LEVEL]
    monkeypatch.setattr(load_watch, "AT_LEAST", 0.0)
    assert watched(small)[1][Aspect.LEVEL], "the twin: one per cent, of a hundred sigma"


def test_until_enough_is_known_nothing_is_judged_and_that_is_said() -> None:
    watch = LoadWatch(series.MEMORY_BYTES, "server")
    assert "less than two minutes" in watch.load().why
    watched(Told(series.MEMORY_BYTES, np.full(30 * PER_MIN, 2e9)), watch)
    load = watch.load()
    assert (load.value, load.low, load.unusual) == (pytest.approx(2e9), None, ())
    assert load.why == "28 of the 128 minutes that it takes to know"


def test_what_is_unusual_ends_after_a_while_in_limits_and_what_flaps_is_one() -> None:
    rng = np.random.default_rng(10)
    flaps = np.where((np.arange(AFTER) // (4 * PER_MIN)) % 2 == 0, 2e9, 0.0)
    flaps[60 * PER_MIN :] = 0.0
    watch, found = watched(changed(memory(rng, N), flaps))
    assert len(found[Aspect.LEVEL]) == 1
    assert watch.load().unusual == ()


def test_a_new_engine_knows_what_was_usual_and_what_was_not() -> None:
    told = changed(memory(np.random.default_rng(11), N), np.where(np.arange(AFTER) >= AFTER - 40 * PER_MIN, 2e9, 0.0))
    before, _ = watched(told)
    again = LoadWatch(series.MEMORY_BYTES, "server")
    assert "minutes" in again.load().why
    again.remember(rows_of(told))
    was, now = only(before.load()), only(again.load())
    assert now.since_s == pytest.approx(was.since_s, abs=2 * BUCKET_S)
    assert (now.up, now.high) == (True, pytest.approx(was.high, rel=0.05))
    calm_past = memory(np.random.default_rng(12), N)
    fresh = LoadWatch(series.MEMORY_BYTES, "server")
    fresh.remember(rows_of(calm_past))
    _, found = watched(memory(np.random.default_rng(13), AFTER), fresh, at_s=N * STEP_S + 3600)
    assert found == {Aspect.LEVEL: [], Aspect.SPREAD: []}, "and an hour away raises nothing"


def rows_of(told: Told) -> np.ndarray:
    per = int(BUCKET_S / STEP_S)
    value = told.value[: told.value.size // per * per]
    steps = np.abs(np.diff(value, prepend=value[0])).reshape(-1, per).mean(axis=1)
    n = value.size // per
    return np.stack([np.arange(n), value.reshape(n, per).mean(axis=1), np.full(n, np.nan), steps, np.full(n, per)])


def test_older_readings_and_gaps_are_no_steps() -> None:
    watch = LoadWatch(series.MEMORY_BYTES, "server")
    assert not watch.add(1000.0, 1e9, None)
    assert not watch.add(800.0, 9e9, None), "an older one is left out"
    assert watch.add(1000.0 + 3600, 5e9, None)
    assert watch.load().value == pytest.approx(1e9)


def test_an_idle_device_that_begins_to_work_is_found() -> None:
    told = Told(series.GPU_SHARE, np.where(np.arange(N) >= CHANGE, 0.9, 0.0))
    watch, found = watched(told, LoadWatch(series.GPU_SHARE, "server", "GPU-1", limit=1.0))
    assert late_s(found[Aspect.LEVEL][:1]) <= 2 * BUCKET_S
    assert only(watch.load()).low == 0.0
    resting = Told(series.GPU_SHARE, np.zeros(N))
    assert watched(resting, LoadWatch(series.GPU_SHARE, "server", "GPU-1", limit=1.0))[1] == {
        Aspect.LEVEL: [],
        Aspect.SPREAD: [],
    }


def test_a_clock_that_is_set_back_does_not_end_the_watch() -> None:
    told = changed(memory(np.random.default_rng(14), N), np.full(AFTER, 2e9))
    half = CHANGE + AFTER // 2
    watch, _ = watched(Told(told.metric, told.value[:half]), at_s=T)
    assert only(watch.load()).since_s == pytest.approx(T + CHANGE * STEP_S, abs=2 * BUCKET_S)
    back_s = 7200.0
    watched(Told(told.metric, told.value[half:]), watch, at_s=T + half * STEP_S - back_s)
    assert only(watch.load()).since_s == pytest.approx(T + CHANGE * STEP_S - back_s, abs=2 * BUCKET_S)
    assert watch.load().n > half, "and it goes on taking readings"


@pytest.mark.parametrize("seed", [21, 22])
def test_calm_loads_raise_no_more_than_their_budget(seed: int) -> None:
    """Two days of each kind with a budget of ten a week: three expected of each, twice as many allowed."""
    days, budget = 2, 10.0
    for name, told in calm(np.random.default_rng(seed), days * PER_DAY):
        _, found = watched(told, LoadWatch(told.metric, "server", limit=None, budget_per_week=budget))
        alarms = sum(len(times) for times in found.values())
        assert alarms <= 2 * budget * days / 7, name


def test_the_value_is_kept_whole_though_it_is_large() -> None:
    watch, _ = watched(Told(series.MEMORY_BYTES, np.full(200 * PER_MIN, 64e9)), at_s=1_700_000_000.0)
    load = watch.load()
    assert load.value == pytest.approx(64e9, rel=1e-6)
    assert load.low is not None
    assert load.high is not None
    assert load.low <= 64e9 <= load.high

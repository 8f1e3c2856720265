"""A fleet read from a store that is filled less often than it is asked: smooth rates, true ages, nothing that flaps."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from mlcontrol.adapters.metrics import fleet_answer
from mlcontrol.adapters.metrics.fleet_answer import KEPT, FleetReader, Row
from mlcontrol.adapters.metrics.fleet_query import SAMPLED, fleet_query
from mlcontrol.adapters.metrics.native_histogram import NativeHistogram
from mlcontrol.adapters.metrics.sample_times import SampleClock
from mlcontrol.core import series
from mlcontrol.core.facts import Known
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import Freshness, Health, Signal, Stamp
from mlcontrol.ports.metrics import Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter

POLL_S, BEGAN_S = 5.0, 1_700_000_000.0


def row(at_s: float, value: float, **labels: str) -> Row:
    names = {name.replace("name__", "__name__") if name == "name__" else name: text for name, text in labels.items()}
    return Row(msgspec.Raw(msgspec.json.encode(names)), (at_s, repr(value)))


class Store:
    """One service on instances that are scraped every ``every_s``, each at a moment of its own, and polled every five seconds."""

    def __init__(self, every_s: float, instances: int = 1, delay_s: float = 0.0, timed: bool = True) -> None:
        self.every_s, self.delay_s, self.timed = every_s, delay_s, timed
        self.phases = [random.Random(7 + i).uniform(0, every_s) for i in range(instances)]
        self.reader = FleetReader()
        self.meter = Meter(ServiceSettings("s", serving_model="m", metrics=("prom",)), OwnQueries())
        self.drawn: list[float] = []
        self.told: list[Signal] = []

    def rows(self, now_s: float, stopped_s: float = 1e9) -> list[Row]:
        rows = []
        for i, phase in enumerate(self.phases):
            seen_s = min(now_s, stopped_s) - self.delay_s
            made_s = phase + self.every_s * ((seen_s - phase) // self.every_s)
            at, target = BEGAN_S + now_s, {"job": "j", "instance": f"i{i}"}
            value = 10.0 * (made_s + 1000)
            rows.append(row(at, value, name__="nv_inference_request_success", model="m", version="1", **target))
            rows.append(
                row(at, 0.0, name__="nv_inference_request_failure", model="m", version="1", reason="OTHER", **target)
            )
            if self.timed:
                rows.append(row(at, BEGAN_S + made_s, **target, **{SAMPLED: "yes"}))
        return rows

    def run(self, first_s: float, last_s: float, stopped_s: float = 1e9) -> None:
        now_s = first_s
        while now_s < last_s:
            readings = self.reader.read(self.rows(now_s, stopped_s), ())
            at = Stamp(BEGAN_S + now_s, now_s, round(now_s * 100))
            samples, reset = self.meter.take("prom", readings, at)
            assert not reset
            self.drawn += [s.value for s in samples if s.key.metric == series.QUERIES_PER_S]
            traffic, stamp = self.meter.traffic()
            self.told.append(use_signal(Known(traffic, stamp), {"error_rate": 0.01}, now_s, POLL_S))
            now_s += POLL_S * random.Random(now_s).uniform(0.9, 1.1)


@pytest.mark.parametrize("every_s", [2.0, 5.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("instances", [1, 5])
def test_samples_that_come_less_often_than_we_ask_make_a_steady_rate(every_s: float, instances: int) -> None:
    """A counter that is scraped every minute read as "not asked" for most polls, and as a burst at the others."""
    store = Store(every_s, instances)
    store.run(1000.0, 1000.0 + 4 * max(every_s, 30.0))
    store.drawn.clear()
    store.told.clear()
    store.run(2000.0, 2400.0)
    settled = store.told[len(store.told) // 2 :]
    assert {(one.freshness, one.health) for one in settled} == {(Freshness.FRESH, Health.OK)}
    drawn = store.drawn[len(store.drawn) // 2 :]
    wanted = 10.0 * instances
    assert sum(drawn) / len(drawn) == pytest.approx(wanted, rel=0.15)
    if every_s > 2 * POLL_S:
        assert wanted * 0.5 < min(drawn) <= max(drawn) < wanted * 1.6


def test_twin_without_the_times_of_the_samples_the_same_counter_flaps() -> None:
    store = Store(60.0, timed=False)
    store.run(1000.0, 1400.0)
    assert min(store.drawn) == 0.0
    assert max(store.drawn) > 50
    assert {one.text for one in store.told[15:]} > {"not asked"}


@pytest.mark.parametrize(("every_s", "stale_s", "unknown_s"), [(15.0, 30.0, 45.0), (60.0, 120.0, 180.0)])
def test_after_two_missed_samples_it_is_stale_after_three_unknown(
    every_s: float, stale_s: float, unknown_s: float
) -> None:
    store = Store(every_s)
    store.run(1000.0, 1300.0)
    newest_s = 1300.0 - ((1300.0 - store.phases[0]) % every_s)
    store.told.clear()
    store.run(1300.0, 1300.0 + unknown_s + 30, stopped_s=1300.0)
    kinds = [one.freshness for one in store.told]
    changes = [a for a, b in pairwise(kinds) if a is not b]
    assert changes == [Freshness.FRESH, Freshness.STALE], "each once, and never back"
    polls = kinds.count(Freshness.FRESH)
    silent_from_s = 1300.0 + POLL_S * polls - newest_s
    assert stale_s <= silent_from_s <= stale_s + 2 * POLL_S
    assert store.told[-1].text == "no new samples"


def test_a_sender_that_stopped_draws_a_gap_and_no_zeros() -> None:
    store = Store(15.0)
    store.run(1000.0, 1300.0)
    store.drawn.clear()
    store.run(1300.0, 1400.0, stopped_s=1300.0)
    assert store.drawn.count(0.0) <= 1, "at most where the next sample is not overdue yet"
    assert len(store.drawn) < 6


def test_the_second_look_comes_soon_and_a_sample_in_between_is_no_burst() -> None:
    store = Store(5.0)
    (phase,) = store.phases
    for after_s in (-0.5, 1.0, 6.0, 11.0):  # the second reading comes 1.5 s after the first
        store.run(1000.0 + phase + after_s, 1000.0 + phase + after_s + 0.1)
    assert store.drawn
    assert max(store.drawn) < 20.0, "5 s of counting in 1.5 s read as 33 a second"


def test_samples_that_come_late_and_steadily_are_not_silent() -> None:
    store = Store(15.0, delay_s=50.0)
    store.run(1000.0, 1200.0)
    assert {one.freshness for one in store.told[5:]} == {Freshness.FRESH}


def test_one_instance_that_stopped_makes_the_service_unknown() -> None:
    store = Store(15.0, instances=3)
    store.run(1000.0, 1100.0)
    live = store.rows

    def partly(now_s: float, stopped_s: float = 1e9) -> list[Row]:
        return [*live(min(now_s, 1e9))[3:], *live(now_s, 1100.0)[:3]]

    store.rows = partly  # type: ignore[method-assign]
    store.run(1100.0, 1180.0)
    assert (store.told[-1].health, store.told[-1].text) == (Health.UNKNOWN, "no new samples")


@pytest.mark.parametrize(("age_s", "told"), [(20.0, False), (100.0, True)])
def test_at_the_first_look_a_sample_is_judged_by_the_usual_interval(age_s: float, told: bool) -> None:
    rows = Store(15.0).rows(1000.0, 1000.0 - age_s)
    found = [one for one in FleetReader().read(rows, ()) if one.quantity == "silent_s"]
    assert bool(found) is told


def test_a_restart_between_two_samples_never_draws_more_than_was_counted() -> None:
    clock, reader = SampleClock(), FleetReader()
    values: list[float] = []
    for now_s in range(0, 120, 5):
        made_s = 30 * (now_s // 30)
        value = 1000.0 + made_s if made_s < 60 else made_s - 50.0
        target = {"job": "j", "instance": "i"}
        rows = [
            row(now_s + 1.0, value, name__="nv_inference_request_success", model="m", version="1", **target),
            row(now_s + 1.0, made_s + 1.0, **target, **{SAMPLED: "yes"}),
        ]
        values += [one.value for one in reader.read(rows, ()) if one.quantity == "requests_ok"]
    assert values == sorted(values), "its sum never falls"
    assert values[-1] <= 1030 + 40 + 1e-6
    assert clock.every_s == 60.0


def test_what_is_gone_is_not_kept_for_ever() -> None:
    reader = FleetReader()
    for batch in range(4):
        names = range(batch * KEPT, batch * KEPT + KEPT)
        rows = [row(1.0, 1.0, name__="nv_inference_request_success", model=f"m{i}", version="1") for i in names]
        reader.read(rows, ())
    assert len(reader._known) <= 3 * KEPT
    assert len(reader._clocks) <= 3 * KEPT


def test_one_that_comes_back_after_it_was_forgotten_is_no_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_answer, "KEPT", 4)
    reader, values = FleetReader(), []

    def series(instance: str, value: float) -> Row:
        names = {"model": "m", "version": "1", "job": "j", "instance": instance}
        return row(1.0, value, name__="nv_inference_request_success", **names)

    for beat in range(40):
        here = [series("stays", 1000 + beat), series(f"passes{beat}", 1.0)]
        rows = here if 5 < beat < 30 else [*here, series("leaves", 5000 + beat)]
        values += [one.value for one in reader.read(rows, ())]
    steps = [b - a for a, b in pairwise(values)]
    assert max(steps[1:]) < 40, "never the five thousand again"
    assert min(steps) >= 0


def test_cpu_between_two_scrapes_is_drawn_out_as_well() -> None:
    meter, reader, drawn = (
        Meter(ServiceSettings("s", serving_model="m", metrics=("prom",)), OwnQueries()),
        FleetReader(),
        [],
    )
    for beat in range(60):
        now_s = 5.0 * beat
        made_s, target = 30.0 * (now_s // 30.0), {"job": "j", "instance": "i:1"}
        rows = [
            row(now_s, made_s, name__="nv_inference_request_success", model="m", version="1", **target),
            row(now_s, 1.5 * made_s, name__="process_cpu_seconds_total", **target),
            row(now_s, made_s + 0.001, **target, **{SAMPLED: "yes"}),
        ]
        samples, _ = meter.take("prom", reader.read(rows, ()), Stamp(now_s, now_s, beat))
        drawn += [one.value for one in samples if one.key.metric == series.CPU_CORES]
    assert drawn[20:] == pytest.approx([1.5] * len(drawn[20:]), abs=0.01)


def test_where_a_histogram_is_kept_in_both_forms_it_counts_once() -> None:
    names = {"model_name": "m", "engine": "0", "instance": "v:1"}
    native = NativeHistogram("8", [(0, "0.25", "0.5", "6"), (0, "2", "4", "2")])
    labels = msgspec.json.encode({"__name__": "vllm:e2e_request_latency_seconds", **names})
    both = [Row(msgspec.Raw(labels), None, (1.0, native))]
    alone = {r.labels[0][1]: r.value for r in FleetReader().read(both, ())}
    assert (alone["inf"], alone["500"], alone["1000"], alone["4000"]) == (8.0, 6.0, 6.0, 8.0)
    assert alone["250"] == 0.0
    assert 0 < alone[min(alone, key=lambda le: abs(float(le) - 350))] < 6, "inside a wide bucket spread evenly"
    both += [row(1.0, 8.0, name__="vllm:e2e_request_latency_seconds_bucket", le=le, **names) for le in ("4.0", "+Inf")]
    assert {r.labels[0][1]: r.value for r in FleetReader().read(both, ())} == {"4000": 8.0, "inf": 8.0}


def test_a_selector_narrows_every_part_of_the_question() -> None:
    plain, narrow = fleet_query(""), fleet_query('cluster="prod"')
    assert narrow.count('cluster="prod"') == plain.count("{")
    assert len(narrow) < 7000, "it travels in an address"


@pytest.fixture
def judged() -> Callable[..., Signal]:
    """What Use says of a service whose newest answer is this."""

    def judge(*readings: Reading, earlier: bool = True) -> Signal:
        meter = Meter(ServiceSettings("s", serving_model="m", metrics=("prom",)), OwnQueries())
        for beat in range(3 if earlier else 0):
            ok = Reading("requests_ok", 50.0 * beat, True, "m", "1")
            failed = Reading("requests_error", 0.0, True, "m", "1", "", (("type", "model"),))
            meter.take("prom", [ok, failed], Stamp(5.0 * beat, 5.0 * beat, 1 + beat))
        meter.take("prom", readings, Stamp(15.0, 15.0, 9))
        traffic, at = meter.traffic()
        return use_signal(Known(traffic, at), {}, 16.0, POLL_S)

    return judge


WHY = (("why", "store gateway 3 did not answer"),)


def test_a_service_whose_data_is_missing_says_who_did_not_answer(judged: Callable[..., Signal]) -> None:
    """It said "no counters: no source counts this service's answers"."""
    found = judged(Reading("partial", 0.0, False, labels=WHY), Reading("partial", 1.0, False, "m", labels=WHY))
    assert (found.health, found.text) == (Health.UNKNOWN, "partial answer")
    assert "prom: store gateway 3 did not answer" in found.detail
    never_seen = judged(Reading("partial", 0.0, False, labels=WHY), earlier=False)
    assert never_seen.text == "partial answer"


def test_the_twin_a_whole_answer_without_it_is_no_partial_one(judged: Callable[..., Signal]) -> None:
    assert judged().text == "no counters"


def test_a_service_that_lacks_nothing_says_that_the_answer_was_partial_and_keeps_its_health(
    judged: Callable[..., Signal],
) -> None:
    whole = [
        Reading("requests_ok", 150.0, True, "m", "1"),
        Reading("requests_error", 0.0, True, "m", "1", "", (("type", "model"),)),
    ]
    found, twin = judged(*whole, Reading("partial", 0.0, False, labels=WHY)), judged(*whole)
    assert (found.health, found.text, found.value) == (twin.health, "10.0 /s", twin.value)
    assert "known to be missing in the partial answer of prom: store gateway 3" in found.detail
    assert "partial" not in twin.detail

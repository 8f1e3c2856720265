"""What is said of loads: figures, the usual range, since when, from how much; what is not known is no ok."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core import series
from mlcontrol.core.alerts.conditions import OWN_NAMES, conditions
from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.load import Aspect, Load, Unusual
from mlcontrol.core.problem import Problem
from mlcontrol.core.signals.resources import resources_signal
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import Health, ServiceState, Signal, Stamp

MIDNIGHT = 1_799_971_200.0
AT = Stamp(MIDNIGHT, 100.0, 1)
CALM = Load(series.MEMORY_BYTES, "triton", value=2.1e9, low=2.0e9, high=2.3e9, span_s=3600.0, n=720)
LEAK = replace(
    CALM,
    limit=8e9,
    unusual=(Unusual(Aspect.LEVEL, True, 4.1e9, 2.0e9, 2.3e9, MIDNIGHT + 8040, 90e6, MIDNIGHT + 10_800),),
)
ANSWERING = Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": 20.0}})


def resources(*loads: Load, age_s: float = 1.0) -> Signal:
    return resources_signal(Known(replace(ANSWERING, loads=loads), AT), AT.mono_s + age_s, 5.0)


def use(*loads: Load, **objectives: float) -> Signal:
    return use_signal(Known(replace(ANSWERING, loads=loads), AT), objectives, AT.mono_s + 1, 5.0)


def test_a_leak_is_told_with_figures_the_usual_range_and_when_it_ends() -> None:
    found = resources(LEAK)
    assert (found.health, found.text) == (Health.WARNING, "memory 4.1 GB")
    assert found.detail == (
        "memory 4.1 GB, usual 2.0 to 2.3 GB (60 min, n = 720), rising 90 MB a minute since 02:14 UTC: "
        "it reaches its limit of 8.0 GB at 03:00 UTC."
    )
    far = replace(LEAK, unusual=(replace(LEAK.unusual[0], reaches_s=MIDNIGHT + 2 * 86_400),))
    assert "at 17 Jan 00:00 UTC" in resources(far).detail


def test_a_step_of_the_cpu_is_told_beside_its_traffic() -> None:
    step = Unusual(Aspect.LEVEL, True, 0.62, 0.3, 0.4, MIDNIGHT)
    found = resources(
        Load(series.CPU_SHARE, "triton", value=0.6, span_s=48 * 3600, n=34560, by_traffic=True, unusual=(step,))
    )
    assert found.detail == "CPU 62 %, usual 30 to 40 % at this traffic (48 h, n = 34,560), since 00:00 UTC."


def test_swings_and_what_is_stuck_are_told_as_such() -> None:
    swings = Unusual(Aspect.SPREAD, True, 0.12, 0.02, 0.05, MIDNIGHT)
    told = resources(Load(series.CPU_SHARE, "a", value=0.5, span_s=7200, n=1440, unusual=(swings,)))
    assert told.text == "CPU swings"
    assert (
        "12 points from one reading to the next, usual 2.0 to 5.0 points (2 h, n = 1,440), since 00:00 UTC"
        in told.detail
    )
    stuck = replace(swings, up=False, value=0.0)
    told = resources(Load(series.CPU_SHARE, "a", value=0.5, span_s=7200, n=1440, unusual=(stuck,)))
    assert told.text == "CPU hardly moves"
    assert "stuck" in told.detail


def test_sources_and_devices_are_told_apart() -> None:
    device = replace(LEAK, metric=series.GPU_MEMORY_BYTES, device="GPU-1")
    assert resources(device, replace(CALM, source="other")).text == "GPU memory GPU-1 of triton 4.1 GB"


@pytest.mark.parametrize(
    ("loads", "age_s", "text"),
    [
        ((), 1.0, "not told"),
        ((replace(CALM, why="28 of the 128 minutes that it takes to know"),), 1.0, "usual not known yet"),
        ((CALM, Load(series.CPU_SHARE, "triton", why="nothing")), 1.0, "usual not known yet"),
        ((CALM,), 600.0, "no data"),
    ],
)
def test_what_is_not_known_is_not_ok(loads: tuple[Load, ...], age_s: float, text: str) -> None:
    found = resources(*loads, age_s=age_s)
    assert (found.health, found.text) == (Health.UNKNOWN, text)
    assert found.detail


def test_all_as_usual_is_ok_and_a_source_that_fails_says_why() -> None:
    assert (resources(CALM).health, resources(CALM).text) == (Health.OK, "as usual")
    assert resources(CALM).detail == "memory 2.1 GB, usual 2.0 to 2.3 GB (60 min, n = 720)."
    nothing: Known[Traffic] = Known()
    missed = nothing.missed(Problem("It does not answer."), AT)
    assert "does not answer" in resources_signal(missed, AT.mono_s, 5.0).detail


def test_use_warns_of_resources_only_where_nothing_worse_is_known() -> None:
    found = use(LEAK)
    assert (found.health, found.text) == (Health.WARNING, "memory 4.1 GB")
    assert found.detail.startswith("memory 4.1 GB, usual")
    assert (use(LEAK, p99_ms=5.0).health, use(LEAK, p99_ms=5.0).text) == (Health.CRITICAL, "p99 20 ms")
    assert "memory 4.1 GB, usual" in use(LEAK, p99_ms=5.0).detail
    assert use(CALM).health is Health.OK
    young = replace(CALM, why="28 of the 128 minutes that it takes to know")
    assert use(young).health is Health.OK, "it is asked and answers: that much is known"
    assert "128 minutes" not in use(young).detail, (
        "an incident is told in these words: what is not judged stands beside it"
    )
    assert resources(young).health is Health.UNKNOWN
    assert "Whether memory is as usual is not known: 28 of the 128 minutes" in resources(young).detail


def held(service: ServiceState) -> dict[str, bool | None]:
    return {c.rule: c.holds for c in conditions((service,), ())}


def test_a_leak_is_one_alert_of_its_own_name() -> None:
    both = ServiceState("digits", use=use(LEAK), resources=resources(LEAK))
    assert (held(both)["use"], held(both)["resources"]) == (False, True)
    worse = ServiceState("digits", use=use(LEAK, p99_ms=5.0), resources=resources(LEAK))
    assert (held(worse)["use"], held(worse)["resources"]) == (True, True), (
        "the twin: what else is wrong stays an alert of use"
    )
    assert held(ServiceState("digits"))["resources"] is None
    assert "resources" in OWN_NAMES


def test_a_leak_is_told_though_nobody_asks() -> None:
    idle = Known(replace(ANSWERING, by_version={"2": 0.0}, loads=(LEAK,)), AT)
    assert use_signal(idle, {}, AT.mono_s + 1, 5.0).health is Health.UNKNOWN
    assert resources_signal(idle, AT.mono_s + 1, 5.0).health is Health.WARNING

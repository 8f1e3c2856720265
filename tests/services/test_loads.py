"""What a source tells of its machine becomes a series of the service that reads it, one a device."""

from __future__ import annotations

from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Stamp
from mlcontrol.ports.metrics import Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter


def test_each_device_is_a_series_of_its_own() -> None:
    meter = Meter(ServiceSettings("digits", serving_model="digits"), OwnQueries())
    readings = (
        Reading("cpu_share", 0.5, False),
        Reading("gpu_share", 0.25, False, labels=(("gpu", "GPU-1"),)),
        Reading("gpu_share", 0.75, False, labels=(("gpu", "GPU-2"),)),
        Reading("gpu_memory_bytes", float("nan"), False, labels=(("gpu", "GPU-2"),)),
    )
    samples, reset = meter.take("triton", readings, Stamp(1, 100.0, 5.0))
    assert not reset
    assert {(s.key.metric, s.key.label("gpu"), s.key.label("source"), s.value) for s in samples} == {
        ("cpu_share", None, "triton", 0.5),
        ("gpu_share", "GPU-1", "triton", 0.25),
        ("gpu_share", "GPU-2", "triton", 0.75),
    }


def test_a_process_that_counts_its_own_seconds_tells_the_cores_it_uses() -> None:
    meter = Meter(ServiceSettings("digits", serving_model="digits"), OwnQueries())
    told = []
    for beat, seconds in enumerate((100.0, 107.5, 112.5, 0.5, 5.5)):  # it restarts after the third
        at = Stamp(1_800_000_000.0 + 5 * beat, 100.0 + 5 * beat, beat + 1)
        samples, reset = meter.take("mlserver", (Reading("cpu_seconds_total", seconds, True),), at)
        assert not reset, "its restart is told by what it counts for its callers"
        told += [s.value for s in samples if s.key.metric == "cpu_cores"]
    assert told == [1.5, 1.0, 0.1, 1.0]

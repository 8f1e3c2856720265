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

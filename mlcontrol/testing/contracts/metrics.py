"""What a source of metrics keeps."""

from __future__ import annotations

from mlcontrol.ports.metrics import MetricsSource
from mlcontrol.testing.contracts.connection import NetworkContract

QUANTITIES = {
    "requests_ok",
    "requests_error",
    "duration_ms_total",
    "latency_bucket",
    "latency_ms",
    "cpu_share",
    "cpu_seconds_total",
    "memory_bytes",
    "gpu_share",
    "gpu_memory_bytes",
    "responses",
    "pending",
    "predictions",
    "queue_ms_total",
    "silent_s",
    "partial",
}


class MetricsContract(NetworkContract):
    """Fixtures: ``adapter``."""

    def test_a_scrape_is_whole(self, adapter: MetricsSource) -> None:
        scrape = adapter.scrape()
        assert scrape.samples
        assert scrape.size_bytes > 0
        assert all(sample.name for sample in scrape.samples)

    def test_readings_are_in_the_words_of_the_panel(self, adapter: MetricsSource) -> None:
        readings = adapter.readings()
        assert {reading.quantity for reading in readings} <= QUANTITIES
        keys = [(r.quantity, r.model, r.version, r.role, r.labels) for r in readings]
        assert len(set(keys)) == len(keys)

    def test_counters_never_fall_between_two_scrapes(self, adapter: MetricsSource) -> None:
        def counters() -> dict[tuple[object, ...], float]:
            return {
                (r.quantity, r.model, r.version, r.role, r.labels): r.value for r in adapter.readings() if r.counter
            }

        before, after = counters(), counters()
        assert all(after[key] >= value for key, value in before.items() if key in after)

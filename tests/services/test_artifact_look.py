"""The served files against the registered ones, in the collector's small world."""

from __future__ import annotations

import pytest

from mlcontrol.core.alerts.conditions import conditions
from mlcontrol.core.types import (
    Health,
)
from mlcontrol.services.collect_artifact import ARTIFACT_EVERY_S
from tests.services.collected_world import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_files_other_than_the_registered_ones_are_no_presence_and_the_digests_are_shown(bench: Bench) -> None:
    """Row 19: what is served under a number must be what was registered under it."""
    bench.world.files = {"model.onnx": "sha256:" + "a" * 64}
    bench.poll()
    compare_artifacts(bench)
    found = bench.poll()
    assert (found.artifact.health, found.presence.health) == (Health.OK, Health.OK)
    bench.world.files = {"model.onnx": "sha256:" + "b" * 64}
    compare_artifacts(bench)
    found = bench.poll()
    assert (found.artifact.health, found.presence.health) == (Health.CRITICAL, Health.CRITICAL)
    assert "a" * 12 in found.presence.detail
    assert "b" * 12 in found.presence.detail
    alerting = {c.rule for c in conditions([found], []) if c.holds and c.severity is Health.CRITICAL}
    assert "presence" in alerting


def test_a_server_that_does_not_say_leaves_the_artifact_unknown_and_presence_as_it_is(bench: Bench) -> None:
    bench.poll()
    compare_artifacts(bench)
    found = bench.poll()
    assert (found.artifact.health, found.artifact.text) == (Health.UNKNOWN, "server does not say")
    assert found.presence.health is Health.OK


def test_a_comparison_that_is_too_old_is_unknown(bench: Bench) -> None:
    bench.world.files = {"model.onnx": "sha256:" + "a" * 64}
    bench.poll()
    compare_artifacts(bench)
    assert bench.wait(1).artifact.health is Health.OK
    assert bench.wait(3 * ARTIFACT_EVERY_S + 60).artifact.health is Health.UNKNOWN


def compare_artifacts(bench: Bench) -> None:
    jobs = [job for job in bench.collector._jobs.values() if job.id.startswith(("versions ", "artifact "))]
    for job in sorted(jobs, key=lambda job: job.id, reverse=True):
        job.run()

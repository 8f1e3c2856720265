"""When a version is asked its golden set: at its turn, and at once when it was just loaded."""

from __future__ import annotations

import pytest

from mlcontrol.services.polling import Poller
from tests.services.test_collector import Bench, bench

__all__ = ["bench"]


def test_a_version_that_was_just_loaded_is_asked_its_golden_set_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.collect_golden.keep_score", lambda *_: None)  # this store keeps nothing
    hurried: list[str] = []
    monkeypatch.setattr(Poller, "hurry", lambda _poller, job: hurried.append(job))
    bench.poll()
    assert "golden digits" not in hurried, "at the start its turn has come anyway"
    bench.collector._jobs["golden digits"].run()
    bench.world.ready = ("1", "2", "3")
    bench.poll()
    assert hurried.count("golden digits") == 1
    bench.world.ready = ("2", "3")
    bench.poll()
    bench.poll()
    assert hurried.count("golden digits") == 1, "what is gone is not asked"

"""Labels that come minutes, hours or days after the answer: found, dated, drawn again as more of them come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.accuracy import accuracy_signal
from mlcontrol.core.types import ConnectionKind, Health, Sample
from mlcontrol.ports.errors import TimedOut
from mlcontrol.services.asking import Asking
from mlcontrol.services.collect_predictions import QualityReader
from mlcontrol.services.fact_book import FactBook
from mlcontrol.testing.clock import FakeClock
from mlcontrol.testing.contracts.connection import no_secret

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC).timestamp()
MIN, HOUR = 60.0, 3600.0


class Late:
    """Sixty answers an hour for eight hours, nine of ten right; labels come ``late_s`` after the answer."""

    def __init__(self, folder: Path, late_s: float) -> None:
        self.folder, self.late_s, self.told = folder, late_s, 0
        self.clock = FakeClock(NOW)
        self.samples: list[Sample] = []
        self.log = JsonLinesLog(
            ConnectionSettings(
                "log", ConnectionKind.PREDICTIONS, "jsonl", (folder / "p").as_uri(),
                options={"labels": (folder / "l").as_uri()},
            ),
            no_secret,
        )  # fmt: skip
        ctx: Any = SimpleNamespace(
            clock=self.clock, predictions=lambda _: self.log, emit=lambda *found: self.samples.extend(found)
        )
        self.book = FactBook()
        service = ServiceSettings("s", predictions="log", prediction="y")
        self.reader = QualityReader(Asking(ctx, self.book, lambda *_: None), service)
        self._write("p", [
            {"request_id": f"r{i}", "time": self._iso(NOW - i * MIN), "version": "1", "outputs": {"y": 1}} for i in range(480)
        ])  # fmt: skip

    @staticmethod
    def _iso(at_s: float) -> str:
        return datetime.fromtimestamp(at_s, UTC).isoformat()

    def _write(self, kind: str, rows: list[dict[str, Any]]) -> None:
        file = self.folder / kind / "s" / "all.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)

    def label_until(self, at_s: float) -> None:
        come = [i for i in range(480) if NOW - i * MIN + self.late_s <= at_s]
        self._write("l", [{"request_id": f"r{i}", "label": int(i % 10 != 0)} for i in come])

    def signal(self) -> Any:
        quality = self.book.facts("s").quality
        return accuracy_signal(quality, "1", False, {"accuracy": 0.8}, self.clock.mono_s(), 15.0)


@pytest.mark.parametrize(("late_s", "ago"), [(2 * HOUR, "2 h ago"), (45 * MIN, "min ago"), (7 * HOUR, "7 h ago")])
def test_labels_that_come_hours_late_are_found_and_dated(tmp_path: Path, late_s: float, ago: str) -> None:
    """It had been "labels are late" for ever, whatever the model did."""
    world = Late(tmp_path, late_s)
    world.label_until(NOW)
    world.reader.read()
    world.clock.advance(301.0)
    world.reader.read()
    found = world.signal()
    assert found.health in (Health.OK, Health.WARNING)
    assert found.value == pytest.approx(0.9, abs=0.03)
    assert found.n >= 30
    assert found.text.endswith(ago)
    assert "Labels come late" in found.detail
    assert world.samples


def test_labels_in_time_are_not_searched_for_further_back(tmp_path: Path) -> None:
    world = Late(tmp_path, 20.0)
    world._write("p", [
        {"request_id": f"q{i}", "time": world._iso(NOW - i), "version": "1", "outputs": {"y": 1}} for i in range(600)
    ])  # fmt: skip
    world._write("l", [{"request_id": f"q{i}", "label": 1} for i in range(600)])
    asked: list[float] = []
    quality = world.log.quality
    world.log.quality = lambda *given: asked.append(given[2]) or quality(*given)  # type: ignore[method-assign]
    for _ in range(4):
        world.reader.read()
        world.clock.advance(15.0)
    assert min(asked) > NOW - 1000
    assert "ago" not in world.signal().text


def test_a_minute_is_drawn_again_when_more_of_its_labels_have_come(tmp_path: Path) -> None:
    world = Late(tmp_path, 10 * MIN)
    world.label_until(NOW - 2 * HOUR)
    world.reader.read()
    before = {s.at_s: s.n for s in world.samples}
    world.samples.clear()
    world._write("p", [
        {"request_id": f"q{i}", "time": world._iso(NOW - 150 * MIN), "version": "1", "outputs": {"y": 1}} for i in range(9)
    ])  # fmt: skip
    world._write("l", [{"request_id": f"q{i}", "label": 1} for i in range(9)])
    world.clock.advance(301.0)
    world.reader.read()
    again = {s.at_s: s.n for s in world.samples if s.at_s in before}
    assert again
    assert all(n > before[at_s] for at_s, n in again.items())
    world.samples.clear()
    world.clock.advance(301.0)
    world.reader.read()
    assert world.samples == []  # nothing new came: nothing is drawn twice


def test_a_log_that_is_too_large_to_look_further_back_still_tells_of_now(tmp_path: Path) -> None:
    world = Late(tmp_path, 2 * HOUR)
    world.label_until(NOW)
    quality = world.log.quality

    def slow(*given: Any) -> Any:
        if given[2] < NOW - 2000:
            raise TimedOut(Problem("It was not read in time."))
        return quality(*given)

    world.log.quality = slow  # type: ignore[method-assign]
    world.reader.read()
    assert (world.signal().health, world.signal().text) == (Health.UNKNOWN, "labels are late")

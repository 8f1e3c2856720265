"""The data of a service watched over a real log: what lasts is told once, what is unknown stays so."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.alerts.conditions import conditions
from mlcontrol.core.data_report import BEFORE, JUST_BEFORE, TRAINING, DataSettings
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.data import data_signal
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import ConnectionKind, EventKind, Health, ServiceState, TimelineEvent
from mlcontrol.ports.errors import Unreachable
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.asking import Asking
from mlcontrol.services.collect_data import LOOK_EVERY_S, SETTLE_S, DataReader
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.sudden_data import SUDDEN_EVERY_S, SuddenLook
from mlcontrol.testing.clock import FakeClock
from mlcontrol.testing.contracts.connection import no_secret

T = datetime(2026, 3, 29, 12, 0, tzinfo=UTC).timestamp()
STATISTICS = {
    "x": {
        "count": 5000, "missing_share": 0.0, "min": -4.0, "max": 4.0,
        "quantiles": {"0.01": -2.326, "0.05": -1.645, "0.25": -0.674, "0.5": 0.0, "0.75": 0.674, "0.95": 1.645, "0.99": 2.326},
    }
}  # fmt: skip


class World:
    def __init__(self, folder: Path, **data: str) -> None:
        self.folder = folder
        self.dice = random.Random(3)
        self.clock = FakeClock(T)
        self.emitted: list[Any] = []
        self.registry_down = False
        self.signatures = 0
        settings = ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", (folder / "p").as_uri())
        self.log = JsonLinesLog(settings, no_secret)
        ctx: Any = SimpleNamespace(
            clock=self.clock, predictions=lambda name: self.log, registry=lambda name: self, emit=lambda *f: self.emitted.extend(f),
            store=SimpleNamespace(timeline=SimpleNamespace(query=lambda *_: ())),
        )  # fmt: skip
        self.book = FactBook()
        service = ServiceSettings("s", predictions="log", prediction="y", registry="r", model="m", data=data)
        self.reader = DataReader(Asking(ctx, self.book, lambda *_: None), service)

    def signature(self, model: str, version: str, deadline_s: float = 10.0) -> Signature:
        if self.registry_down:
            raise Unreachable(Problem("The registry is away."))
        self.signatures += 1
        return Signature(model, version, statistics=STATISTICS, data_until_s=T - 86_400)

    def write(self, since_s: float, until_s: float, n: int, south: float = 0.0, regions: str = "nsew") -> None:
        for i in range(n):
            at_s = since_s + (until_s - since_s) * i / n
            region = self.dice.choice(regions)
            x = self.dice.gauss(south if region == "s" else 0.0, 1.0)
            file = self.folder / "p" / "s" / f"{datetime.fromtimestamp(at_s, UTC):%Y%m%dT%H}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            entry = {"request_id": f"{at_s}", "time": datetime.fromtimestamp(at_s, UTC).isoformat(), "version": "1",
                     "inputs": {"x": x}, "outputs": {"y": 1}, "slices": {"region": region}, "status": 200}  # fmt: skip
            with file.open("a") as out:
                out.write(json.dumps(entry) + "\n")

    def look(self) -> Any:
        self.clock.advance(LOOK_EVERY_S)
        self.reader.read()
        return self.book.facts("s").data

    def signal(self) -> Any:
        return data_signal(self.book.facts("s").data, self.clock.mono_s(), LOOK_EVERY_S)

    def told(self) -> list[TimelineEvent]:
        return [e for e in self.emitted if isinstance(e, TimelineEvent)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.reader.read()  # the engine has just begun: no look yet
    assert made.book.facts("s").data.value is None
    assert SETTLE_S < LOOK_EVERY_S
    return made


def test_a_quiet_log_is_as_usual_and_tells_nothing(world: World) -> None:
    world.write(T - 4 * 3600, T + 600, 4000)
    for _ in range(3):
        report = world.look().value
    assert (report.findings, report.version) == ((), "1")
    assert report.trained_until_s == T - 86_400
    assert world.signatures == 1  # training does not change
    assert world.signal().health is Health.OK
    assert world.told() == []


def test_what_may_be_chance_at_one_look_of_many_is_not_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch looks every minute: what one look in fifty shows of calm data would page somebody every day."""
    world.write(T - 4 * 3600, T - 900, 2000)
    world.write(T - 900, T + 600, 240, south=0.8)
    assert world.look().value.findings == ()
    monkeypatch.setattr("mlcontrol.services.collect_data.SURE", 0.05)
    assert [f.column for f in world.look().value.findings], "the twin: as sure as who asks once"


def test_one_region_that_drifts_is_found_told_once_and_asks_for_people(world: World) -> None:
    world.write(T - 4 * 3600, T - 900, 6000)
    world.write(T - 840, T + 600, 640, south=1.5)
    first = world.look().value
    (worst, *_) = first.findings
    assert (worst.column, worst.slice, worst.against) == ("x", "region s", BEFORE)
    assert any(f.against == TRAINING and not f.slice for f in first.findings)
    assert world.signal().health is Health.OK  # one look alone tells nobody
    assert world.told() == []
    for _ in range(3):
        world.look()
    (event,) = world.told()
    assert event.kind is EventKind.DATA
    assert event.title.startswith("The data changed: x in region s")
    said = world.signal()
    assert (said.health, "x in region s" in f"{said.text} {said.detail}") == (Health.WARNING, True)
    asked = {c.rule: c for c in conditions([ServiceState("s", data=said)], ())}
    assert asked["data"].holds
    # The region is mended: what lasted does not outlive it.
    world.clock.advance(4000)
    world.write(T + 4000, T + 6000, 1500)
    assert [f for f in world.look().value.findings if f.slice == "region s"] == []


def test_a_region_that_changes_now_is_told_within_two_minutes_and_once(world: World) -> None:
    """Four answers a second, as a small service has: a window of a quarter of an hour alone tells of it minutes later."""
    world.write(T - 1200, T + 60, 5000)
    world.clock.advance(60)
    world.write(T + 60, T + 360, 1200, south=2.5)
    heard_s = None
    for _ in range(15):
        world.clock.advance(SUDDEN_EVERY_S)
        world.reader.read()
        now_s = world.clock.utc_s() - T - 60
        if heard_s is None and world.signal().health is Health.WARNING:
            heard_s = now_s
            (event,) = world.told()
            assert event.title == "The data changed: x in region s"
            assert -30 < event.at_s - T - 60 < 60  # where it began, not the middle of a long window
            assert {f.against for f in world.book.facts("s").data.value.lasting} == {JUST_BEFORE}
    assert heard_s is not None
    assert heard_s <= 100
    assert len(world.told()) == 1  # the longer window finds it too, and tells nobody again


def test_what_is_always_so_in_one_region_is_no_sudden_change() -> None:
    """Twenty minutes apart: a region that differs from the others, a colour that is rare, and nothing that changes."""
    dice = random.Random(7)
    rows = [
        LoggedPrediction(
            str(at_s), float(at_s), "1",
            json.dumps({"x": dice.gauss(2.0 if region == "s" else 0.0, 1.0), "c": dice.choice("aaaaaaaaab")}),
            '{"y": 1}', {"region": region},
        )
        for at_s in range(6000)
        for region in "nsew"
    ]  # fmt: skip

    class Kept:
        def sample(self, _service: str, n: int, _seed: int, since_s: float, until_s: float, *_: Any) -> Any:
            found = rows[4 * int(since_s) : 4 * int(until_s)]
            return tuple(dice.sample(found, min(n, len(found))))

    kept: Any = Kept()
    sudden = SuddenLook()
    for now_s in range(1200, 6000, 400):
        found = sudden.look(kept, ServiceSettings("s", prediction="y"), DataSettings(), now_s, 10.0)
        assert (found.found, found.rows >= 230) == ((), True)


def test_a_region_that_falls_silent_is_found(world: World) -> None:
    world.write(T - 4 * 3600, T - 900, 6000)
    world.write(T - 840, T + 600, 640, regions="new")
    found = world.look().value.findings
    assert ("region", "missing_slice", "region s") in {(f.column, f.aspect, f.slice) for f in found}


def test_half_the_volume_is_a_finding(world: World) -> None:
    world.write(T - 4 * 3600, T - 900, 6000)
    world.write(T - 840, T + 600, 300)
    assert "volume" in {f.aspect for f in world.look().value.findings}


def test_what_is_not_known_is_unknown_and_never_as_usual(world: World) -> None:
    world.registry_down = True
    assert world.look().value.comparisons == 0
    assert world.signal().health is Health.UNKNOWN
    world.write(T - 200, T + 600, 10)
    report = world.look().value
    assert "too few to compare" in " ".join(report.notes)
    assert world.signal().health is Health.UNKNOWN
    world.write(T - 4 * 3600, T - 1000, 3000)
    world.write(T - 200, T + 600, 600)
    report = world.look().value
    assert report.comparisons > 0  # against the time before; of training it says why not
    assert "registry did not tell" in " ".join(report.notes)
    world.clock.advance(1000)
    assert world.signal().health is Health.UNKNOWN  # too old


def test_a_slice_to_be_watched_that_no_answer_names_is_said(tmp_path: Path) -> None:
    made = World(tmp_path, slices="region, planet")
    made.reader.read()
    made.write(T - 4 * 3600, T + 600, 4000)
    assert "no answer names the slice planet" in " ".join(made.look().value.notes)
    assert "no answer names the slice planet" in made.signal().detail.lower()


def test_settings_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    world = World(tmp_path, window="soon")
    world.reader.read()
    world.write(T - 200, T + 600, 10)
    world.look()
    assert "is no span" in world.book.facts("s").data.failed.why
    assert world.signal().health is Health.UNKNOWN


def test_a_look_that_finds_nothing_reads_what_came_before_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(T - 1800, T + 600, 9600)
    spans: list[tuple[float, float]] = []
    sample = world.log.sample

    def counted(service: str, n: int, seed: int, since_s: float, until_s: float, *rest: Any) -> Any:
        spans.append((since_s, until_s))
        return sample(service, n, seed, since_s, until_s, *rest)

    monkeypatch.setattr(world.log, "sample", counted)
    sudden = SuddenLook()
    for i in range(7):
        now_s = T + 20.0 * i
        assert sudden.look(world.log, ServiceSettings("s", prediction="y"), DataSettings(), now_s, 10.0).found == ()
        assert all(until_s <= now_s for _, until_s in spans)
    windows = [until_s for since_s, until_s in spans if until_s - since_s > 600]
    assert windows == pytest.approx([T - 60, T, T + 60], abs=1.0)  # never of the newest answers themselves

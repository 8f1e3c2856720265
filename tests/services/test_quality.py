"""Quality on demand over a real log and a real store: measured, estimated, said by users, and all generations."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.golden_history import GenerationScore
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import (
    ConnectionKind,
    Freshness,
    Sample,
    SeriesData,
    SeriesKey,
    ServiceState,
    VersionFact,
    VersionSummary,
)
from mlcontrol.services.quality import QualityDesk, pooled_point
from mlcontrol.store.store import Store
from mlcontrol.testing.clock import FakeClock
from mlcontrol.testing.contracts.connection import no_secret

NOW = datetime(2026, 3, 29, 6, 0, tzinfo=UTC).timestamp()
HOUR = 3600.0


def write(folder: Path, kind: str, at_s: float, entries: list[dict[str, Any]]) -> None:
    file = folder / kind / "digits" / f"{datetime.fromtimestamp(at_s, UTC):%Y%m%dT%H}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.writelines(json.dumps(entry) + "\n" for entry in entries)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """Two hours of two versions; the newer is worse on handhelds, and users like it less."""
    dice = random.Random(4)
    for hour in (0, 1):
        start = NOW - (2 - hour) * HOUR
        logs: dict[str, list[dict[str, Any]]] = {"predictions": [], "labels": [], "feedback": []}
        for i in range(900):
            ident, at_s = f"r{hour}-{i}", start + 4 * i
            device, truth = dice.choice(["flatbed", "handheld"]), dice.randrange(3)
            good = dice.random() < (0.95 if hour == 0 or device == "flatbed" else 0.75)
            answer = truth if good else (truth + 1) % 3
            sure = 0.9 if good else 0.6
            p = [(1 - sure) / 2] * 3
            p[answer] = sure
            logs["predictions"].append(
                {"request_id": ident, "time": datetime.fromtimestamp(at_s, UTC).isoformat(), "version": str(hour + 1),
                 "inputs": {"x": 1.0}, "outputs": {"digit": answer, "p": p}, "slices": {"device": device}, "status": 200}
            )  # fmt: skip
            if i < 700:
                logs["labels"].append({"request_id": ident, "label": truth})
            if i % 3 == 0:
                logs["feedback"].append(
                    {"request_id": ident, "kind": "accept", "value": dice.random() < 0.9 - 0.3 * hour}
                )
        for kind, entries in logs.items():
            write(tmp_path, kind, start, entries)
    options = {name: (tmp_path / name).as_uri() for name in ("labels", "feedback")}
    url = (tmp_path / "predictions").as_uri()
    log = JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", url, options=options), no_secret)
    clock = FakeClock(NOW)
    store = Store.open("sqlite:///panel.db", tmp_path, clock, tmp_path)
    service = ServiceSettings("digits", predictions="log", prediction="digit", probability="p")
    versions = tuple(
        VersionSummary(str(n), metrics={"test_accuracy": 0.94 + n / 1000, "train_accuracy": 0.96}) for n in (1, 2)
    )
    fact = VersionFact(("2",), Freshness.FRESH)
    state = ServiceState("digits", intended=fact, used=fact, versions=versions)
    ctx = SimpleNamespace(
        clock=clock,
        store=store,
        settings=WorkspaceSettings("w", "w.toml", services={"digits": service, "bare": ServiceSettings("bare")}),
        predictions=lambda name: log,
        state=lambda: SimpleNamespace(services={"digits": state}),
    )
    yield ctx
    store.close()


def test_a_report_says_what_the_log_shows(world: Any) -> None:
    report = QualityDesk(world).report("digits", None, HOUR)
    assert (report.version, report.served, report.labelled) == ("2", 900, 700)
    measures = {m.name: m for m in report.measures}
    assert measures["accuracy"].low < 0.86 < measures["accuracy"].high
    assert measures["auc"].value > 0.9
    assert report.estimate.n == 200
    assert report.estimate.value == pytest.approx(0.85, abs=0.07)
    assert [(s.value, s.worse) for s in report.slices] == [("handheld", True), ("flatbed", False)]
    (users,) = report.feedback
    assert (users.n, users.before_n, users.changed) == (300, 300, True)
    assert users.change_high < 0
    assert QualityDesk(world).report("digits", "1", 2 * HOUR).version == "1"


def test_entries_that_cannot_be_read_are_told_of(world: Any, tmp_path: Path) -> None:
    """They had been left out in silence."""
    assert not any("cannot be read" in note for note in QualityDesk(world).report("digits", None, HOUR).notes)
    newest = max((tmp_path / "predictions" / "digits").glob("*.jsonl"))
    with newest.open("a") as out:
        out.write("not json\n" * 12)
    notes = QualityDesk(world).report("digits", None, HOUR).notes
    assert "12 entries in the log's files of this span cannot be read and are left out" in notes


def test_generations_join_every_source(world: Any) -> None:
    for number in range(5):
        key = SeriesKey("digits", "quality", (("source", "labels"), ("version", "2")))
        canary = SeriesKey("digits", "quality", (("source", "canary"), ("version", "2")))
        world.store.history.append([Sample(k, NOW - 60 * (number + 1), 0.85, 0.8, 0.9, 140) for k in (key, canary)])
    world.store.golden_scores.put("digits", GenerationScore("1", NOW - 9, 48, 50, "a"))
    world.store.golden_scores.put("digits", GenerationScore("2", NOW - 5, 47, 50, "b"))
    found = QualityDesk(world).generations("digits")
    assert {p.kind for p in found.points if p.version == "2"} == {"train", "test", "golden", "canary", "production"}
    assert found.of("golden").keys() == {"2"}  # another set of items cannot be compared
    assert (found.of("production")["2"].n, found.of("production")["2"].value) == (700, pytest.approx(0.85))
    assert "does not hold what its test promised" in found.findings[0][0]


@pytest.mark.parametrize(("service", "code"), [("bare", "not-configured"), ("nobody", "not-found")])
def test_what_cannot_be_measured_is_refused_with_a_reason(world: Any, service: str, code: str) -> None:
    with pytest.raises(ProblemError) as refused:
        QualityDesk(world).report(service, None, HOUR)
    assert refused.value.problem.code == code


def test_a_pooled_rmse_is_as_unsure_as_its_stretches_scatter() -> None:
    """Stretches of 20 errors that are Student's with 5 degrees of freedom; chi-square alone would hold two times in three."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(200):
        errors = rng.standard_t(5, (60, 20))
        value = np.sqrt((errors**2).mean(axis=1))
        data = SeriesData(
            SeriesKey("s", "quality"), b"", value=value.astype("<f8").tobytes(), n=np.full(60, 20.0, "<f8").tobytes()
        )
        point = pooled_point("production", "1", data, "rmse")
        assert point is not None
        held += point.low <= (5 / 3) ** 0.5 <= point.high
    assert held >= 0.88 * 200

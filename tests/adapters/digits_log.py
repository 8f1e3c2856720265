"""A small log of digits as JSON Lines, and what every log of digits must hold to, whatever it is kept in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.serving import OWN_QUESTIONS
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.predictions import DEADLINE_S, PredictionsContract

START_S = datetime(2026, 3, 29, 0, 30, tzinfo=UTC).timestamp()  # an hour in which clocks change in many places
SPAN = (START_S, START_S + 3600.0)


def log_in(folder: Path) -> JsonLinesLog:
    options = {"labels": (folder / "labels").as_uri()}
    url = (folder / "predictions").as_uri()
    return JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", url, options=options), no_secret)


def put(folder: Path, kind: str, at_s: float, entry: dict[str, Any] | str) -> None:
    hour = datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H")
    file = folder / kind / "digits" / f"{hour}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write((entry if isinstance(entry, str) else json.dumps(entry)) + "\n")


def prediction(number: int, at_s: float, **changes: Any) -> dict[str, Any]:
    entry = {
        "request_id": f"r{number}",
        "time": datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "service": "digits",
        "model": "digits",
        "version": "2" if number % 3 else "1",
        "inputs": {"image": [0.0, 1.0]},
        "outputs": {"digit": number % 10},
        "slices": {"region": "north" if number % 2 else "south"},
        "status": 200,
        "error": None,
        "latency_ms": 5.0,
    }
    return {**entry, **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """120 answered requests over an hour, one in four labelled wrongly, every tenth not labelled; every fourth is asked once more
    by the panel itself, which no reader counts."""
    for number in range(120):
        at_s = START_S + number * 30.0
        put(tmp_path, "predictions", at_s, prediction(number, at_s))
        if number % 4 == 0:
            own = prediction(number, at_s, request_id=f"{OWN_QUESTIONS}{number}", latency_ms=900.0)
            put(tmp_path, "predictions", at_s, own)
        if number % 10:
            label = number % 10 if number % 4 else (number + 1) % 10
            put(tmp_path, "labels", at_s + 60.0, {"request_id": f"r{number}", "time": "late", "label": label})
    return tmp_path


class DigitsContract(PredictionsContract):
    """The contract of logs, on one of digits."""

    @pytest.fixture
    def service(self) -> str:
        return "digits"

    @pytest.fixture
    def prediction(self) -> str:
        return "digit"

    @pytest.fixture
    def span(self) -> tuple[float, float]:
        return SPAN


def assert_same(adapter: Any, folder: Path) -> None:
    """The adapter's answers are those of the same log as JSON Lines in ``folder``."""
    lines = log_in(folder)
    asked: tuple[Callable[[Any], Any], ...] = (
        lambda log: log.shares("digits", *SPAN, deadline_s=DEADLINE_S),
        lambda log: log.quality("digits", "digit", *SPAN, 600.0, False, deadline_s=DEADLINE_S),
        lambda log: log.quality("digits", "digit", *SPAN, 600.0, True, deadline_s=DEADLINE_S),
        lambda log: log.latency("digits", *SPAN, deadline_s=DEADLINE_S),
        lambda log: log.slices("digits", *SPAN, deadline_s=DEADLINE_S),
        lambda log: log.evidence("digits", "digit", *SPAN, (4.0, 6.0), deadline_s=DEADLINE_S),
        lambda log: log.failures_by_slice("digits", *SPAN, deadline_s=DEADLINE_S),
        lambda log: [
            (p.request_id, p.at_s, json.loads(p.inputs))
            for p in log.sample("digits", 20, 7, *SPAN, deadline_s=DEADLINE_S)
        ],
    )
    for ask in asked:
        assert ask(adapter) == ask(lines)

"""Gate backtests over a real prediction log: a change of the past, its calm hours, and what cannot be replayed."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionKind, ConnectionSettings, RolloutSettings
from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.rollouts import TABLE
from mlcontrol.services import gate_backtest
from mlcontrol.services.gate_backtest import backtest
from tests.services.rollout_world import SERVICE, Context, World, opened

RATE = 4.0
BEFORE_S, AFTER_S = 3000.0, 600.0
PLAN = RolloutSettings("canary", (25.0,), min_requests=20, min_s=10.0, max_s=900.0, error_tolerance=0.05)


@pytest.fixture
def changed_s() -> float:
    return (datetime.now(UTC) - timedelta(seconds=AFTER_S)).timestamp()


@pytest.fixture
def ctx(tmp_path: Path, changed_s: float, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """v2 answered well for fifty minutes, then v3 took over and fails three in ten."""
    monkeypatch.setattr(gate_backtest, "REPLAYS", 4)
    rng = random.Random(5)
    lines: dict[str, list[str]] = {}
    at = changed_s - BEFORE_S
    while at < changed_s + AFTER_S:
        at += rng.expovariate(RATE)
        bad = at >= changed_s and rng.random() < 0.3
        moment = datetime.fromtimestamp(at, UTC)
        entry = {
            "request_id": str(uuid.UUID(int=rng.getrandbits(128))),
            "time": moment.isoformat(timespec="milliseconds"),
            "version": None if bad else "2" if at < changed_s else "3",
            "outputs": {} if bad else {"y": rng.choice([0, 1])},
            "status": 500 if bad else 200,
            "error": "it broke" if bad else None,
            "latency_ms": rng.uniform(4, 9),
        }
        lines.setdefault(f"{moment:%Y%m%dT%H}", []).append(json.dumps(entry))
    folder = tmp_path / "predictions" / "digits"
    folder.mkdir(parents=True)
    for hour, texts in lines.items():
        (folder / f"{hour}.jsonl").write_text("\n".join(texts) + "\n")
    connection = ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", folder.parent.as_uri())
    log = JsonLinesLog(connection, lambda _name: None)
    with opened(World(), tmp_path) as context:
        context.settings = replace(
            context.settings, services={"digits": replace(SERVICE, predictions="log", prediction="y")}
        )
        context.predictions = lambda _name: log  # type: ignore[attr-defined]
        yield context


def silent(_text: str, _fraction: float | None) -> None:
    """Nobody listens."""


def test_it_says_what_would_have_been_caught_when_and_at_how_many_false_alarms(ctx: Context, changed_s: float) -> None:
    found = backtest(ctx, "digits", changed_s, PLAN, 20.0, silent)
    assert (found.from_version, found.to_version) == ("2", "3")
    assert found.replayed.ended == "stopped"
    assert found.replayed.guard == "errors"
    assert found.replayed.after_s <= 240.0
    assert found.replayed.met < found.suffered / 2
    assert 0 < found.replayed.met_failed < found.suffered_failed
    assert found.calm is not None
    assert (found.calm.replays, found.calm.stopped) == (4, 0)
    assert found.calm.a_month == 0.0
    assert found.calm.high < 1.0
    assert "Golden set" in found.left_out


def test_without_a_record_of_rollouts_nobody_says_how_many_a_month(ctx: Context, changed_s: float) -> None:
    found = backtest(ctx, "digits", changed_s, PLAN, None, silent)
    assert found.calm is not None
    assert found.calm.a_month is None


@pytest.mark.parametrize(
    ("shift_s", "plan", "why"),
    [
        (-600.0, PLAN, "answers before and after"),
        (-86400.0, PLAN, "too little before"),
        (0.0, RolloutSettings("all-at-once"), "no guard to replay"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_the_reason(
    ctx: Context, changed_s: float, shift_s: float, plan: RolloutSettings, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_backtest, "HORIZON_S", 300.0)
    with pytest.raises(ProblemError, match=why):
        backtest(ctx, "digits", changed_s + shift_s, plan, None, silent)


def test_a_service_without_a_log_is_told_so(ctx: Context, changed_s: float) -> None:
    ctx.settings = replace(ctx.settings, services={"digits": SERVICE})
    with pytest.raises(ProblemError, match="Nothing of digits is recorded"):
        backtest(ctx, "digits", changed_s, PLAN, None, silent)


def test_a_backtest_that_is_given_up_ends_at_its_next_progress(ctx: Context, changed_s: float) -> None:
    told: list[str] = []

    def tell(text: str, _fraction: float | None) -> None:
        told.append(text)
        if text.startswith("Calm time: 1"):
            TABLE[m.StopBacktest][1](desk, m.StopBacktest(request="s", of="b"), silent)

    desk: Any = SimpleNamespace(ctx=ctx)
    command = m.BacktestGate(request="b", service="digits", at_s=changed_s, rollout=PLAN)
    with pytest.raises(ProblemError) as stopped:
        TABLE[m.BacktestGate][1](desk, command, tell)
    assert stopped.value.problem.code == "stopped"
    assert told[-1] == "Calm time: 1 replays"
    answer = TABLE[m.BacktestGate][1](desk, command, silent)
    assert isinstance(answer, m.GateBacktestAnswer), "the same question may be asked again"
    assert isinstance(TABLE[m.StopBacktest][1](desk, m.StopBacktest(request="t", of="b"), silent), m.Done)

"""The golden set is asked of the candidate and of what serves, at a bounded rate; the scores of both are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.golden import GoldenSet, set_name
from mlcontrol.core.golden_history import Drift
from mlcontrol.core.problem import ProblemError
from mlcontrol.services import golden_run
from mlcontrol.services.golden_book import GoldenBook
from mlcontrol.services.golden_run import run_golden
from tests.services.rollout_world import ITEMS, Context, World, opened


@pytest.fixture
def world() -> World:
    return World(ready=("1", "2", "3"))


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(golden_run, "MAX_PER_S", 2_000.0)
    with opened(world, tmp_path) as context:
        yield context


def test_candidate_and_serving_version_are_asked_the_same_items(ctx: Context, world: World) -> None:
    world.wrong = {"3"}
    found = run_golden(ctx, "digits", "3", "2")
    assert (found.score.right, found.score.n) == (0, 6)
    assert found.current is not None
    assert (found.current.version, found.current.right, found.current.n) == ("2", 6, 6)
    assert "0 of 6 golden items as expected, the version that serves 6 of 6" in found.evidence()
    kept = {one.version: one for one in ctx.store.golden_scores.generations("digits")}
    assert {v: (one.right, one.share, one.set_of) for v, one in kept.items()} == {
        "2": (6, 1.0, set_name(ITEMS)),
        "3": (0, 0.0, set_name(ITEMS)),
    }
    assert kept["3"].critical_failed == ("item-0",)


def test_what_is_known_of_the_serving_version_is_not_asked_again(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_golden(ctx, "digits", "2", None)
    asked: list[str | None] = []
    infer = world.infer

    def counted(model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Any:
        asked.append(version)
        return infer(model, inputs, version, deadline_s)

    monkeypatch.setattr(world, "infer", counted)
    assert run_golden(ctx, "digits", "3", "2").current is not None
    assert asked.count("2") == len(ITEMS), "beside the candidate, for its speed alone"


def test_the_rate_is_bounded(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr(golden_run, "MAX_PER_S", 4.0)
    monkeypatch.setattr(golden_run.time, "sleep", paused.append)
    run_golden(ctx, "digits", "2", None)
    assert len(paused) == len(ITEMS)
    assert all(0.2 < seconds <= 0.25 for seconds in paused)


def test_the_book_shows_the_generations_and_who_has_no_set(ctx: Context, world: World) -> None:
    for version in ("1", "2"):
        run_golden(ctx, "digits", version, None)
        ctx.store.knowledge.mark_known_good("digits", version)
    world.wrong = {"3"}
    run_golden(ctx, "digits", "3", "2")
    found = GoldenBook(ctx).look("digits")
    assert [(g.score.version, g.drift, g.known_good) for g in found.generations] == [
        ("1", Drift.FIRST, True),
        ("2", Drift.AS_BEFORE, True),
        ("3", Drift.WORSE, False),
    ]
    ctx.has_golden = False
    with pytest.raises(ProblemError) as error:
        GoldenBook(ctx).look("digits")
    assert error.value.problem.code == "not-configured"


def test_the_minimum_is_held_to_the_share_by_importance(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five of six right is 83 %, but the one that fails weighs as much as all others."""
    heavy = (replace(ITEMS[5], importance=5.0), *ITEMS[:5])
    monkeypatch.setattr(Context, "golden", lambda self, service: GoldenSet("digits", "digits", heavy, 0.8))
    infer = World.infer

    def wrong_on_five(self: World, model: str, inputs: Any, *rest: Any, **more: Any) -> Any:
        answer = infer(self, model, inputs, *rest, **more)
        return replace(answer, outputs={"y": [[-1]]}) if inputs == ITEMS[5].inputs else answer

    monkeypatch.setattr(World, "infer", wrong_on_five)
    problem = run_golden(ctx, "digits", "3", None).problem("3")
    assert problem is not None
    assert "5 of 6 golden items as expected (50.0% by importance)" in problem.why
    monkeypatch.setattr(Context, "golden", lambda self, service: GoldenSet("digits", "digits", ITEMS, 0.8))
    assert run_golden(ctx, "digits", "3", None).problem("3") is None

"""Whom a plan touches: the slices of those who asked lately, as far as a log tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import TimedOut
from mlcontrol.services.blast import touched_slices
from tests.services.rollout_world import SERVICE, Context, World, opened


def told(folder: Path, counts: Any, predictions: str = "log") -> tuple[str, ...]:
    def slices(*_given: Any) -> Any:
        if isinstance(counts, Exception):
            raise counts
        return counts

    with opened(World(), folder) as ctx:
        ctx.settings = replace(ctx.settings, services={"digits": replace(SERVICE, predictions=predictions)})
        ctx.predictions = lambda _: SimpleNamespace(slices=slices)  # type: ignore[attr-defined]
        return touched_slices(as_context(ctx), "digits")


def as_context(ctx: Context) -> Any:
    return ctx


def test_the_largest_come_first_with_their_share_and_the_rest_is_counted(tmp_path: Path) -> None:
    counts = {"tier": {"paid": 1, "free": 3}, "region": {"a": 10, "b": 40, "c": 30, "d": 15, "e": 5}}
    assert told(tmp_path, counts) == ("region: b 40 %, c 30 %, d 15 %, 2 more", "tier: free 75 %, paid 25 %")


@pytest.mark.parametrize(
    ("counts", "predictions"),
    [({}, "log"), ({"region": {}}, "log"), (TimedOut(Problem("No answer in time.")), "log"), ({"a": {"b": 1}}, "")],
)
def test_what_no_log_tells_is_left_out(tmp_path: Path, counts: Any, predictions: str) -> None:
    assert told(tmp_path, counts, predictions) == ()


def test_a_name_from_a_log_is_short_and_shows_what_it_hides(tmp_path: Path) -> None:
    (words,) = told(tmp_path, {"region\x1b[31m": {"\u202e" + "x" * 60: 1}})
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert len(words) < 80

"""What a postmortem proposes for the golden set is really in it after one action: in its file, asked of the next version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet, matches
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.ports.predictions import LoggedPrediction, SliceFailures
from mlcontrol.services.golden_run import run_golden
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.store.golden_files import read_golden, write_golden
from tests.services.burning_world import Burning, adding, briefing, incidents, recovered
from tests.services.rollout_world import ITEMS, World

__all__ = ["briefing", "incidents"]


class Log:
    """Three requests that failed, one of them twice; the first has its label by now."""

    def failures(self, service: str, limit: int, since_s: float, until_s: float, deadline_s: float) -> Any:
        rows = (("a", 41, "41"), ("b", 42, None), ("c", 43, None), ("d", 42, None))
        return tuple(
            LoggedPrediction(
                name, since_s + 1, "2", json.dumps({"x": [value]}), "{}", {"colour": "G"}, 500, label=label
            )
            for name, value, label in rows
        )

    def failures_by_slice(self, *_args: Any) -> tuple[SliceFailures, ...]:
        return ()


class WithFiles(Burning):
    """Its golden set is a real file; its prediction log holds what failed."""

    def golden(self, service: str) -> GoldenSet | None:
        return read_golden(self.folder / "golden.json")

    def predictions(self, connection: str) -> Log:
        return Log()


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[WithFiles]:
    write_golden(tmp_path / "golden.json", GoldenSet("digits", "digits", ITEMS, 0.9))
    made = WithFiles(World(stable="2", alias="2"), tmp_path)
    service = replace(made.settings.services["digits"], predictions="log", prediction="y")
    made.settings = replace(made.settings, services={"digits": service})
    yield made
    made.store.close()


def test_one_action_puts_the_failed_requests_into_the_golden_set(
    ctx: WithFiles, incidents: Incidents, briefing: Briefing
) -> None:
    one = incidents.declare("digits", "ann", detected_s=ctx.began_s + 2)
    adder = adding(ctx, incidents, briefing)
    recovered(ctx, incidents, briefing)
    proposed = next(p for p in briefing.brief(one.id).prevention if p.kind == "golden")
    assert proposed.title.startswith("Add 3 requests that failed to the golden set")
    assert len(read_golden(ctx.folder / "golden.json").items) == len(ITEMS), "proposing changes nothing"
    adder.add(one.id, proposed.id, "ann")

    now = read_golden(ctx.folder / "golden.json")
    assert now.items[: len(ITEMS)] == ITEMS
    added = now.items[len(ITEMS) :]
    assert [item.inputs["x"] for item in added] == [[[41]], [[42]], [[43]]], "each once, nested as the set has them"
    assert [item.slices for item in added] == [{"colour": "G"}] * 3
    assert all(matches(item.expected, ctx.world.infer("digits", item.inputs, "1").outputs) for item in added)
    # It is asked from now on: a version that answers wrongly there is found by it.
    assert run_golden(ctx, "digits", "1", None).score.right == len(ITEMS) + 3  # type: ignore[arg-type]
    kinds = [(row.actor, row.action) for row in ctx.store.audit.rows(None, 50)]
    assert ("ann", "golden.added") in kinds
    shown = next(p for p in briefing.brief(one.id).prevention if p.id == proposed.id)
    assert shown.added
    assert [e.kind for e in incidents.get(one.id).entries][-1] is EntryKind.PREVENTION
    with pytest.raises(ProblemError, match="added already"):
        adder.add(one.id, proposed.id, "ann")
    assert len(read_golden(ctx.folder / "golden.json").items) == len(ITEMS) + 3


def test_what_the_good_version_does_not_answer_is_no_golden_item(
    ctx: WithFiles, incidents: Incidents, briefing: Briefing
) -> None:
    """A request that every version refuses would make every later version fail."""
    one = incidents.declare("digits", "ann", detected_s=ctx.began_s + 2)
    recovered(ctx, incidents, briefing)
    answers = ctx.world.infer

    def infer(model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Any:
        found = answers(model, inputs, version, deadline_s)
        return found if inputs["x"][0][0] != 42 else replace(found, outputs={})

    ctx.world.infer = infer
    later = Briefing(ctx, incidents, lambda: None)
    assert later.brief(one.id).prevention
    proposal = later.proposal(one.id, "golden-failing")
    assert proposal is not None
    assert [item.inputs["x"][0][0] for item in proposal.items] == [41, 43]
    assert all(isinstance(item, GoldenItem) and isinstance(item.expected, Expected) for item in proposal.items)

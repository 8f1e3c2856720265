"""What a line of `--follow` carries beside the operation itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.core.operation import Phase
from mlcontrol.core.owner import Owner, OwnerKind
from tests.cli.test_commands import PLAN, executing, planning


def test_each_line_says_who_else_keeps_the_target_as_the_plan_and_the_last_document_do(
    engine: Any, run: Callable[..., Any]
) -> None:
    owner = Owner("route digits of router", "Flux digits", OwnerKind.KEEPER, "Flux digits keeps route digits.")
    planning(engine, replace(PLAN, owners=(owner,), owners_unread=("route digits: no answer",)))
    executing(engine, Phase.RUNNING, Phase.RETURNING, Phase.RETURNED)
    words = ("digits", "3", "--reason", "slow", "--yes", "--format", "json")
    (planned,) = run("plan", *words[:2], "--format", "json").documents
    lines = run("deploy", *words, "--follow").documents
    (whole,) = run("deploy", *words).documents
    assert planned["owners"][0]["name"] == "Flux digits"
    for document in (*lines, whole):
        assert (document["owners"], document["owners_unread"]) == (planned["owners"], planned["owners_unread"])

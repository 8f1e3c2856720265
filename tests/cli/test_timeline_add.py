"""`mlcontrol timeline add`: what a pipeline records is there once, in its lane, with its source, and suspected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.core.recorded import event_of
from mlcontrol.core.types import EventKind
from mlcontrol.engine import messages as m
from tests.cli.conftest import command

SNAPSHOT = ("timeline", "add", "--kind", "data", "--title", "features of 14 November")


def added(fresh: bool = True) -> Callable[[Any], Any]:
    def answer(asked: Any) -> Any:
        event = event_of(asked.change, asked.actor, 1_800_000_000.0)
        return m.ChangeRecorded(request=asked.request, event=event, fresh=fresh)

    return answer


def test_everything_that_was_said_goes_to_the_engine(engine: Any, run: Callable[..., Any]) -> None:
    engine.answers[m.RecordChange] = added()
    more = (
        "--service",
        "digits",
        "--version-from",
        "13",
        "--version-to",
        "14",
        "--detail",
        "1204 rows",
        "--id",
        "run-7",
    )
    ran = run(*SNAPSHOT, *more, "--at", "30m", "--format", "json")
    (asked,) = engine.asked
    change = asked.change
    assert (change.kind, change.title, change.service) == (EventKind.DATA, "features of 14 November", "digits")
    assert (change.version_from, change.version_to, change.detail, change.ident) == ("13", "14", "1204 rows", "run-7")
    assert change.source == "pipeline"
    assert asked.actor
    (document,) = ran.documents
    assert (document["schema"], document["added"], ran.code) == ("mlcontrol.timeline-added/1", True, 0)
    assert document["event"]["title"] == "features of 14 November"
    assert document["event"]["at"].endswith("Z")


def test_words_go_to_standard_error_and_a_second_time_is_said(engine: Any, run: Callable[..., Any]) -> None:
    engine.answers[m.RecordChange] = added()
    ran = run(*SNAPSHOT)
    assert (ran.code, ran.out) == (0, "")
    assert "On the timeline: " in ran.err
    engine.answers[m.RecordChange] = added(fresh=False)
    assert "On the timeline already" in run(*SNAPSHOT, "--id", "run-7").err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--title", ""),
        ("--title", "x" * 201),
        ("--kind", "deploy"),
        ("--at", "2999-01-01T00:00:00Z"),
        ("--at", "soon"),
        ("--id", "two words"),
        ("--version-to", "x" * 101),
        ("--title", "caf\udce9"),
    ],
)
def test_what_is_wrong_is_said_before_an_engine_is_asked(
    engine: Any, run: Callable[..., Any], wrong: tuple[str, str]
) -> None:
    ran = run(*SNAPSHOT, *wrong)
    assert ran.code == 3
    assert ran.err
    assert engine.asked == []


@pytest.mark.parametrize(("code", "ends"), [("conflict", 1), ("blocked", 1), ("timeout", 2), ("not-found", 3)])
def test_how_it_ends(engine: Any, run: Callable[..., Any], code: str, ends: int) -> None:
    engine.answers[m.RecordChange] = lambda _c: Problem("It was not recorded.", code=code)
    assert run(*SNAPSHOT).code == ends


def test_common_options_count_wherever_they_stand(engine: Any, run: Callable[..., Any]) -> None:
    engine.answers[m.RecordChange] = added()
    for words in (("--format", "json", *SNAPSHOT), ("timeline", "--format", "json", *SNAPSHOT[1:])):
        (document,) = run(*words).documents
        assert document["added"]


def test_hostile_words_are_shown_not_obeyed(engine: Any, run: Callable[..., Any]) -> None:
    engine.answers[m.RecordChange] = added()
    ran = run("timeline", "add", "--kind", "note", "--title", "\x1b[2J\u202e<b>x</b>")
    assert ran.code == 0
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err


@pytest.mark.usefixtures("engine_inside")
def test_with_a_real_engine_it_is_there_once_and_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "mlcontrol.toml"
    workspace.write_text('version = 1\nname = "t"\nstore = "sqlite:///t.db"\n[services.digits]\n')
    words = (*SNAPSHOT, "--service", "digits", "--id", "run-7", "--version-to", "14")
    assert command(workspace, capsys, *words)[0] == 0
    code, _, err = command(workspace, capsys, *words)
    assert (code, "already" in err) == (0, True)
    code, _, err = command(workspace, capsys, *words, "--title", "another")
    assert (code, "another change" in err) == (1, True)
    assert command(workspace, capsys, *SNAPSHOT, "--service", "nobody")[0] == 3
    code, out, _ = command(workspace, capsys, "timeline", "--kind", "data", "--text", "14 pipeline")
    assert code == 0
    assert out.count("features of 14 November") == 1
    assert "pipeline" in out

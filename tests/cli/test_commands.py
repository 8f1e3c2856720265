"""Exit codes, JSON documents and words of the commands, against a scripted engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Assumption, BlastRadius, Plan, PlanStep
from mlcontrol.core.problem import Problem
from mlcontrol.core.review import Score
from mlcontrol.core.types import (
    EventKind,
    Freshness,
    Health,
    ServiceState,
    Signal,
    Stamp,
    TimelineEvent,
    VersionFact,
)
from mlcontrol.engine import messages as m

OK = Signal(Health.OK, "fine", freshness=Freshness.FRESH, at=Stamp(1.8e9, 1.0, 1))
PLAN = Plan(
    "digits",
    OperationKind.DEPLOY,
    "2",
    "3",
    False,
    Assumption("2", ("2",), "2", None, 0.0, None),
    (PlanStep("load", "Load", "v3 beside v2", 8.0),),
    BlastRadius(8.0, 1.0, (), 8.0),
    None,
    9.0,
    1.8e9,
)


def service(**changes: Any) -> ServiceState:
    fact = VersionFact(("2",), Freshness.FRESH, Stamp(1.8e9, 1.0, 1), "triton")
    made = ServiceState("digits", intended=fact, served=fact, used=fact, presence=OK, use=OK, accuracy=OK)
    return replace(made, **changes)


def with_services(engine: Any, *services: ServiceState) -> None:
    engine.state = replace(engine.state, services={s.id: s for s in services})


def planning(engine: Any, plan: Plan = PLAN) -> None:
    engine.answers[m.MakePlan] = lambda c: m.PlanAnswer(request=c.request, plan=plan, plan_hash=plan.hash)


def executing(engine: Any, *phases: Phase) -> None:
    """Execution tells the phases, one after another."""

    def execute(c: m.Execute) -> m.Done:
        for seq, phase in enumerate(phases):
            step = Step("load", "Load", StepState.DONE, "in 2.1 s")
            engine.tell(m.OperationChanged(operation=Operation(
                c.operation, OperationKind.DEPLOY, "digits", "2", "3", c.actor, c.reason, c.plan_hash, phase, (step,), seq=seq,
                summary=f"now {phase.value}",
            )))  # fmt: skip
        return m.Done(request=c.request)

    engine.answers[m.Execute] = execute


def test_help_needs_no_qt_and_no_engine() -> None:
    code = """
import sys
from mlcontrol.cli.main import main
assert main(["--help"]) == 0
heavy = {"PySide6", "sqlalchemy", "requests", "numpy", "pandas", "mlcontrol.engine"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("deploy", "digits", "3"), ("rollback", "digits"), ("status", "--format", "xml"), ("--version",)],
)
def test_wrong_usage_cannot_run(run: Callable[..., Any], words: tuple[str, ...]) -> None:
    assert run(*words).code == (0 if words == ("--version",) else 3)


def test_without_a_workspace_the_way_on_is_said(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("status")
    assert (ran.code, ran.out) == (3, "")
    assert "mlcontrol demo" in ran.err


def test_without_a_display_the_window_says_how_to_go_on(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for words in ((), ("demo",)):
        ran = run(*words)
        assert (ran.code, ran.out) == (3, "")
        assert "mlcontrol status" in ran.err


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"use": replace(OK, health=Health.WARNING)}, 0),
        ({"use": replace(OK, health=Health.CRITICAL)}, 1),
        ({"accuracy": Signal()}, 2),
        ({"accuracy": Signal(), "use": replace(OK, health=Health.CRITICAL)}, 1),
    ],
)
def test_status_tells_the_worst(engine: Any, run: Callable[..., Any], changes: dict[str, Any], code: int) -> None:
    with_services(engine, service(**changes))
    ran = run("status", "--format", "json")
    assert ran.code == code
    (document,) = ran.documents
    assert document["schema"] == "mlcontrol.status/1"
    assert document["services"][0]["served"]["versions"] == ["2"]
    assert document["services"][0]["served"]["age_s"] > 0


def test_status_without_services_is_no_data(engine: Any, run: Callable[..., Any]) -> None:
    assert run("status").code == 2


def test_status_of_an_unknown_service_names_the_known(engine: Any, run: Callable[..., Any]) -> None:
    with_services(engine, service())
    ran = run("status", "digit")
    assert (ran.code, ran.out) == (3, "")
    assert "digits" in ran.err


def test_server_text_cannot_command_the_terminal(engine: Any, run: Callable[..., Any]) -> None:
    with_services(engine, service(presence=replace(OK, text="\x1b[2J\u202egone")))
    assert not {"\x1b", "\u202e"} & set(run("status").out)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 0), ({"blocked_by": ("inputs.zip is read as cost",)}, 1), ({"unknown": ("no signature",)}, 2)],
)
def test_plan_answers_may_it_run(engine: Any, run: Callable[..., Any], changes: dict[str, Any], code: int) -> None:
    planning(engine, replace(PLAN, **changes))
    ran = run("plan", "digits", "3")
    assert ran.code == code
    assert all(sentence in ran.out for sentences in changes.values() for sentence in sentences)
    (document,) = run("plan", "digits", "3", "--format", "json").documents
    assert document["schema"] == "mlcontrol.plan/1"


def test_a_blocked_deploy_changes_nothing(engine: Any, run: Callable[..., Any]) -> None:
    planning(engine, replace(PLAN, blocked_by=("inputs.zip is read as cost",)))
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes")
    assert ran.code == 1
    assert "inputs.zip is read as cost" in ran.out
    assert not [c for c in engine.asked if isinstance(c, m.Execute)]


def test_a_deploy_without_a_terminal_needs_yes(engine: Any, run: Callable[..., Any]) -> None:
    planning(engine)
    ran = run("deploy", "digits", "3", "--reason", "try")
    assert ran.code == 3
    assert "--yes" in ran.err
    assert not [c for c in engine.asked if isinstance(c, m.Execute)]


@pytest.mark.parametrize(
    ("end", "code"),
    [(Phase.DONE, 0), (Phase.RETURNED, 1), (Phase.REFUSED, 1), (Phase.FAILED, 1), (Phase.UNRESOLVED, 2)],
)
def test_a_deploy_ends_as_it_ends(engine: Any, run: Callable[..., Any], end: Phase, code: int) -> None:
    planning(engine)
    executing(engine, Phase.RUNNING, end)
    ran = run("deploy", "digits", "3", "--reason", "better", "--yes")
    assert ran.code == code
    assert f"now {end.value}" in ran.out
    (execute,) = [c for c in engine.asked if isinstance(c, m.Execute)]
    assert (execute.reason, execute.plan_hash, execute.accept_unknown) == ("better", PLAN.hash, False)


def test_follow_gives_one_document_a_line(engine: Any, run: Callable[..., Any]) -> None:
    planning(engine)
    executing(engine, Phase.RUNNING, Phase.RETURNING, Phase.RETURNED)
    ran = run("rollback", "digits", "--to", "1", "--reason", "slow", "--yes", "--follow", "--format", "json")
    assert [d["phase"] for d in ran.documents] == ["running", "returning", "returned"]
    assert {d["schema"] for d in ran.documents} == {"mlcontrol.operation/1"}


def test_an_engine_lost_in_the_middle_is_unknown(engine: Any, run: Callable[..., Any]) -> None:
    planning(engine)

    def die(c: m.Execute) -> m.Done:
        engine.lost(Problem("The engine has ended.", code="engine-lost"))
        return m.Done(request=c.request)

    engine.answers[m.Execute] = die
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes")
    assert ran.code == 2
    assert "The engine has ended." in ran.err


def test_ctrl_c_aborts_and_says_what_state_was_left(
    engine: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlcontrol.cli import rollout

    planning(engine)
    executing(engine, Phase.RUNNING)

    def abort(c: m.Abort) -> m.Done:
        executing(engine, Phase.RETURNING, Phase.ABORTED)
        (execute,) = [asked for asked in engine.asked if isinstance(asked, m.Execute)]
        engine.answers[m.Execute](execute)
        return m.Done(request=c.request)

    engine.answers[m.Abort] = abort
    follow, times = rollout.follow, iter([KeyboardInterrupt])

    def interrupted_once(*args: Any) -> Operation:
        for error in times:
            raise error
        return follow(*args)

    monkeypatch.setattr(rollout, "follow", interrupted_once)
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes")
    assert ran.code == 1
    assert "now aborted" in ran.out
    assert [c.operation for c in engine.asked if isinstance(c, m.Abort)] == [
        c.operation for c in engine.asked if isinstance(c, m.Execute)
    ]


def test_ctrl_c_after_the_end_tells_the_end(
    engine: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person was a moment too late: what counts is how it ended, not that nothing could be aborted."""
    from mlcontrol.cli import rollout

    planning(engine)
    executing(engine, Phase.DONE)
    engine.answers[m.Abort] = lambda _c: Problem("This operation does not run any more.", code="not-found")

    def interrupted(*_args: Any) -> Operation:
        raise KeyboardInterrupt

    monkeypatch.setattr(rollout, "follow", interrupted)
    ran = run("deploy", "digits", "3", "--reason", "try", "--yes")
    assert (ran.code, "now done" in ran.out, "Too late" in ran.err) == (0, True, True)
    follow = run("deploy", "digits", "3", "--reason", "try", "--yes", "--follow", "--format", "json")
    assert (follow.code, follow.documents[-1]["phase"]) == (0, "done")
    engine.answers[m.Abort] = lambda _c: Problem("The engine has ended.", code="engine-lost")
    assert run("deploy", "digits", "3", "--reason", "try", "--yes").code == 2


def test_timeline_passes_the_filters_on(engine: Any, run: Callable[..., Any]) -> None:
    event = TimelineEvent("e1", 1.8e9, EventKind.ALIAS, "champion moved", "digits")
    engine.answers[m.QueryTimeline] = lambda c: m.TimelineAnswer(request=c.request, events=(event,))
    ran = run(
        "timeline", "--service", "digits", "--since", "2027-01-01T00:00:00Z", "--kind", "alias", "--format", "json"
    )
    assert ran.code == 0
    assert ran.documents[0]["events"][0]["at"] == "2027-01-15T08:00:00.000Z"
    (asked,) = engine.asked
    assert (asked.service, asked.since_s, asked.kinds) == ("digits", 1798761600.0, (EventKind.ALIAS,))
    assert run("timeline", "--since", "yesterday-ish").code == 3


def test_a_secret_goes_to_the_keyring_and_nowhere_else(
    engine: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "mlcontrol.engine.secret_entry.store_secret", lambda _w, name, secret: kept.append((name, secret))
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    ran = run("connection", "secret", "registry")
    assert (ran.code, kept) == (0, [("registry", "hunter2")])
    assert "hunter2" not in ran.out + ran.err
    assert engine.asked == []


def test_a_connection_that_does_not_answer_is_not_saved(engine: Any, run: Callable[..., Any]) -> None:
    problem = Problem("Nothing listens there.", code="unreachable")
    engine.answers[m.TestConnection] = lambda c: m.ConnectionDiagnosis(request=c.request, problem=problem)
    engine.answers[m.SaveConnection] = lambda c: m.Done(request=c.request)
    words = ("connection", "add", "triton", "--kind", "serving", "--adapter", "triton", "--url", "http://127.0.0.1:1")
    assert run(*words).code == 1
    assert not [c for c in engine.asked if isinstance(c, m.SaveConnection)]
    assert run(*words, "--untested", "--option", "grpc=127.0.0.1:2").code == 0
    (saved,) = [c for c in engine.asked if isinstance(c, m.SaveConnection)]
    assert saved.settings.options == {"grpc": "127.0.0.1:2"}


def test_review_score_shows_the_interval(engine: Any, run: Callable[..., Any]) -> None:
    scores = (Score("2", 9, 10, 0.9, 0.596, 0.982),)
    engine.answers[m.QueryScores] = lambda c: m.ScoresAnswer(request=c.request, service=c.service, scores=scores)
    assert "0.596 to 0.982" in run("review", "score", "digits").out
    engine.answers[m.QueryScores] = lambda c: m.ScoresAnswer(request=c.request, service=c.service, scores=())
    assert run("review", "score", "digits").code == 2


def test_the_sandbox_that_is_not_there(run: Callable[..., Any]) -> None:
    ran = run("sandbox", "status", "--format", "json")
    assert ran.documents[0]["state"] == "absent"
    assert run("sandbox", "traffic", "5").code == 3
    assert "server-frozen" in run("sandbox", "fault").out
    assert run("sandbox", "down").code == 0

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.compatibility.report import Direction, Evidence, Finding, Level, Report, Verdict
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Assumption, BlastRadius, Plan, PlanStep
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import (
    Freshness,
    Health,
    ServiceState,
    Stamp,
    VersionFact,
    VersionSummary,
    WayBack,
    WayBackState,
)
from mlcontrol.gui.viewmodels.check_sheet import check_sheet, markdown
from mlcontrol.gui.viewmodels.plan_sheet import plan_sheet, start_refusal
from mlcontrol.gui.viewmodels.rollout_board import board, live_operation, operation_rows
from mlcontrol.gui.viewmodels.rollout_choice import default_choice, version_choices

NOW = 1_700_000_000.0


def finding(verdict: Verdict, direction: Direction = Direction.DEPLOY, rule: str = "I1") -> Finding:
    return Finding(
        rule, direction, verdict, "inputs.age", "age is new", "callers do not send it", "give it a default",
        Evidence(Level.DECLARED),
    )  # fmt: skip


def report(deploy: Verdict, rollback: Verdict, *findings: Finding, one_way: bool = False) -> Report:
    return Report("digits/3", "digits/2", "triton", deploy, rollback, one_way, findings, passed_rules=("O1", "O2"))


def fact(*versions: str, freshness: Freshness = Freshness.FRESH) -> VersionFact:
    return VersionFact(versions, freshness, Stamp(NOW - 2, 10.0, 1))


def service(**changes: object) -> ServiceState:
    base = ServiceState(
        id="digits",
        intended=fact("2"),
        served=fact("1", "2"),
        used=fact("2"),
        traffic_by_version={"2": 9.0, "3": 1.0},
        way_back=WayBack(WayBackState.HOT, "1", 3.0),
        versions=(
            VersionSummary("1", NOW - 900, 1000, metrics={"test_accuracy": 0.95}),
            VersionSummary("2", NOW - 600, 1000, ("champion",), metrics={"test_accuracy": 0.96}, served=True),
            VersionSummary("3", NOW - 300, 1400, ("challenger",)),
            VersionSummary("4", NOW - 100, 1000, quarantined="errors rose"),
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def plan(**changes: object) -> Plan:
    base = Plan(
        "digits", OperationKind.ROLLBACK, "3", "2", False,
        Assumption("3", ("2", "3"), "3", None, 0.0, None),
        (PlanStep("route", "Send all traffic to v2", "map", 1.0), PlanStep("verify", "Verify", "", 2.0)),
        BlastRadius(8.0, 1.0, (), None, ("answers already given",)), None, 3.0, NOW,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def operation(phase: Phase = Phase.RUNNING, **changes: object) -> Operation:
    base = Operation(
        "op1", OperationKind.DEPLOY, "digits", "2", "3", "ada", "better", "sha256:1", phase,
        (
            Step("load", "Load v3", StepState.DONE, "ready in 0.8 s", 2.0, NOW - 9, NOW - 8),
            Step("golden", "Ask the golden set", StepState.RUNNING, "", 3.0, NOW - 2),
            Step("verify", "Verify", StepState.WAITING, "", 4.0),
        ),
        NOW - 10,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deploy", "health"),
    [
        (Verdict.BLOCK, Health.CRITICAL),
        (Verdict.UNKNOWN, Health.UNKNOWN),
        (Verdict.WARN, Health.WARNING),
        (Verdict.INFO, Health.OK),
        (Verdict.PASS, Health.OK),
    ],
)
def test_the_deploy_answer_follows_the_verdict(deploy: Verdict, health: Health) -> None:
    sheet = check_sheet(report(deploy, Verdict.PASS, finding(deploy)), "3", "2")
    assert sheet.deploy.health is health
    assert (sheet.deploy.health is Health.OK) == (sheet.deploy.verdict == "Yes")


@pytest.mark.parametrize("rollback", list(Verdict))
@pytest.mark.parametrize("one_way", [False, True])
def test_the_way_back_is_never_promised_when_it_is_not_known(rollback: Verdict, one_way: bool) -> None:
    sheet = check_sheet(report(Verdict.PASS, rollback, one_way=one_way), "3", "2")
    promised = sheet.comeback.health in (Health.OK, Health.WARNING)
    assert promised == (not one_way and rollback not in (Verdict.BLOCK, Verdict.UNKNOWN))
    assert check_sheet(report(Verdict.PASS, rollback), "3", None).comeback.health is Health.UNKNOWN


def test_findings_come_blocks_first_and_passed_ones_are_folded() -> None:
    sheet = check_sheet(
        report(
            Verdict.BLOCK,
            Verdict.BLOCK,
            finding(Verdict.WARN),
            finding(Verdict.UNKNOWN),
            finding(Verdict.BLOCK, Direction.ROLLBACK),
            finding(Verdict.BLOCK),
        ),
        "3",
        "2",
    )
    assert [g.title for g in sheet.groups] == [
        "Stops the deploy",
        "Stops the way back",
        "Not known, so not passed",
        "Warnings to acknowledge",
        "Passed 2",
    ]
    assert [g.folded for g in sheet.groups] == [False, False, False, False, True]


def test_markdown_holds_the_answers_and_disarms_foreign_text() -> None:
    hostile = replace(finding(Verdict.BLOCK), title="<img src=x> [a](http://b)\n# head")
    text = markdown(report(Verdict.BLOCK, Verdict.PASS, hostile), "digits", "3", "2")
    assert "**Deploy v3?** No" in text
    assert "<img" not in text.replace("\\<img", "")
    assert "\n# head" not in text
    assert "To fix: give it a default" in text


def test_versions_are_listed_newest_first_with_what_one_needs_to_choose() -> None:
    rows = version_choices(service(), NOW)
    assert [r.version for r in rows] == ["4", "3", "2", "1"]
    assert rows[1].size == "1.4 kB (+40%)"
    assert rows[0].quarantine == "errors rose"
    assert "used now" in rows[2].marks
    assert rows[2].refusal
    assert rows[1].metrics.startswith("?")
    assert "way back" in rows[3].marks
    assert default_choice(rows, service()) == "3"


def test_no_version_is_offered_when_all_are_quarantined() -> None:
    only = service(versions=(VersionSummary("4", NOW, quarantined="errors"),))
    assert default_choice(version_choices(only, NOW), only) is None


def test_a_plan_says_what_happens_and_what_a_return_does_not_undo() -> None:
    sheet = plan_sheet(plan())
    assert sheet.headline == "Roll back to v2"
    assert sheet.irreversible == ("answers already given",)
    assert ("at risk", "8.0 /s, 100 % of the traffic") in sheet.facts
    assert plan_sheet(plan(blocked_by=("v2 is quarantined",))).sentence == "Cannot start. v2 is quarantined"


def test_start_says_on_itself_why_it_cannot_act() -> None:
    assert start_refusal(plan(), "errors rose") == ""
    assert start_refusal(plan(), "  ") == "say why first"
    assert start_refusal(plan(blocked_by=("no digest",)), "x") == "no digest"
    assert start_refusal(None, "x")
    assert start_refusal(plan(), "x", view_only="audit does not verify").startswith("view only")
    assert start_refusal(plan(), "x", running="deploy of v3")


@pytest.mark.parametrize("phase", list(Phase))
def test_the_board_never_calls_an_unproven_end_good(phase: Phase) -> None:
    shown = board(operation(phase, problem=Problem("The route was not moved.")), service(), (), NOW)
    assert (shown.health is Health.OK) == (phase is Phase.DONE)
    assert shown.live == (not phase.ended)
    assert shown.headline


def test_the_board_shows_steps_split_and_ticks_from_observation() -> None:
    shown = board(operation(), service(), (), NOW)
    assert shown.headline == "Ask the golden set"
    assert shown.steps[0].time == "1 s"
    assert shown.steps[1].time == "2 s of about 3 s"
    assert shown.split == (("2", 0.9), ("3", 0.1))
    by_fact = {t.fact: t.health for t in shown.ticks}
    assert by_fact["traffic says v3"] is None
    assert by_fact["endpoint says v3"] is None
    flipped = board(operation(), service(served=fact("2", "3"), used=fact("3")), (), NOW)
    by_fact = {t.fact: t.health for t in flipped.ticks}
    assert by_fact["traffic says v3"] is Health.OK
    assert by_fact["endpoint says v3"] is Health.OK


def test_a_silent_source_makes_its_tick_unknown() -> None:
    silent = service(used=fact("3", freshness=Freshness.UNKNOWN))
    shown = board(operation(Phase.DONE), silent, (), NOW)
    assert {t.fact: t.health for t in shown.ticks}["traffic says v3"] is Health.UNKNOWN
    assert shown.split == ()


def test_after_a_return_the_ticks_ask_for_the_version_before() -> None:
    shown = board(operation(Phase.RETURNED), service(), (), NOW)
    assert {t.fact: t.health for t in shown.ticks}["traffic says v2"] is Health.OK


def test_operations_are_listed_live_first_then_newest() -> None:
    old = operation(Phase.DONE, id="old", started_s=1.0)
    new = operation(Phase.DONE, id="new", started_s=5.0)
    live = operation(id="live", started_s=2.0)
    everything = {op.id: op for op in (old, live, new)}
    assert [op.id for op in operation_rows(everything)] == ["live", "new", "old"]
    assert live_operation(everything, "digits") is live
    assert live_operation(everything, "other") is None


def test_a_past_operation_does_not_claim_that_its_version_serves_now() -> None:
    done = operation(Phase.DONE)
    assert board(done, service(used=fact("3")), (), NOW).headline == "v3 serves"
    for now in (service(used=fact("2")), service(used=fact("3", freshness=Freshness.UNKNOWN)), None):
        assert board(done, now, (), NOW).headline == "Done, v3 was proven"


WORST = Problem(
    "v2 does not answer.", "It is not loaded.", "By hand, in this order:\necho set map | socat stdio TCP:router:9999"
)


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        (OperationKind.DEPLOY, Phase.FAILED),
        (OperationKind.ROLLBACK, Phase.FAILED),
        (OperationKind.ROLLBACK, Phase.RETURNED),
        (OperationKind.ROLLBACK, Phase.REFUSED),
    ],
)
def test_at_the_worst_moment_the_board_is_loud_and_says_where_the_traffic_is_before_the_commands(
    kind: OperationKind, phase: Phase
) -> None:
    failed = Operation(
        "o", kind, "digits", "3", "2", "ann", "errors rose", "sha256:x", phase,
        summary="It failed. Traffic goes to v3; loaded: v2, v3.", problem=WORST, ended_s=NOW,
    )  # fmt: skip
    shown = board(failed, None, (), NOW)
    assert shown.health is Health.CRITICAL
    assert "failed" in shown.headline.lower()
    assert shown.sentence.startswith("It failed. Traffic goes to v3")
    assert shown.sentence.endswith("socat stdio TCP:router:9999")
    assert "Went back" not in shown.headline


def test_a_deploy_that_went_back_is_no_emergency() -> None:
    back = Operation("o", OperationKind.DEPLOY, "digits", "2", "3", "ann", "r", "sha256:x", Phase.RETURNED, ended_s=NOW)
    assert board(back, None, (), NOW).health is Health.WARNING

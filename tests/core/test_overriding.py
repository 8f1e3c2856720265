"""Who may go on against a rule: those the policy names, with a reason, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.policy import Grant, Policy, Severity, who_may
from mlcontrol.core.compatibility.policy_document import policy_of
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.overriding import closed_to, open_to, remaining
from mlcontrol.core.plan import Assumption, BlastRadius, Overridable, Plan
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings, policy_for
from tests.core.compatibility.rule_examples import BASE, A, B, model

S2 = Overridable("S2", "S2: half the size", ("ann", "bob"))
I1 = Overridable("I1", "I1: callers do not send it", ("*",))
R13 = Overridable("R13", "R13: never probed", ("bob",))


def plan(*blocked: str, unknown: tuple[str, ...] = (), overridable: tuple[Overridable, ...] = ()) -> Plan:
    return Plan(
        "digits", OperationKind.DEPLOY, "2", "3", False, Assumption("2", ("2",), "2", None, 0.0, None), (),
        BlastRadius(None, 1.0, (), None), None, 1.0, 0.0,
        blocked_by=blocked, unknown=unknown, overridable=overridable,
    )  # fmt: skip


def refused(stopped: Plan, overrides: dict[str, str], actor: str) -> str:
    with pytest.raises(ProblemError) as error:
        remaining(stopped, overrides, actor, True)
    return f"{error.value.problem.code}: {error.value.problem}"


def test_a_named_person_overrides_with_a_reason_and_only_what_they_name() -> None:
    stopped = plan(S2.sentence, I1.sentence, overridable=(S2, I1))
    left = remaining(stopped, {"S2": "the old one had padding"}, "ann", False)
    assert (left.blocked, left.overridden) == ((I1.sentence,), ((S2, "the old one had padding"),))
    assert remaining(stopped, {"S2": "padding", "I1": "sent since noon"}, "ann", False).blocked == ()
    assert open_to(stopped, "ann") == ("S2", "I1")
    assert open_to(stopped, "eve") == (), "more stops it than she may override"


def test_a_person_not_named_is_told_who_may() -> None:
    told = refused(plan(S2.sentence, overridable=(S2,)), {"S2": "because"}, "eve")
    assert told.startswith("override: ")
    assert "eve may not override S2" in told
    assert "ann or bob" in told
    assert refused(plan(S2.sentence, overridable=(S2,)), {"S2": "because"}, "").startswith("override: ")


def test_a_rule_that_no_policy_opens_stays_shut_and_a_slip_is_named() -> None:
    stopped = plan(S2.sentence, "There is no golden set.")
    assert "Nobody may override S2 here" in refused(stopped, {"S2": "because"}, "ann")
    assert refused(stopped, {"S1": "because"}, "ann").startswith("usage: S1 does not stop this plan")
    assert refused(plan(S2.sentence, overridable=(S2,)), {"S2": "  "}, "ann").startswith("refused: ")


def test_what_is_not_known_and_named_is_closed_to_the_others() -> None:
    asked = plan(unknown=(R13.sentence, "the traffic"), overridable=(R13,))
    assert remaining(asked, {}, "eve", True).unknown == (R13.sentence,)
    assert remaining(asked, {}, "bob", True).unknown == ()
    assert remaining(asked, {"R13": "tried by hand"}, "bob", False).unknown == ("the traffic",)
    assert (closed_to(asked, "eve"), closed_to(asked, "bob")) == ((R13,), ())


def test_the_hash_that_approvals_bind_to_says_who_may() -> None:
    one, other = plan(S2.sentence, overridable=(S2,)), plan(S2.sentence, overridable=(replace(S2, by=("eve",)),))
    assert len({one.hash, other.hash, plan(S2.sentence).hash}) == 3


def test_a_grant_is_of_a_model_an_environment_and_a_direction() -> None:
    policy = Policy(
        grants=(
            Grant("I1", ("ann",), Direction.DEPLOY, "m*", "production"),
            Grant("I1", ("bob",), environment="staging"),
            Grant("I1", ("ann", "cyd")),
        ),
        environment="production",
    )
    assert policy.may_override("I1", Direction.DEPLOY, "m") == ("ann", "cyd")
    assert policy.may_override("I1", Direction.ROLLBACK, "m") == ("ann", "cyd")
    assert policy.may_override("I1", Direction.DEPLOY, "other") == ("ann", "cyd")
    assert policy.may_override("I2", Direction.DEPLOY, "m") == ()
    assert replace(policy, environment="staging").may_override("I1", Direction.DEPLOY, "m") == ("bob", "ann", "cyd")
    found = compare(model(A, B), BASE, READERS["mlflow"], policy=policy)
    assert {f.may_override for f in found.findings if f.rule == "I1" and f.verdict is Verdict.BLOCK} == {("ann", "cyd")}
    assert found.deploy is Verdict.BLOCK, "who may is not that somebody did"


def test_a_severity_holds_where_the_service_runs() -> None:
    strict = Severity("I1", Verdict.WARN, model="base*", environment="staging")
    workspace = WorkspaceSettings("w", "w.toml", environment="production", policy=Policy(severities=(strict,)))
    for service, expected in ((None, Verdict.BLOCK), (ServiceSettings("s", environment="staging"), Verdict.WARN)):
        policy = policy_for(workspace, service)
        assert compare(replace(model(A, B), name="base"), BASE, READERS["mlflow"], policy=policy).deploy is expected
    elsewhere = policy_for(workspace, ServiceSettings("s", environment="staging"))
    assert compare(replace(model(A, B), name="x"), BASE, READERS["mlflow"], policy=elsewhere).deploy is Verdict.BLOCK


def test_a_policy_nobody_could_read_leaves_every_answer_unknown() -> None:
    report = compare(BASE, BASE, READERS["mlflow"], policy=Policy(problem="mend [policy]"))
    assert (report.deploy, report.rollback) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert ("what the policy asks for", "mend [policy]") in report.to_find_out
    assert compare(BASE, BASE, READERS["mlflow"]).deploy is not Verdict.UNKNOWN


def test_the_document_is_read_whole_or_not_at_all() -> None:
    policy = policy_of(
        {
            "retired": ["legacy"],
            "override": [{"rule": "S2", "by": ["ann", "bob"], "direction": "deploy"}, {"rule": "I1", "by": "*"}],
            "severity": [{"rule": "O9", "verdict": "block"}],
        }
    )
    assert policy.grants == (Grant("S2", ("ann", "bob"), Direction.DEPLOY), Grant("I1", ("*",)))
    assert (policy.retired, policy.severities) == (("legacy",), (Severity("O9", Verdict.BLOCK),))
    for wrong, word in (
        ({"override": [{"rule": "S2"}]}, "no list of names"),
        ({"override": [{"rule": "S2", "by": []}]}, "names nobody"),
        ({"override": [{"rule": "S2", "by": [""]}]}, "no list of names"),
        ({"override": [{"rule": "P2", "by": ["ann"]}]}, "P2"),
        ({"override": [{"rule": "P1", "by": ["ann"]}]}, "breaking the glass"),
        ({"override": [{"rule": "Z9", "by": ["ann"]}]}, "does not exist"),
        ({"override": [{"rule": "S2", "by": ["ann"], "direction": "up"}]}, "up"),
        ({"overide": []}, "no part of a policy"),
        ({"severity": {}}, "no list of tables"),
        ({"limits": {"size_delta": float("nan")}}, "not understood"),
        ({"ignore": [{"rule": "S2", "owner": "ann", "expires": "soon"}]}, "expires"),
    ):
        with pytest.raises(ProblemError) as error:
            policy_of(wrong)
        assert word in str(error.value.problem), wrong
        assert error.value.problem.code == "unreadable"


def test_names_read_as_a_sentence() -> None:
    assert [who_may(by) for by in ((), ("ann",), ("a", "b", "c"), ("a", "*"))] == [
        "nobody",
        "ann",
        "a, b or c",
        "anybody",
    ]

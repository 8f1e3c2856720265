"""Every rule fires where it should, with both verdicts, and is silent where all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.compatibility.table import RULES
from mlcontrol.core.signature import Domain
from tests.core.compatibility.rule_examples import ALL_GOOD, BASE, FIRES, HEALTHY, A, B, column, model, tensor


@pytest.mark.parametrize("example", FIRES, ids=lambda e: f"{e.rule}-{e.deploy}-{e.rollback}-{e.reader}")
def test_fires(example) -> None:
    report = compare(example.candidate, example.current, READERS[example.reader], **example.facts)
    for direction, expected in ((Direction.DEPLOY, example.deploy), (Direction.ROLLBACK, example.rollback)):
        found = {f.verdict.value for f in report.findings if f.rule == example.rule and f.direction is direction}
        assert found == (set() if expected in (None, "pass") else {expected}), (direction, report.findings)


@pytest.mark.parametrize("rule", [r.id for r in RULES])
def test_is_silent_when_all_is_well(rule: str) -> None:
    new = replace(HEALTHY, version="2", created_s=6.0)
    for reader in READERS.values():
        report = compare(new, HEALTHY, reader, **ALL_GOOD)
        assert rule not in {f.rule for f in report.findings}, report.findings
        assert rule in report.passed_rules
        assert (report.deploy, report.rollback, report.one_way) == (Verdict.PASS, Verdict.PASS, False)


def test_every_rule_has_a_case_that_fires() -> None:
    assert {e.rule for e in FIRES} == {r.id for r in RULES}
    assert len(RULES) == 75
    assert len({r.id for r in RULES}) == 75


def test_every_rule_fires_in_each_direction_in_which_it_has_something_to_say() -> None:
    fired = {
        (e.rule, direction)
        for e in FIRES
        for direction, verdict in (("deploy", e.deploy), ("rollback", e.rollback))
        if verdict not in (None, "pass")
    }
    speaks = {
        (r.id, d) for r in RULES for d, v in (("deploy", r.deploy), ("rollback", r.rollback)) if v not in ("pass", "-")
    }
    assert not speaks - fired


def test_every_rule_is_silent_somewhere_where_another_fires() -> None:
    """No rule speaks always: every one keeps quiet in some case that has a finding."""
    reports = [compare(e.candidate, e.current, READERS[e.reader], **e.facts) for e in FIRES]
    assert not [r.id for r in RULES if all(r.id in {f.rule for f in report.findings} for report in reports)]


def test_table_is_complete() -> None:
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id
        assert {rule.deploy, rule.rollback} <= {"pass", "info", "warn", "block", "unknown", "-"}


def test_no_quality_rule_ever_blocks_a_rollback() -> None:
    for example in FIRES:
        report = compare(example.candidate, example.current, READERS[example.reader], **example.facts)
        for f in report.findings:
            if f.rule[0] in "SDQ" or f.rule in ("P1", "P3"):
                assert f.direction is Direction.DEPLOY or f.verdict not in (Verdict.BLOCK, Verdict.UNKNOWN)


def test_missing_signature_is_unknown_both_ways() -> None:
    for new, old in ((None, (A,)), ((A,), None), (None, None)):
        a, b = replace(BASE, inputs=new), replace(BASE, inputs=old)
        report = compare(a, b, READERS["mlflow"])
        assert report.deploy is Verdict.UNKNOWN
        assert report.rollback is Verdict.UNKNOWN
        assert not any(r.startswith("I") for r in report.passed_rules)


def test_missing_outputs_are_unknown() -> None:
    report = compare(replace(BASE, outputs=None), BASE, READERS["mlflow"])
    assert (report.deploy, report.rollback) == (Verdict.UNKNOWN, Verdict.UNKNOWN)


def test_first_deployment_has_nothing_to_come_back_to() -> None:
    report = compare(BASE, None, READERS["mlflow"])
    assert report.deploy is Verdict.PASS
    assert report.rollback is Verdict.UNKNOWN


def test_removed_required_input_is_a_one_way_door() -> None:
    report = compare(BASE, model(A, B), READERS["mlflow"])
    assert (report.deploy, report.rollback, report.one_way) == (Verdict.WARN, Verdict.BLOCK, True)
    assert report.one_way_rules == ("I4",)


def test_skew_closes_the_way_back_and_names_the_order() -> None:
    example = next(e for e in FIRES if e.rule == "R8")
    report = compare(example.candidate, example.current, READERS["mlflow"], **example.facts)
    assert report.one_way
    assert report.coupled_rollback == ("model", "binary")
    assert len(report.skew) == 4


def test_observed_requests_lower_and_lift() -> None:
    observed = observe([{"a": 1.5}] * 90 + [{"a": "text"}] * 10)
    report = compare(model(A), model(column("a", None)), READERS["mlflow"], observed=observed)
    impact = next(i for i in report.impacts if i.direction is Direction.DEPLOY)
    assert (impact.refused, impact.total) == (10, 100)
    assert any("10 of the last 100 requests" in f.why for f in report.findings)


def test_a_column_beside_the_tensor_that_serves_it() -> None:
    """The registry tells of columns, the server of tensors: the same model must not differ from itself."""
    columns = model(A, column("c", "string"), outputs=(column("p", "array<float32>"), column("y", "string")))
    tensors = model(
        tensor("a", "float64", (-1, 1)),
        tensor("c", "string", (-1,)),
        outputs=(tensor("p", "float32", (-1, 5)), tensor("y", "string", (-1, 1))),
    )
    for new, old in ((columns, tensors), (tensors, columns)):
        report = compare(new, old, READERS["triton"])
        assert (report.deploy, report.rollback) == (Verdict.PASS, Verdict.PASS), report.findings
    wide = model(tensor("a", "float64", (-1, 3)), tensor("c", "string", (-1,)), outputs=tensors.outputs)
    assert {f.rule for f in compare(columns, wide, READERS["triton"]).findings} == {"I17"}


def test_every_value_of_a_list_counts() -> None:
    """One value out of range, deep in one request, is enough."""
    limited = model(tensor("t", shape=(-1, 4), domain=Domain(None, 0, 16)))
    requests = [{"t": [0.0, 1.0, 2.0, 3.0]}] * 9 + [{"t": [0.0, 1.0, 99.0, 3.0]}]
    report = compare(limited, model(tensor("t", shape=(-1, 4))), READERS["triton"], observed=observe(requests))
    assert {f.rule for f in report.findings if f.verdict is Verdict.BLOCK} == {"I18"}
    assert next(i for i in report.impacts if i.direction is Direction.DEPLOY).refused == 1
    odd = observe([{"t": [[1, 2], [3, None]]}, {"t": [[1, "x"], [3, {}]]}])
    assert compare(limited, limited, READERS["triton"], observed=odd).impacts[0].refused == 2

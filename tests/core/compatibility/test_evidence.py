"""How a finding is known: declared, inferred from the artifact, probed on the server, observed in real requests."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.facts import ArtifactFacts, GoldenFacts
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Level, Report, Verdict
from mlcontrol.core.signature import Domain, Runtime, all_inferred, overlaid
from tests.core.compatibility.rule_examples import BASE, A, B, column, model, tensor

ONNX = READERS["onnxruntime"]
OLD, NEW = model(tensor("x", "float32")), model(tensor("x", "int64"))


def levels(report: Report, subject: str) -> set[Level]:
    return {f.evidence.level for f in report.findings if f.subject == subject and f.verdict is Verdict.BLOCK}


def test_what_both_artifacts_say_is_inferred_and_one_word_of_a_person_makes_it_declared() -> None:
    both = compare(all_inferred(NEW), all_inferred(OLD), ONNX)
    assert levels(both, "inputs.x") == {Level.INFERRED}
    for new, old in ((NEW, OLD), (all_inferred(NEW), OLD), (NEW, all_inferred(OLD))):
        assert levels(compare(new, old, ONNX), "inputs.x") == {Level.DECLARED}


def test_one_report_knows_by_all_four_levels() -> None:
    limited = column("c", domain=Domain(None, 0.0, 5.0))
    report = compare(
        model(column("b"), limited),
        model(column("a"), column("c", domain=Domain(None, 0.0, 50.0))),
        READERS["triton"],
        artifact=ArtifactFacts("sha256:1", "sha256:2", True),
        golden=GoldenFacts(0.5, 10, 0.9, ("g-1",)),
        observed=observe([{"a": 1.0, "c": 1.0}] * 9 + [{"a": 1.0, "c": 9.0}]),
    )
    found = {f.evidence.level for f in report.findings if f.verdict is Verdict.BLOCK}
    assert found == {Level.DECLARED, Level.INFERRED, Level.PROBED, Level.OBSERVED}


def test_the_graph_is_right_where_the_declaration_differs() -> None:
    declared = model(tensor("x", "float64"), tensor("z", "int64"))
    read = all_inferred(model(tensor("x", "float32"), tensor("y", "int64")))
    laid = overlaid(declared, read, "model.onnx")
    assert [(f.name, f.type) for f in laid.inputs or ()] == [("x", "float32"), ("z", "int64")]
    assert "inputs.x" in laid.inferred
    assert "inputs.z" not in laid.inferred
    assert any("inputs x is declared float64, model.onnx reads float32" in note for note in laid.sources)
    # The declaration alone said that nothing changes; the file says that callers' floats would be refused.
    current = overlaid(declared, all_inferred(model(tensor("x", "float64"))), "model.onnx")
    assert compare(declared, declared, ONNX).deploy is not Verdict.BLOCK
    assert levels(compare(laid, current, ONNX), "inputs.x") == {Level.INFERRED}


def test_a_column_is_converted_before_it_reaches_the_graph() -> None:
    laid = overlaid(model(column("x", "float64")), all_inferred(model(tensor("x", "float32"))), "model.onnx")
    assert [(f.type, f.tensor) for f in laid.inputs or ()] == [("float64", False)]
    assert overlaid(replace(BASE, inputs=None), all_inferred(OLD), "model.onnx").inputs == OLD.inputs


def verdicts(report: Report, *rules: str) -> dict[str, set[str]]:
    return {r: {f"{f.direction}:{f.verdict}" for f in report.findings if f.rule == r} for r in rules}


def test_what_neither_side_says_is_unknown_where_a_rule_needs_it() -> None:
    unsaid = model(column("a", required=None, nullable=None), column("b", required=None, nullable=None))
    report = compare(unsaid, unsaid, READERS["mlflow"])
    assert (report.deploy, report.rollback) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert verdicts(report, "I13", "I14") == {"I13": {"rollback:unknown"}, "I14": {"deploy:unknown"}}
    assert len([f for f in report.findings if f.rule == "I14"]) == 2, "one for all fields, not one a field"
    settled = compare(unsaid, unsaid, READERS["mlflow"], observed=observe([{"a": 1.0, "b": 2.0}] * 5))
    assert verdicts(settled, "I13", "I14") == {"I13": set(), "I14": set()}
    lacking = compare(unsaid, unsaid, READERS["mlflow"], observed=observe([{"a": 1.0, "b": 2.0}] * 5 + [{"a": 1.0}]))
    assert any("whether b may be left out" in f.why for f in lacking.findings if f.rule == "I14")
    tensors = model(tensor("x", nullable=None))
    assert compare(tensors, tensors, ONNX).deploy is Verdict.PASS, "a tensor has no null"


def test_a_runtime_that_neither_side_states_is_unknown_and_a_probe_finds_out() -> None:
    from mlcontrol.core.compatibility.facts import ProbeFacts

    for new, old in ((None, None), (None, Runtime("sklearn", "1.5.0")), (Runtime("sklearn"), Runtime("sklearn"))):
        report = compare(replace(BASE, runtime=new), replace(BASE, runtime=old), READERS["mlflow"])
        assert verdicts(report, "R1") == {"R1": {"deploy:unknown", "rollback:unknown"}}
        probe = ProbeFacts(loaded=True, answered=True, exact_binary=True)
        probed = compare(replace(BASE, runtime=new), replace(BASE, runtime=old), READERS["mlflow"], probe=probe)
        assert verdicts(probed, "R1") == {"R1": {"deploy:info"}}
    stated = replace(BASE, runtime=Runtime("onnx", format="onnx", opsets={"": 20}, ir_version=9))
    assert verdicts(compare(stated, stated, ONNX), "R1") == {"R1": set()}


def test_a_score_whose_meaning_one_side_lost_is_unknown() -> None:
    said, lost = model(A, outputs=(column("y", meaning="probability"),)), model(A, outputs=(column("y"),))
    for new, old in ((lost, said), (said, lost)):
        assert verdicts(compare(new, old, READERS["mlflow"]), "O11") == {"O11": {"deploy:unknown", "rollback:unknown"}}
    assert verdicts(compare(said, said, READERS["mlflow"]), "O11") == {"O11": set()}


def test_a_name_spelled_otherwise_is_suggested_as_a_rename() -> None:
    new, old = model(column("zipCode"), B, column("new")), model(column("zip_code"), B)
    report = compare(new, old, READERS["mlflow"])
    assert {f.rule for f in report.findings if f.direction is Direction.DEPLOY and f.verdict is Verdict.BLOCK} >= {
        "I6",
        "I1",
    }
    assert [
        (c.change, c.old and c.old.name, c.new and c.new.name) for c in report.inputs if c.change == "renamed?"
    ] == [("renamed?", "zip_code", "zipCode")]


def test_a_meaning_that_one_side_lost_whole_is_to_be_found_out() -> None:
    rich = model(replace(A, semantic="money", unit="EUR"), outputs=(column("y", classes=("a", "b")),))
    for new, old, who in ((model(A), rich, "candidate"), (rich, model(A), "current version")):
        told = dict(compare(new, old, READERS["mlflow"]).to_find_out)
        assert {what for what in told if who in what and "which the other side states" in what} == {
            f"what the inputs mean in the {who}, which the other side states",
            f"the classes of the outputs in the {who}, which the other side states",
        }

"""The way back has to reach every version of the rollback window; the signatures side by side."""

from __future__ import annotations

from mlcontrol.core.compatibility.check import compare, over_window
from mlcontrol.core.compatibility.difference import differences
from mlcontrol.core.compatibility.facts import Binary, Consumers
from mlcontrol.core.compatibility.pairing import pair
from mlcontrol.core.compatibility.present import document, text
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Runtime, Signature
from tests.core.compatibility.rule_examples import A, B, column, model

READER = READERS["mlflow"]


def test_an_older_version_out_of_reach_is_a_one_way_door_for_it() -> None:
    new, now, old = model(A, version="3"), model(A, version="2"), model(A, B, version="1")
    report = compare(new, now, READER)
    assert (report.deploy, report.rollback, report.one_way) == (Verdict.PASS, Verdict.PASS, False)
    wide = over_window(report, new, [old], READER)
    assert (wide.deploy, wide.rollback, wide.one_way, wide.one_way_rules) == (Verdict.PASS, Verdict.WARN, True, ("I4",))
    assert [(w.version, w.rollback, w.rules) for w in wide.window] == [("v1", Verdict.BLOCK, ("I4",))]
    assert document(wide)["window"] == [{"version": "v1", "rollback": "block", "rules": ["I4"]}]
    assert "Come back to v1: No (I4)" in text(wide)


def test_an_older_version_that_does_not_run_in_the_binary_is_out_of_reach() -> None:
    new, now = model(A, version="3"), model(A, version="2")
    old = model(A, version="1", runtime=Runtime("sklearn", "0.22", "3.6", format="pickle"))
    binary = Binary("b", {"sklearn": "1.5.2"}, "3.11.9")
    report = compare(new, now, READER, binary=binary)
    wide = over_window(report, new, [old], READER, binary=binary)
    assert (report.rollback, wide.one_way) == (Verdict.PASS, True)
    assert [(w.rollback, w.rules) for w in wide.window] == [(Verdict.BLOCK, ("R1", "R6"))]
    read = Consumers(frozenset({"score"}))
    more = model(A, outputs=(column("y"), column("score")), version="3")
    lost = over_window(compare(more, more, READER), more, [now], READER, consumers=read)
    assert [(w.rollback, w.rules) for w in lost.window] == [(Verdict.BLOCK, ("O2",))]


def test_within_reach_changes_nothing_and_not_knowing_is_told() -> None:
    new, now = model(A, version="3"), model(A, version="2")
    report = compare(new, now, READER)
    near = over_window(report, new, [model(A, version="1")], READER)
    assert (near.rollback, near.one_way, near.findings) == (report.rollback, False, report.findings)
    lost = over_window(report, new, [Signature("m", "1")], READER)
    assert lost.window[0].rollback is Verdict.UNKNOWN
    assert (lost.rollback, lost.one_way) == (Verdict.WARN, False)


def test_side_by_side() -> None:
    now = model(A, B, column("c", "int32"), column("d", unit="m"), column("zip", semantic="postal_code", unit="none"))
    new = model(
        A,
        column("new", "string"),
        column("c", "int64"),
        column("d", unit="km"),
        column("code", semantic="postal_code", unit="none"),
    )
    rows = differences(pair(new.inputs, now.inputs))
    told = [(r.old.name if r.old else None, r.new.name if r.new else None, r.change) for r in rows]
    assert told == [
        ("a", "a", "same"),
        (None, "new", "added"),
        ("b", None, "removed"),
        ("c", "c", "wider"),
        ("d", "d", "meaning"),
        ("zip", "code", "renamed?"),
    ]

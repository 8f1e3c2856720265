"""The checks step: both answers, the signatures side by side, the binaries, and what real requests would meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from mlcontrol.core.compatibility.check import compare, over_window
from mlcontrol.core.compatibility.facts import Binary
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Report, Verdict
from mlcontrol.core.signature import Field, Runtime, Signature
from mlcontrol.gui.pages.rollouts_checks import RolloutsChecks
from mlcontrol.gui.viewmodels.check_sheet import changes_text, observed_lines, reach_text


def column(name: str, kind: str = "float32", **more: Any) -> Field:
    return Field(name, kind, (-1,), **{"required": True, "nullable": False, "tensor": False, **more})


def one_way() -> Report:
    old = Signature("price", "41", (column("area"), column("rooms", "int32")), (column("price"),),
                    runtime=Runtime("onnx", opsets={"": 20}, ir_version=9))  # fmt: skip
    new = Signature("price", "42", (column("rooms", "int64"), column("heating", "string", required=False)), (column("price"),),
                    runtime=Runtime("onnx", opsets={"": 21}, ir_version=9))  # fmt: skip
    seen = observe([{"area": 1.0, "rooms": 2}] * 6 + [{"rooms": 2}] * 4)
    binaries = [
        Binary(n, {"onnxruntime": "1"}, opsets={"": o}, max_ir_version=9) for n, o in (("new", 21), ("old", 20))
    ]
    report = compare(new, old, READERS["mlflow"], observed=seen, binary=binaries[0], previous_binary=binaries[1])
    return over_window(
        report, new, [Signature("price", "40", old.inputs, old.outputs)], READERS["mlflow"], observed=seen
    )


@pytest.fixture
def sheet(qtbot: Any) -> RolloutsChecks:
    widget = RolloutsChecks()
    qtbot.addWidget(widget)
    widget.resize(1120, 640)
    widget.show()
    return widget


def test_a_one_way_door_is_seen_at_once(sheet: RolloutsChecks) -> None:
    sheet.show_report(one_way(), "42", "41")
    assert sheet.deploy.words[:2] == ("Deploy v42?", "Yes, with 2 warnings")
    assert sheet.comeback.words[:2] == ("Come back to v41?", "No: one-way door")
    assert [(r.change, (r.old or r.new).name) for r in sheet.signatures.rows] == [  # type: ignore[union-attr]
        ("removed", "area"),
        ("wider", "rooms"),
        ("added", "heating"),
        ("same", "price"),
    ]
    assert [(c.model, c.binary, c.verdict) for c in sheet.skew.cells if c.verdict is not Verdict.PASS] == [
        ("new", "old", Verdict.BLOCK)
    ]
    assert "area: removed" in sheet.signatures.accessibleName()
    assert "new model in old binary: Does not run" in sheet.skew.accessibleName()
    sheet.grab()  # painted without a warning of Qt


def test_what_is_not_known_is_said(sheet: RolloutsChecks) -> None:
    sheet.show_waiting("42", "41")
    assert sheet.signatures.rows == ()
    assert "not known" in sheet.skew.accessibleName()
    sheet.grab()


def test_beside_a_row_that_is_no_finding_it_is_said_how_to_find_out(sheet: RolloutsChecks) -> None:
    bare = Signature("price", "42", (column("area"),), (column("price"),))
    sheet.show_report(compare(bare, bare, READERS["mlflow"]), "42", "41")
    row = next(row for row in sheet.findings.rows if row.id.startswith("fact"))
    sheet.findings.moved.emit(row.id)
    said = "\n".join(label.text() for label in sheet._evidence.findChildren(QLabel))
    assert "nobody said it" in said
    assert "to find out" in said
    assert row.title.lower() in said.lower()


def test_words_for_the_reach() -> None:
    report = one_way()
    text = reach_text(report)
    assert observed_lines(report, "42", "41") == (
        ("0 of the last 10 requests would be refused by v42.", "secondary"),
        ("4 of the last 10 requests would be refused by v41.", "critical"),
        ("   request 7: area is missing", "quiet"),
        ("   request 8: area is missing", "quiet"),
        ("   request 9: area is missing", "quiet"),
    )
    assert observed_lines(replace(report, impacts=()), "42", "41")[0][1] == "unknown"
    assert "To go back, in this order: model, then binary." in text
    assert "Out of reach afterwards: v40 (I4, I9, R1)." in text
    assert changes_text(report.inputs) == "1 added · 1 removed · 1 wider · 0 same"


def test_every_row_stands_once(sheet: RolloutsChecks) -> None:
    """A finding that says the same of both directions is one row, and says so."""
    report = one_way()
    sheet.show_report(report, "42", "41")
    shown = [f.rule for group in sheet._sheet.groups for f in group.findings]  # type: ignore[union-attr]
    assert shown.count("R8") == 1
    assert len([f for f in report.findings if f.rule == "R8"]) == 2

"""Step 2 of a rollout: two answers, then why, then what to change."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.compatibility.report import Finding, Report
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Health
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.check_sheet import (
    HEALTH_OF,
    CheckSheet,
    FindingGroup,
    changes_text,
    check_sheet,
    directions_text,
    observed_lines,
    override_text,
    reach_text,
)
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text
from mlcontrol.gui.widgets.answer_block import AnswerBlock
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.golden_block import GoldenBlock
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.line_list import LineList
from mlcontrol.gui.widgets.row_list import Row, RowList
from mlcontrol.gui.widgets.scrolled import scrolled
from mlcontrol.gui.widgets.signature_diff import SignatureDiff
from mlcontrol.gui.widgets.skew_matrix import SkewMatrix


class RolloutsChecks(QWidget):
    """*Signals:* ``done()``: Enter on a finding or the list, meaning "go on"."""

    done = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.deploy, self.comeback = AnswerBlock(), AnswerBlock()
        self.findings = RowList("Findings, grouped by verdict")
        self.findings.moved.connect(self._on_moved)
        self.findings.chosen.connect(lambda _id: self.done.emit())
        self._note = PlainLabel("", "small", "quiet")
        self._probe = Row("probe", "")
        self.probe_list = RowList("Probe on the real server")
        self.probe_list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.signatures, self.skew, self.golden = SignatureDiff(), SkewMatrix(), GoldenBlock()
        self._counts = PlainLabel("", "small", "quiet")
        self._reach = PlainLabel("", "small", "secondary")
        self._reach.setContentsMargins(12, 4, 12, 8)
        self._reach.setWordWrap(True)
        self._evidence = FactList()
        self.observed = LineList()
        self._report: Report | None = None
        self._sheet: CheckSheet | None = None
        self._unfolded = False
        answers = QHBoxLayout()
        answers.setSpacing(12)
        answers.addWidget(self.deploy, 1)
        answers.addWidget(self.comeback, 1)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(column_head("Findings", self._note))
        left.addWidget(self.findings, 1)
        side = self._side()
        columns = QHBoxLayout()
        columns.setSpacing(12)
        columns.addLayout(left, 11)
        columns.addWidget(side, 9)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(12)
        layout.addLayout(answers)
        layout.addLayout(columns, 1)

    def _side(self) -> QWidget:
        """What is known of the finding, the signatures, the binaries: more than a small window can hold, so it scrolls."""
        held = QWidget()
        held.setProperty("surface", "panel")
        inner = QVBoxLayout(held)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        evidence = QVBoxLayout()
        evidence.setContentsMargins(12, 8, 12, 12)
        evidence.addWidget(self._evidence)
        inner.addWidget(column_head("Evidence"))
        inner.addLayout(evidence)
        inner.addWidget(column_head("What real requests would meet"))
        inner.addWidget(self.observed)
        inner.addWidget(column_head("Signatures", self._counts))
        inner.addWidget(self.signatures)
        freely = PlainLabel("all must hold", "small", "quiet")
        inner.addWidget(column_head("Which model runs in which binary", freely))
        inner.addWidget(self.skew)
        inner.addWidget(self._reach)
        inner.addWidget(column_head("Golden set over the generations", self.golden.summary))
        inner.addWidget(self.golden)
        inner.addStretch(1)
        scroll = scrolled(held)
        side = QWidget()
        side.setProperty("surface", "panel")
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(scroll, 1)
        right.addWidget(column_head("On the real server"))
        right.addWidget(self.probe_list)
        return side

    @property
    def report(self) -> Report | None:
        return self._report

    def show_waiting(self, version: str, current: str | None) -> None:
        self._report = self._sheet = None
        self.deploy.show_answer(
            f"Deploy {version_text(version)}?", "Checking", "signatures, size, artifact, golden set", None
        )
        question = f"Come back to {version_text(current)}?"
        self.comeback.show_answer(question, "Checking", "the same rules the other way round", None)
        self.findings.set_rows(())
        self._note.setText("")
        self._evidence.set_facts(())
        self._show_sides(None, version, current)
        self.show_probe(
            "waiting", "Not loaded beside the current version yet", "P loads it, asks it the golden set, and unloads it"
        )

    def show_report(self, report: Report, version: str, current: str | None) -> None:
        self._report = report
        self._sheet = check_sheet(report, version, current)
        for block, answer in ((self.deploy, self._sheet.deploy), (self.comeback, self._sheet.comeback)):
            block.show_answer(answer.question, answer.verdict, visible_text(answer.sentence, 300), answer.health)
        self._note.setText(self._sheet.summary)
        self._show_sides(report, version, current)
        self._fill(select_first=True)

    def _show_sides(self, report: Report | None, version: str, current: str | None) -> None:
        rows = (*report.inputs, *report.outputs) if report is not None else ()
        self.signatures.put(current, version, rows, most=8)
        self._counts.setText(changes_text(rows))
        self.skew.put(current, version, report.skew if report is not None else ())
        waiting = (("being read", "quiet"),)
        self.observed.show_lines(observed_lines(report, version, current) if report is not None else waiting)
        reach = reach_text(report) if report is not None else ""
        self._reach.setText(visible_text(reach, 400))
        self._reach.setVisible(bool(reach))

    def show_problem(self, problem: Problem, version: str) -> None:
        """The check itself did not run: that is unknown, not a pass."""
        self._report = self._sheet = None
        self.deploy.show_answer(f"Deploy {version_text(version)}?", "Not known", problem.what, Health.UNKNOWN)
        self.comeback.show_answer("Come back?", "Not known", "the check did not run", Health.UNKNOWN)
        lines = tuple((visible_text(line, 400), "secondary") for line in (problem.why, problem.next) if line)
        self.findings.set_rows([Row("problem", visible_text(problem.what, 300), "unknown", lines)])

    def show_probe(self, state: str, title: str, detail: str = "") -> None:
        """``state``: a glyph name. The probe is its own line because it is the only check that touches the server."""
        lines = ((visible_text(detail, 300), "secondary"),) if detail else ()
        self.probe_list.set_rows([Row("probe", title, state, lines)])
        self.probe_list.setFixedHeight(max(theme.px(56), min(theme.px(140), self.probe_list.content_height() + 4)))

    def toggle_passed(self) -> None:
        self._unfolded = not self._unfolded
        if self._sheet is not None:
            self._fill()

    def _fill(self, *, select_first: bool = False) -> None:
        rows: list[Row] = []
        for g, group in enumerate(self._sheet.groups if self._sheet else ()):
            rows.extend(_group_rows(g, group, self._unfolded))
        first = next((row.id for row in rows if not row.header), None) if select_first else None
        self.findings.set_rows(rows, select=first)
        self._on_moved(self.findings.current_id() or "")

    def _on_moved(self, row_id: str) -> None:
        finding = self._finding(row_id)
        if finding is None:
            self._evidence.set_facts(self._not_known(row_id))
            return
        evidence = finding.evidence
        self._evidence.set_facts(
            tuple(
                (name, visible_text(words, 600))
                for name, words in (
                    ("about", finding.subject),
                    ("direction", directions_text(self._report, finding) if self._report else ""),
                    ("known by", evidence.level.value),
                    ("candidate", evidence.candidate or "? not said"),
                    ("current", evidence.current or "? not said"),
                    ("rule from", finding.source),
                    ("override", override_text(finding)),
                )
                if words
            )
        )

    def _not_known(self, row_id: str) -> tuple[tuple[str, str], ...]:
        """What is said of a row that is no finding: a thing nobody told, or a group."""
        group, _, place = row_id.removeprefix("fact").partition("-")
        if self._sheet is None or not row_id.startswith("fact"):
            return (("choose", "a finding on the left shows here how it is known"),)
        what, how = self._sheet.groups[int(group)].facts[int(place)]
        said = (("about", what), ("known by", "nobody said it, and nothing shows it"), ("to find out", how))
        return tuple((name, visible_text(words, 600)) for name, words in said if words)

    def _finding(self, row_id: str) -> Finding | None:
        parts = row_id.split("/")
        if self._sheet is None or len(parts) != 2:
            return None
        return self._sheet.groups[int(parts[0])].findings[int(parts[1])]


def _group_rows(g: int, group: FindingGroup, unfolded: bool) -> list[Row]:
    state = group.health.value if group.health is not Health.OK else "ok"
    count = (
        str(len(group.findings) or len(group.facts))
        if not group.folded
        else ("F folds" if unfolded else "F shows them")
    )
    rows = [Row(f"head{g}", group.title, state, header=True, right=count)]
    if group.folded:
        if unfolded:
            rows.append(
                Row(f"note{g}", "Rules that found nothing against it", "ok", ((group.note, "secondary"),), quiet=True)
            )
        return rows
    for i, (what, how) in enumerate(group.facts):
        shown = ((visible_text(f"To find out: {how}", 400), "secondary"),) if how else ()
        rows.append(Row(f"fact{g}-{i}", visible_text(what[:1].upper() + what[1:], 200), "unknown", shown, quiet=True))
    for i, f in enumerate(group.findings):
        lines = [(visible_text(f.why, 400), "secondary")]
        if f.remedy:
            lines.append((f"To fix: {visible_text(f.remedy, 400)}", "primary"))
        rows.append(
            Row(
                f"{g}/{i}",
                visible_text(f.title, 200),
                HEALTH_OF[f.verdict].value,
                tuple(lines),
                chip=f.evidence.level.value.upper(),
                code=f.rule,
            )
        )
    return rows

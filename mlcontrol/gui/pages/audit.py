"""Audit: who did what, when, with which evidence; and whether the log is whole."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mlcontrol.core.audit import AuditRow, ChainVerdict
from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound, needs_engine
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.audit_rows import chain_words, pretty_body, row_text
from mlcontrol.gui.viewmodels.audit_table import AuditTable
from mlcontrol.gui.viewmodels.phrases import count_text, moment_text, visible_text
from mlcontrol.gui.widgets.answer_block import AnswerBlock
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.record_list import as_record_list

PAGE_ROWS = 200
WIDTHS = (52, 122, 84, 148, 92, 104)


class AuditPage(Page):
    """Rows are read from the engine in pages; older ones when the end of the table is reached."""

    name: ClassVar[str] = "audit"
    title = "Audit"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = AuditTable(self)
        self.table = QTableView()
        self.chain = AnswerBlock()
        self.text = QLineEdit()
        self.verify = KeyButton("Verify the chain", "V", PRIMARY)
        self.copy_row = KeyButton("Copy the row", "C")
        self.copy_head = KeyButton("Copy the head", "H")
        self.total = 0
        self.verdict: ChainVerdict | None = None
        self._verified_s: float | None = None
        self._verifying = False
        self._loading = False
        self._problem: Problem | None = None
        self._count = PlainLabel("", "small", "quiet")
        self._facts = FactList()
        self._body = QPlainTextEdit()
        self._empty = EmptyState(
            "No row is written yet", "The first change made from here writes the first row, before its effect."
        )
        self._second = QTimer(self)
        self._second.setInterval(1000)
        self._second.timeout.connect(self._draw_chain)
        self._build()
        self.setFocusProxy(self.table)

    def _build(self) -> None:
        self.table.setModel(self.model)
        as_record_list(self.table, "Audit rows, newest first", WIDTHS)
        self.text.setPlaceholderText("Filter: actor, action, service, reason")
        self.text.setAccessibleName("Filter audit rows")
        self.text.setFixedWidth(theme.px(260))
        self._body.setReadOnly(True)
        self._body.setAccessibleName("Body of the row")
        self._body.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self._body.setFont(theme.font("small", mono=True))
        top = QHBoxLayout()
        top.setContentsMargins(16, 16, 16, 12)
        top.setSpacing(12)
        top.addWidget(self.chain, 1)
        buttons = QVBoxLayout()
        buttons.setSpacing(6)
        for button in (self.verify, self.copy_head):
            buttons.addWidget(button)
        buttons.addStretch(1)
        top.addLayout(buttons)
        head = column_head("Rows", self._count)
        row = head.layout()
        assert row is not None
        row.addWidget(self.text)
        rows = QWidget()
        left = QVBoxLayout(rows)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(head)
        left.addWidget(self.table, 1)
        side = QWidget()
        side.setProperty("surface", "panel")
        side.setFixedWidth(theme.px(312))
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(column_head("Row"))
        held = QVBoxLayout()
        held.setContentsMargins(12, 8, 12, 12)
        held.setSpacing(8)
        held.addWidget(self._facts)
        held.addWidget(self._body, 1)
        held.addWidget(self.copy_row)
        right.addLayout(held, 1)
        content = QWidget()
        columns = QHBoxLayout(content)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(1)
        columns.addWidget(rows, 1)
        columns.addWidget(side)
        self._stack = QStackedLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(self._stack, 1)
        self._stack.addWidget(content)
        self._stack.addWidget(self._empty)
        self.text.textChanged.connect(self._on_filter)
        self.text.returnPressed.connect(self.table.setFocus)
        self.verify.clicked.connect(self.verify_chain)
        self.copy_row.clicked.connect(self._copy_row)
        self.copy_head.clicked.connect(self._copy_head)
        self.table.selectionModel().currentChanged.connect(lambda _now, _before: self._show_details())
        self.table.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.engine_state_changed.connect(lambda _engine: self._load_newest())
        self._second.start()
        self._load_newest()

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        def bound(name: str, text: str, keys: str, hint: str, act: Any) -> Bound:
            return Bound(Action(f"audit.{name}", text, keys, hint, self.name), act)

        return (
            Bound(
                Action(
                    "audit.verify", "Verify the chain", "V", "Walk every row from the first", self.name, needs_engine
                ),
                self.verify_chain,
            ),
            bound("filter", "Filter rows", "/", "By actor, action, service or reason", self._focus_filter),
            bound("copy", "Copy the row", "C", "All its fields and hashes", self._copy_row),
            bound(
                "head", "Copy the head", "H", "Number and hash of the newest row, to keep elsewhere", self._copy_head
            ),
            bound("bad", "Show the first bad row", "B", "After a verification that failed", self._show_bad),
            bound("clear", "Clear the filter", "Esc", "Every row", self._clear),
        )

    @property
    def subtitle(self) -> str:
        return f"{count_text(self.total, 'row')}, each chained to the one before" if self.total else ""

    def refresh(self, changes: Changes) -> None:
        if changes.audit or changes.settings:
            self._load_newest()
        self._draw()

    # --- data ---

    def _load_newest(self) -> None:
        self._load(None)

    def _load(self, before: int | None) -> None:
        if self.bridge is None or not self.bridge.connected or self._loading:
            return
        self._loading = True

        def on_answer(event: Any) -> None:
            self._loading = False
            if isinstance(event, m.AuditAnswer):
                self._problem = None
                self.total = event.total
                self._add(event.rows)
            elif isinstance(event, m.Refused):
                self._problem = event.problem
            self._draw()

        self.bridge.ask(m.QueryAudit(request=self.bridge.request_id(), before=before, limit=PAGE_ROWS), on_answer)

    def _add(self, rows: tuple[AuditRow, ...]) -> None:
        current = self.current()
        scroll = self.table.verticalScrollBar().value()
        self.model.add(rows)
        position = self.model.row_of(current.seq) if current is not None else (0 if self.model.shown else -1)
        if position >= 0:
            self.table.setCurrentIndex(self.model.index(position, 0))
        if current is not None:
            self.table.verticalScrollBar().setValue(scroll)

    def _on_scrolled(self, value: int) -> None:
        bar = self.table.verticalScrollBar()
        oldest = min(self.model.known, default=1)
        if bar.maximum() > 0 and value >= bar.maximum() - 5 and oldest > 1:
            self._load(oldest)

    def verify_chain(self) -> None:
        if self.bridge is None or self._verifying:
            return
        self._verifying = True
        self._draw_chain()

        def on_answer(event: Any) -> None:
            self._verifying = False
            if isinstance(event, m.AuditVerified):
                self.verdict, self._verified_s = event.verdict, time.time()
                self._show_bad()
            elif isinstance(event, m.Refused) and self.shell is not None:
                self.shell.problem(event.problem)
            self._draw()

        self.bridge.ask(m.VerifyAudit(request=self.bridge.request_id()), on_answer)

    # --- drawing ---

    def current(self) -> AuditRow | None:
        row = self.table.currentIndex().row()
        return self.model.shown[row] if 0 <= row < len(self.model.shown) else None

    def _draw(self) -> None:
        self._draw_chain()
        shown, known = len(self.model.shown), len(self.model.known)
        if shown == known:
            more = f", {known} loaded" if known < self.total else ""
            self._count.setText(f"{count_text(self.total, 'row')}, newest first{more}")
        else:
            self._count.setText(f"{shown} of {known} match; Esc clears the filter")
        if not known:
            if self._problem is not None:
                words = f"{self._problem.why} {self._problem.next}".strip()
                self._empty.say(self._problem.what, words, state="unknown")
            elif self._loading or self.bridge is None or not self.bridge.connected:
                self._empty.say(
                    "Reading the log", "The engine reads it; nothing is known of it until then.", state="running"
                )
            else:
                self._empty.say(
                    "No row is written yet", "The first change made from here writes the first row, before its effect."
                )
        self._stack.setCurrentIndex(0 if known else 1)
        self.copy_head.set_reason("" if self._head() else "no row is loaded")
        self.copy_row.set_reason("" if self.current() is not None else "no row is chosen")
        self._show_details()
        self.heading_changed.emit()

    def _draw_chain(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        self.verify.set_reason("it is being walked" if self._verifying else needs_engine(self.context()))
        if self._verifying:
            self.chain.show_answer(
                "Is the log whole?", "Walking the chain", f"{count_text(self.total, 'row')} from the first", None
            )
            return
        rows = state.audit_rows if state is not None else self.total
        ok, at_s = (state.audit_ok, state.audit_verified_s) if state is not None else (None, None)
        if self._verified_s is not None and (self.verdict is None or (at_s or 0.0) <= self._verified_s):
            at_s = self._verified_s
        words = chain_words(self.verdict, rows or self.total, ok, at_s, time.time())
        if words.health is Health.OK and self.verdict is not None and rows > self.verdict.rows:
            words = chain_words(self.verdict, rows, ok, at_s, time.time())
        self.chain.show_answer("Is the log whole?", words.headline, visible_text(words.sentence, 300), words.health)

    def _show_details(self) -> None:
        row = self.current()
        if row is None:
            self._facts.set_facts((("row", "none is chosen"),))
            self._body.clear()
            return
        facts = (
            ("row", str(row.seq)),
            ("time", moment_text(row.at_s)),
            ("actor", row.actor),
            ("action", row.action),
            ("service", row.service),
            ("operation", row.operation[:12]),
            ("hash", _in_groups(row.hash)),
            ("previous", _in_groups(row.previous)),
        )
        self._facts.set_facts([(name, visible_text(words, 200)) for name, words in facts if words])
        body = pretty_body(row)
        if body != self._body.toPlainText():
            self._body.setPlainText(body)

    # --- acting ---

    def _head(self) -> str:
        """As the verifier takes it: SEQ:HASH; a hash alone says nothing of how long the log was."""
        if self.verdict is not None and self.verdict.ok and self.verdict.rows:
            return f"{self.verdict.rows}:{self.verdict.head}"
        newest = max(self.model.known, default=None)
        return f"{newest}:{self.model.known[newest].hash}" if newest is not None else ""

    def _show_bad(self) -> None:
        if self.verdict is None or self.verdict.first_bad is None:
            return
        self.text.clear()
        position = self.model.row_of(self.verdict.first_bad)
        if position >= 0:
            self.table.setCurrentIndex(self.model.index(position, 0))
            self.table.scrollTo(self.table.currentIndex())
        else:
            self._load(self.verdict.first_bad + 1)

    def _copy_row(self) -> None:
        row = self.current()
        if row is not None:
            QGuiApplication.clipboard().setText(row_text(row))
            self._said(f"Row {row.seq} is on the clipboard")

    def _copy_head(self) -> None:
        if head := self._head():
            QGuiApplication.clipboard().setText(head)
            self._said("Number and hash of the newest row are on the clipboard")

    def _said(self, text: str) -> None:
        if self.shell is not None:
            self.shell.toast(text, "done")

    def _on_filter(self, text: str) -> None:
        self.model.set_filter(text)
        if self.model.shown and self.current() is None:
            self.table.setCurrentIndex(self.model.index(0, 0))
        self._draw()

    def _focus_filter(self) -> None:
        self.text.setFocus()
        self.text.selectAll()

    def _clear(self) -> None:
        self.text.clear()
        self.table.setFocus()


def _in_groups(digest: str) -> str:
    """Three groups, so that it can be compared by eye and wraps."""
    return " ".join(digest[i : i + 22] for i in range(0, len(digest), 22))

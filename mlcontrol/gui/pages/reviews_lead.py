"""The lead's page: campaigns with their progress, what they found, who agrees, what is disputed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Mode, Standing, overdue
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.reviews_evidence import Evidence
from mlcontrol.gui.pages.reviews_rows import due_line
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.phrases import duration_text
from mlcontrol.gui.viewmodels.review_lead import (
    STATES,
    agreement_words,
    names_of,
    pace_words,
    progress_words,
    verdict_words,
)
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import Card, EmptyState
from mlcontrol.gui.widgets.interval_list import AgreementMatrix
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.review_blocks import TableBlock
from mlcontrol.gui.widgets.row_list import Row, RowList
from mlcontrol.gui.widgets.scrolled import scrolled


class ReviewsLead(QWidget):
    """*Signals:* ``campaign_moved(id)``, ``campaign_chosen(id)`` (open its bench), ``dispute_chosen(item)``, ``asked(name)`` for
    "new", "standing", "unblind" and "export"."""

    campaign_moved = Signal(str)
    campaign_chosen = Signal(str)
    dispute_chosen = Signal(str)
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.campaigns = RowList("Campaigns")
        self.summaries: dict[str, CampaignSummary] = {}
        self._title = PlainLabel("", "title", elide=True)
        self._progress = PlainLabel("", tone="secondary")
        self._verdict = PlainLabel("", "sentence", wrap=True)
        self._enough = PlainLabel("", tone="ok", wrap=True)
        self.evidence = Evidence()
        self.matrix = AgreementMatrix()
        self._alpha = PlainLabel("", tone="secondary", wrap=True)
        self.raters = TableBlock()
        self._pace = PlainLabel("", "small", "quiet")
        self.disputes = RowList("Disagreements")
        self.empty = EmptyState(
            "No campaign yet",
            "A campaign draws predictions, asks people, and its verdict counts in the deploy gate.",
            buttons=(),
        )
        self.new = KeyButton("New campaign", "N", PRIMARY)
        self.standing = KeyButton("Close", "O")
        self.unblind = KeyButton("Unblind", "V")
        self.export = KeyButton("Export", "E")
        self._cards: list[QWidget] = []
        self._build()

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(column_head("Campaigns", PlainLabel("newest first", "small", "quiet")))
        left.addWidget(self.campaigns, 1)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        head = QHBoxLayout()
        head.setSpacing(8)
        for button, name in (
            (self.new, "new"),
            (self.standing, "standing"),
            (self.unblind, "unblind"),
            (self.export, "export"),
        ):
            head.addWidget(button)
            button.clicked.connect(lambda _checked=False, n=name: self.asked.emit(n))
        head.addStretch(1)
        title = QHBoxLayout()
        title.setSpacing(12)
        title.addWidget(self._title, 1)
        title.addWidget(self._progress)
        column.addLayout(title)
        column.addWidget(self._verdict)
        column.addWidget(self._enough)
        column.addLayout(head)
        column.addWidget(self.evidence)
        self._cards.append(self.evidence)
        agreement = Card("Agreement", "Cohen's kappa · common items")
        agreement.body.addWidget(self._alpha)
        agreement.body.addWidget(self.matrix)
        column.addWidget(agreement)
        self._cards.append(agreement)
        raters = Card("Evaluators")
        raters.body.addWidget(self._pace)
        raters.body.addWidget(self.raters)
        column.addWidget(raters)
        self._cards.append(raters)
        disputes = Card("Disagreements", "Enter opens one; its keys settle it")
        self.disputes.setMinimumHeight(120)
        disputes.body.addWidget(self.disputes)
        column.addWidget(disputes)
        self._cards.append(disputes)
        column.addStretch(1)
        scroll = scrolled(content, sideways=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(left, 3)
        layout.addWidget(scroll, 7)
        self.setFocusProxy(self.campaigns)
        self.campaigns.moved.connect(self.campaign_moved)
        self.campaigns.chosen.connect(lambda name: self.campaign_chosen.emit(name) if name else None)
        self.disputes.chosen.connect(lambda item: self.dispute_chosen.emit(item) if item else None)
        self.show_campaigns((), 0.0)

    def show_campaigns(self, summaries: tuple[CampaignSummary, ...], now_s: float) -> None:
        self.summaries = {s.campaign.id: s for s in summaries}
        rows = [
            Row(
                s.campaign.id,
                s.campaign.title,
                "warning" if overdue(s.campaign, now_s) else STATES[s.campaign.standing],
                (
                    (f"{s.campaign.service} · {s.campaign.mode.value} · {s.campaign.standing.value}", "secondary"),
                    (progress_words(s), "quiet"),
                    *due_line(s.campaign, now_s),
                ),
                right=f"{s.held} on benches" if s.held else "",
            )
            for s in summaries
        ]
        empty = Row("", "No campaign yet", "", (("N starts one: it draws predictions and asks people.", "secondary"),))
        self.campaigns.set_rows(
            rows or [empty], select=None if self.campaigns.current_id() else next(iter(self.summaries), None)
        )
        for card in self._cards:
            card.setVisible(bool(summaries))
        if not summaries:
            self._progress.setText("")
            self._title.setText("No campaign yet")
            self._verdict.setText(
                "A campaign draws predictions, asks people, and its verdict counts in the deploy gate."
            )
            self._enough.hide()
            for button in (self.standing, self.unblind, self.export):
                button.set_reason("choose a campaign")

    def show_findings(self, answer: m.FindingsAnswer) -> None:
        campaign, found = answer.campaign.campaign, answer.findings
        names = names_of(campaign, found, blind=answer.blind)
        self._title.setText(campaign.title)
        self._progress.setText(progress_words(answer.campaign))
        self._verdict.setText(verdict_words(campaign, found, blind=answer.blind))
        hidden = answer.blind and campaign.mode is Mode.PAIRWISE
        self._enough.setText("The evidence is enough; it may stop." if found.enough and hidden else found.enough)
        self._enough.setVisible(bool(found.enough))
        self.evidence.show_evidence(campaign, found, names, blind=answer.blind)
        self.matrix.show_pairs([(p.first, p.second, p.kappa, p.common) for p in found.matrix])
        self.matrix.setVisible(bool(found.matrix))
        self._alpha.setText(agreement_words(found))
        self._pace.setText(pace_words(found, campaign))
        head = ("Evaluator", "Judged", "Skipped", "Gold right", "Same twice", "Consensus", "Pace")
        body = [
            (
                row.rater, str(row.judged), str(row.skipped),
                f"{row.gold_right} of {row.gold_n}" if row.gold_n else "no gold yet",
                f"{row.same} of {row.repeats}" if row.repeats else "no repeat yet",
                f"{100 * row.consensus:.0f} %" if row.consensus is not None else "undefined",
                duration_text(row.pace_s) if row.pace_s is not None else "?",
            )
            for row in found.raters
        ]  # fmt: skip
        self.raters.show_rows((head, *body), "Evaluators")
        self.disputes.set_rows(
            [
                Row(
                    d.item,
                    ", ".join(f"{rater}: {label}" for rater, label in d.labels),
                    "ok" if d.adjudicated else "warning",
                    ((f"settled: {d.adjudicated}" if d.adjudicated else "open", "secondary"),),
                )
                for d in found.disagreements[:200]
            ]
            or [Row("", "Nobody disagrees", "", (("or no item was judged by two evaluators", "secondary"),))]
        )
        standing = campaign.standing
        self.standing.set_label("Open again" if standing in (Standing.CLOSED, Standing.PAUSED) else "Close")
        self.standing.set_reason("it is unblinded" if standing is Standing.UNBLINDED else "")
        self.unblind.set_reason(
            "already" if standing is Standing.UNBLINDED else "close it first" if standing is not Standing.CLOSED else ""
        )
        self.export.set_reason("" if found.judgements else "nothing was judged yet")

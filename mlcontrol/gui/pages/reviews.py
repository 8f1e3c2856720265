"""Reviews: the evaluator's bench, blind and by keyboard; the campaigns to choose from; and the lead's page."""

from __future__ import annotations

import time
import uuid
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import JudgementVerdict, ReviewItem, Score
from mlcontrol.core.review.rubric import Label
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.state import Changes
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.reviews_form import ReviewsForm
from mlcontrol.gui.pages.reviews_keys import bound_keys
from mlcontrol.gui.pages.reviews_lead import ReviewsLead
from mlcontrol.gui.pages.reviews_lead_flow import LeadFlow
from mlcontrol.gui.pages.reviews_rows import choice_rows, score_rows
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import count_text
from mlcontrol.gui.viewmodels.review_bench import SKIP_KEY, Session, item_view
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

CHOICE, BENCH, EMPTY, LEAD, FORM = range(5)
KEEP_MS = 1500
DRAFT_MS = 800
CAMPAIGN, QUEUE = "campaign:", "queue:"


class ReviewsPage(Page):
    """A judgement counts when the engine says it is stored; only then the next item shows."""

    name: ClassVar[str] = "reviews"
    title = "Reviews"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = Session()
        self.campaign = Campaign("", "", "")
        self.item: ReviewItem | None = None
        self.next_item: ReviewItem | None = None
        self.storing = False
        self.flagged = False
        self.alone = False
        self._judgement_id = ""
        self._settling = False
        self._prefetch = ""
        self._shown_mono_s = 0.0
        self._stored = ""
        self._link = ""
        self._open: tuple[CampaignSummary, ...] = ()
        self.services = RowList("Campaigns and queues")
        self.bench = ReviewsBench()
        self.again = KeyButton("Look again", "Enter", PRIMARY)
        self.other = KeyButton("Another queue", "B")
        self.empty = EmptyState("Nothing to judge", buttons=(self.again, self.other))
        self.scores = RowList("Scores by version")
        self.lead, self.form = ReviewsLead(), ReviewsForm()
        self.flow = LeadFlow(self.lead, self.form, self._show_dispute, self._on_started)
        self._keep, self._draft = QTimer(self), QTimer(self)
        self._keep.setInterval(KEEP_MS)
        self._draft.setInterval(DRAFT_MS)
        self._draft.setSingleShot(True)
        self._build()
        self._show(CHOICE)

    def _build(self) -> None:
        choice = QWidget()
        column = QVBoxLayout(choice)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        note = PlainLabel("campaigns that wait for you; then a standing queue per service", "small", "quiet")
        column.addWidget(column_head("What will you judge?", note))
        column.addWidget(self.services, 1)
        self.stack = QStackedWidget()
        for view in (choice, self.bench, self.empty, self.lead, self.form):
            self.stack.addWidget(view)
        self.side = QWidget()
        self.side.setProperty("surface", "panel")
        self.side.setFixedWidth(theme.px(280))
        panel = QVBoxLayout(self.side)
        panel.setContentsMargins(0, 0, 0, 0)
        panel.setSpacing(0)
        panel.addWidget(column_head("Scores", PlainLabel("share judged right, 95 %", "small", "quiet")))
        panel.addWidget(self.scores, 1)
        self.side.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.side)
        self.services.chosen.connect(self._on_chosen)
        self.bench.judged.connect(self.on_key)
        self.bench.asked.connect(self.on_asked)
        self.bench.correct_given.connect(self._on_correct)
        self.bench.comment_given.connect(self._on_comment_given)
        self.bench.comment_typed.connect(self._draft.start)
        self.again.clicked.connect(self._look_again)
        self.other.clicked.connect(self.choose)
        self.lead.campaign_chosen.connect(lambda name: self.begin("", name))
        self.lead.asked.connect(self.on_lead)
        self.form.left.connect(self.open_lead)
        self._keep.timeout.connect(self._keep_leases)
        self._draft.timeout.connect(self._save_draft)
        self._wanted: Label | None = None

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        self.flow.bridge, self.flow.shell = bridge, shell

    def actions(self) -> Any:
        return bound_keys(self)

    @property
    def subtitle(self) -> str:
        at = self.stack.currentIndex()
        if at in (LEAD, FORM):
            return "campaigns, agreement, verdicts"
        return self._title() if at != CHOICE else "blind judgements, by keyboard"

    def show_for(self, service_id: str | None, **context: Any) -> None:
        changed = service_id is not None and service_id != self.service_id
        super().show_for(service_id, **context)
        self.alone = self.alone or bool(context.get("alone"))
        if context.get("lead"):
            self.open_lead()
        elif service_id is not None and (changed or self.item is None) and self._settings(service_id) is not None:
            self.begin(service_id)

    def refresh(self, changes: Changes) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is not None and (changes.services or changes.settings):
            self._fill_choice()
            if self.stack.currentIndex() == CHOICE and changes.settings:
                self._query_open()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._keep.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._keep.stop()
        if self._draft.isActive():
            self._draft.stop()
            self._save_draft()
        super().hideEvent(event)

    def _fill_choice(self) -> None:
        assert self.bridge is not None
        state = self.bridge.state
        if state is not None:
            rows = choice_rows(state, self._open)
            first = f"{QUEUE}{self.service_id}" if self.service_id else next((r.id for r in rows if not r.header), None)
            self.services.set_rows(rows, select=None if self.services.current_id() else first)

    def _query_open(self) -> None:
        def on_answer(event: Any) -> None:
            if isinstance(event, m.CampaignsAnswer):
                self._open = tuple(s for s in event.campaigns if not s.campaign.quick)
                self._fill_choice()

        if self.bridge is not None:
            self.bridge.ask(m.QueryCampaigns(request=self.bridge.request_id(), rater=self.rater()), on_answer)

    def _on_chosen(self, name: str) -> None:
        if name.startswith(CAMPAIGN):
            self.begin("", name.removeprefix(CAMPAIGN))
        elif name:
            self.begin(name.removeprefix(QUEUE))

    # --- the queue ---

    def begin(self, service: str, campaign: str = "") -> None:
        """Take the first item of a campaign, or of a service's standing queue."""
        known = {s.campaign.id: s.campaign for s in self._open} | {
            s.campaign.id: s.campaign for s in self.lead.summaries.values()
        }
        found = known.get(campaign, Campaign(campaign, service, "")) if campaign else Campaign("", service, "")
        service = service or found.service
        settings = self._settings(service)
        if settings is None or self.bridge is None:
            return
        if service != self.service_id or found.id != self.campaign.id or self.item is None:
            self.session = Session()
        self._release()
        self.service_id, self.campaign = service, found
        self.item, self.next_item = None, None
        self.storing = self._settling = False
        self._stored = ""
        self.bench.show_rubric(found)
        self.bench.tell("")
        self._ask_next(self._on_first, ())
        self.empty.say("Taking the next item", "This takes a moment; nothing is stored by it.", state="running")
        self._show(EMPTY)
        if not self.side.isHidden():
            self._query_scores()

    def _ask_next(self, answer: Any, not_items: tuple[str, ...]) -> str:
        assert self.bridge is not None
        request, asked = self.bridge.request_id(), (self.service_id, self.campaign.id)
        command = m.NextReviewItem(
            request=request, service=self.service_id or "", rater=self.rater(), not_items=not_items,
            campaign=self.campaign.id,
        )  # fmt: skip
        self.bridge.ask(command, lambda event: answer(event) if asked == (self.service_id, self.campaign.id) else None)
        return request

    def _on_first(self, event: Any) -> None:
        if isinstance(event, m.ReviewItemAnswer) and event.item is not None:
            self._show_item(event.item)
        elif isinstance(event, m.ReviewItemAnswer):
            self._nothing(event.why)
        elif isinstance(event, m.Refused):
            self._problem(event.problem)

    def _nothing(self, why: str) -> None:
        self.item = None
        marks = self.session.marks
        done = f"{count_text(len(marks), 'judgement')} stored in this sitting. " if marks else ""
        self.empty.say("Nothing is left to judge", f"{done}{why or 'The queue is empty.'}", state="ok" if done else "")
        self._show(EMPTY)
        self.heading_changed.emit()

    def _problem(self, problem: Problem) -> None:
        self.empty.say(problem.what, " ".join(p for p in (problem.why, problem.next) if p), state="unknown")
        self._show(EMPTY)

    def _show_item(self, item: ReviewItem) -> None:
        self.item = item
        self.flagged = False
        self._wanted = None
        self._judgement_id = uuid.uuid4().hex
        self._shown_mono_s = time.monotonic()
        self._view = item_view(item, self._settings(item.service))
        self.bench.show_item(item, self._view)
        self._show(BENCH)
        self.restate()
        if not self._settling:
            self._fetch_ahead()

    def _fetch_ahead(self) -> None:
        if self.item is None or self.next_item is not None:
            return

        def on_answer(event: Any) -> None:
            if request != self._prefetch:
                return
            self._prefetch = ""
            if isinstance(event, m.ReviewItemAnswer) and self.item is not None and event.item is not None:
                self.next_item = event.item
            self.restate()

        request = self._prefetch = self._ask_next(on_answer, (self.item.id,))

    def _keep_leases(self) -> None:
        if self.item is None or self._settling or self.bridge is None or self.stack.currentIndex() != BENCH:
            return
        items = tuple(i.id for i in (self.item, self.next_item) if i is not None)
        command = m.KeepReviewItems(request=self.bridge.request_id(), rater=self.rater(), items=items)
        self.bridge.ask(command, self._on_kept)

    def _on_kept(self, event: Any) -> None:
        if not isinstance(event, m.ReviewItemsKept):
            return
        self._link = f"working offline is fine: {event.unsent} kept here, to be sent" if event.offline else ""
        for words in event.told:
            self._toast(words)
        gone = dict(event.gone)
        if self.next_item is not None and self.next_item.id in gone:
            self.next_item = None
            self._fetch_ahead()
        if self.item is not None and self.item.id in gone and not self.storing:
            why = gone[self.item.id]
            self._toast("Somebody else has this item now" if why == "taken" else f"This item was {why}")
            self._advance()
        self.restate()

    def _release(self) -> None:
        items = tuple(i.id for i in (self.item, self.next_item) if i is not None)
        if items and self.bridge is not None and not self._settling:
            command = m.ReleaseReviewItems(request=self.bridge.request_id(), rater=self.rater(), items=items)
            self.bridge.ask(command, lambda _event: None)

    # --- judging ---

    def on_key(self, key: str) -> None:
        """A key of the rubric, or skip."""
        if self.item is None or self.storing or self.stack.currentIndex() != BENCH:
            return
        if key == SKIP_KEY:
            self._judge(None)
            return
        label = next((one for one in self.campaign.rubric.labels if one.key == key), None)
        if label is None:
            return
        if label.asks_correct and self.bench.correct.isHidden():
            self._wanted = label
            self.bench.ask_correct()
            return
        self._judge(label)

    def _on_correct(self) -> None:
        if self._wanted is not None:
            self._judge(self._wanted)

    def _judge(self, label: Label | None) -> None:
        item = self.item
        if item is None or self.storing or self.bridge is None:
            return
        correct = self.bench.correct.text().strip() if label is not None and label.asks_correct else ""
        comment = self.bench.comment.text().strip()
        if self._settling:
            if label is not None:
                self.flow.settle(item.id, label.id, correct, comment, self.open_lead)
            return
        self.storing = True
        self._draft.stop()
        spent_s = time.monotonic() - self._shown_mono_s
        key = label.key if label is not None else SKIP_KEY

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.JudgementStored):
                self.session.judged(key, spent_s)
                self._stored = f"item {item.position} stored" if item.position else "stored"
                self.fill_scores(event.scores)
                self._tell_known(event)
                self._advance()
            elif isinstance(event, m.Refused):
                # The item stays, unless it is out of the queue: what was not stored was not judged.
                self._stored = ""
                if self.shell is not None:
                    self.shell.problem(event.problem)
                if event.problem.code == "withdrawn":
                    self._advance()
                self.restate()

        self.bridge.ask(
            m.Judge(
                request=self.bridge.request_id(), item=item.id, service=item.service, rater=self.rater(),
                verdict=label.verdict if label is not None else JudgementVerdict.SKIPPED, correct=correct,
                comment=comment, flagged=self.flagged, campaign=self.campaign.id,
                label=label.id if label is not None else "", id=self._judgement_id, spent_s=spent_s,
            ),
            on_answer,
        )  # fmt: skip

    def _tell_known(self, event: m.JudgementStored) -> None:
        known = event.explained
        if known is not None:
            agreed = "As known" if known.agreed else f"Known to be {known.expected}"
            self.bench.tell(f"The item before: {agreed}. {known.why}")
        elif event.enough:
            self.bench.tell(f"Enough evidence: {event.enough} Stop with Esc, or go on for the slices.")
        else:
            self.bench.tell("")

    def _advance(self) -> None:
        upcoming, self.next_item = self.next_item, None
        if upcoming is not None:
            self._show_item(upcoming)
            return
        judged = (self.item.id,) if self.item is not None else ()
        self.item = None
        self._prefetch = ""
        self._ask_next(self._on_first, judged)

    def _undo(self) -> None:
        if self.bridge is None or self.service_id is None or self.storing or self._settling:
            return
        self.storing = True

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.ReviewItemAnswer) and event.item is not None:
                self.session.undone()
                self._stored = "taken back"
                self.next_item, self._prefetch = self.item, ""
                self._show_item(event.item)
            elif isinstance(event, m.Refused) and self.shell is not None:
                self.shell.problem(event.problem)
            elif isinstance(event, m.ReviewItemAnswer):
                self._toast(event.why or "Nothing to undo")

        command = m.UndoJudgement(
            request=self.bridge.request_id(), service=self.service_id, rater=self.rater(), campaign=self.campaign.id
        )
        self.bridge.ask(command, on_answer)

    def on_asked(self, name: str) -> None:
        """A helper key of the bench."""
        if name == "undo":
            self._undo()
        elif self.item is None:
            return
        elif name == "comment":
            self.bench.ask_comment()
        elif name == "difference":
            self.bench.toggle_difference(self._view)
        elif name == "golden":
            self._make_golden(self.item)
        else:
            self.flagged = not self.flagged
            self.bench.set_flag(flagged=self.flagged)

    def _make_golden(self, item: ReviewItem) -> None:
        if self.bridge is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Done):
                self._toast(f"In the golden set: {event.text}", "done")
            elif isinstance(event, m.Refused) and self.shell is not None:
                self.shell.problem(event.problem)

        correct = self.bench.correct.text().strip()
        command = m.MakeGoldenItem(request=self.bridge.request_id(), item=item.id, rater=self.rater(), correct=correct)
        self.bridge.ask(command, on_answer)

    def _on_comment_given(self) -> None:
        self._draft.stop()
        self._save_draft()
        self.bench.setFocus()

    def _save_draft(self) -> None:
        if self.item is not None and self.bridge is not None and not self._settling:
            command = m.SaveReviewDraft(
                request=self.bridge.request_id(), item=self.item.id, rater=self.rater(),
                text=self.bench.comment.text(),
            )  # fmt: skip
            self.bridge.ask(command, lambda _event: None)

    # --- the lead ---

    def open_lead(self) -> None:
        self._release()
        self.item, self._settling = None, False
        self._show(LEAD)
        self.flow.refresh()

    def on_lead(self, name: str) -> None:
        if name == "new":
            state = self.bridge.state if self.bridge is not None else None
            self.form.show_services(dict(state.settings.services) if state is not None else {}, self.service_id)
            self._show(FORM)
            self.form.fields["title"].editor.setFocus()
        elif name == "standing":
            self.flow.toggle_standing()
        elif name == "unblind":
            self.flow.unblind()
        else:
            self.flow.export()

    def _on_started(self, _campaign: str) -> None:
        self.open_lead()

    def _show_dispute(self, item: ReviewItem, campaign: Campaign) -> None:
        self.campaign, self._settling, self.next_item = campaign, True, None
        self.service_id = campaign.service
        self.bench.show_rubric(campaign)
        self.bench.tell("Settle it: your word is the item's verdict. Esc goes back.")
        self._show_item(item)

    # --- moving about ---

    def leave(self) -> None:
        if self.bench.correct.hasFocus() or self.bench.comment.hasFocus():
            self.bench.hide_fields()
        elif self.stack.currentIndex() == FORM or self._settling:
            self.open_lead()
        else:
            self.choose()

    def choose(self) -> None:
        self._release()
        self.item, self._settling = None, False
        self._show(CHOICE)
        self._query_open()
        self.services.setFocus()

    def _look_again(self) -> None:
        if self.service_id is not None:
            self.begin(self.service_id, self.campaign.id)

    def zoom(self, factor: float) -> None:
        self.bench.picture.zoom = min(1.0, max(0.25, self.bench.picture.zoom * factor))
        self.bench.picture.update()
        self.restate()

    def toggle_scores(self) -> None:
        """Hidden while judging; whoever looks is no longer blind, and chooses so."""
        self.side.setHidden(not self.side.isHidden())
        if not self.side.isHidden():
            self._query_scores()

    def _query_scores(self) -> None:
        if self.bridge is None or self.service_id is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.ScoresAnswer) and event.service == self.service_id:
                self.fill_scores(event.scores)
            elif isinstance(event, m.Refused):
                problem = event.problem
                self.scores.set_rows([Row("problem", problem.what, "unknown", ((problem.next, "secondary"),))])

        self.bridge.ask(m.QueryScores(request=self.bridge.request_id(), service=self.service_id), on_answer)

    def fill_scores(self, scores: tuple[Score, ...]) -> None:
        self.scores.set_rows(score_rows(scores))

    def _show(self, stage: int) -> None:
        self.stack.setCurrentIndex(stage)
        proxies = (self.services, self.bench, self.again, self.lead, self.form)
        self.setFocusProxy(proxies[stage])
        if stage in (BENCH, LEAD) and self.isVisible():
            proxies[stage].setFocus()
        self.heading_changed.emit()

    def restate(self) -> None:
        self.bench.show_session(
            self.session, self.item, next_ready=self.next_item is not None, stored=self._stored, link=self._link
        )

    def _settings(self, service: str) -> ServiceSettings | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.settings.services.get(service) if state is not None else None

    def _title(self) -> str:
        settings = self._settings(self.service_id or "")
        name = (settings.title or settings.id) if settings is not None else self.service_id or ""
        return self.campaign.title or name

    def _toast(self, text: str, state: str = "warning") -> None:
        if self.shell is not None:
            self.shell.toast(text, state)

    def rater(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

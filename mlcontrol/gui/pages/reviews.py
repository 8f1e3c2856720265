"""Reviews: the evaluator's bench, blind and by keyboard; the campaigns to choose from; and the lead's page."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import ReviewItem, Score
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.state import Changes
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.reviews_form import ReviewsForm
from mlcontrol.gui.pages.reviews_judging import Judging
from mlcontrol.gui.pages.reviews_keys import bound_keys
from mlcontrol.gui.pages.reviews_lead import ReviewsLead
from mlcontrol.gui.pages.reviews_lead_flow import LeadFlow
from mlcontrol.gui.pages.reviews_queue import Queue, Stage
from mlcontrol.gui.pages.reviews_rows import choice_rows, score_rows
from mlcontrol.gui.pages.reviews_start import ReviewsStart
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

CAMPAIGN, QUEUE = "campaign:", "queue:"


class ReviewsPage(Page):
    """A judgement counts when the engine says it is stored; only then the next item shows."""

    name: ClassVar[str] = "reviews"
    title = "Reviews"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.alone = False
        self._open: tuple[CampaignSummary, ...] = ()
        self._moved = False
        self.services = RowList("Campaigns and queues")
        self.bench = ReviewsBench()
        self.start = ReviewsStart()
        self.again = KeyButton("Look again", "Enter", PRIMARY)
        self.other = KeyButton("Another queue", "B")
        self.empty = EmptyState("Nothing to judge", buttons=(self.again, self.other))
        self.scores = RowList("Scores by version")
        self.lead, self.form = ReviewsLead(), ReviewsForm()
        self.flow = LeadFlow(self.lead, self.form, self._show_dispute, self._on_started)
        self.queue = Queue(self, self.bench, self.start, self.empty, self)
        self.judging = Judging(self, self.queue, self.bench, self.flow, self)
        self._build()
        self.show_stage(Stage.CHOICE)

    def _build(self) -> None:
        choice = QWidget()
        column = QVBoxLayout(choice)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        note = PlainLabel("campaigns that wait for you; then a standing queue per service", "small", "quiet")
        column.addWidget(column_head("What will you judge?", note))
        column.addWidget(self.services, 1)
        self.stack = QStackedWidget()
        for view in (choice, self.bench, self.empty, self.lead, self.form, self.start):
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
        self.services.moved.connect(self._on_moved)
        self.again.clicked.connect(self._look_again)
        self.other.clicked.connect(self.choose)
        self.start.go.clicked.connect(self.queue.go_on)
        self.start.other.clicked.connect(self.choose)
        self.queue.item_shown.connect(self.restate)
        self.queue.changed.connect(self.restate)
        self.judging.changed.connect(self.restate)
        self.judging.stored.connect(lambda event: self.fill_scores(event.scores))
        self.judging.settled.connect(self.open_lead)
        self.lead.campaign_chosen.connect(lambda name: self.begin("", name))
        self.lead.asked.connect(self.on_lead)
        self.form.left.connect(self.open_lead)

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        self.flow.bridge, self.flow.shell = bridge, shell

    def actions(self) -> Any:
        return bound_keys(self)

    @property
    def stage(self) -> Stage:
        return Stage(self.stack.currentIndex())

    @property
    def subtitle(self) -> str:
        if self.stage in (Stage.LEAD, Stage.FORM):
            return "campaigns, agreement, verdicts"
        return self._title() if self.stage is not Stage.CHOICE else "blind judgements, by keyboard"

    def show_for(self, service_id: str | None, **context: Any) -> None:
        changed = service_id is not None and service_id != self.service_id
        super().show_for(service_id, **context)
        self.alone = self.alone or bool(context.get("alone"))
        if context.get("lead"):
            self.open_lead()
        elif service_id is not None and (changed or self.queue.item is None) and self.settings_of(service_id):
            self.begin(service_id)

    def refresh(self, changes: Changes) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is not None and (changes.services or changes.settings):
            self._fill_choice()
            if self.stage is Stage.CHOICE and changes.settings:
                self._query_open()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.queue.run(running=True)

    def hideEvent(self, event: QHideEvent) -> None:
        self.queue.run(running=False)
        self.judging.keep_draft()
        super().hideEvent(event)

    # --- what to judge ---

    def _fill_choice(self) -> None:
        assert self.bridge is not None
        state = self.bridge.state
        if state is not None:
            rows = choice_rows(state, self._open, time.time())
            first = f"{QUEUE}{self.service_id}" if self.service_id else next((r.id for r in rows if not r.header), None)
            # Campaigns come a moment after the services: until somebody moves, the first row is the one marked.
            kept = self._moved and self.services.current_id()
            self.services.set_rows(rows, select=None if kept else first)

    def _on_moved(self, _row: str) -> None:
        self._moved = True

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

    def begin(self, service: str, campaign: str = "") -> None:
        """The first item of a campaign, or of a service's standing queue."""
        known = {s.campaign.id: s.campaign for s in (*self.lead.summaries.values(), *self._open)}
        found = known.get(campaign, Campaign(campaign, service, "")) if campaign else Campaign("", service, "")
        self.judging.reset()
        self.service_id = service or found.service
        self.queue.begin(self.service_id, found)
        if not self.side.isHidden():
            self._query_scores()

    def choose(self) -> None:
        self.queue.leave()
        self.show_stage(Stage.CHOICE)
        self._query_open()
        self.services.setFocus()

    def _look_again(self) -> None:
        if self.service_id is not None:
            self.begin(self.service_id, self.queue.campaign.id)

    # --- the lead ---

    def open_lead(self) -> None:
        self.queue.leave()
        self.show_stage(Stage.LEAD)
        self.flow.refresh()

    def on_lead(self, name: str) -> None:
        if name == "new":
            state = self.bridge.state if self.bridge is not None else None
            self.form.show_services(dict(state.settings.services) if state is not None else {}, self.service_id)
            self.show_stage(Stage.FORM)
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
        self.service_id = campaign.service
        self.judging.reset()
        self.queue.settle(item, campaign)

    # --- moving about ---

    def leave(self) -> None:
        if self.stage is Stage.BENCH and self.judging.step_back():
            return
        if self.stage is Stage.FORM or self.queue.settling:
            self.open_lead()
        else:
            self.choose()

    def zoom(self, factor: float) -> None:
        self.bench.zoom(factor)
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

    def show_stage(self, stage: Stage) -> None:
        self.stack.setCurrentIndex(stage)
        proxies = (self.services, self.bench, self.again, self.lead, self.form, self.start)
        self.setFocusProxy(proxies[stage])
        if stage in (Stage.BENCH, Stage.LEAD, Stage.START) and self.isVisible():
            proxies[stage].setFocus()
        self.heading_changed.emit()

    def restate(self) -> None:
        queue = self.queue
        self.bench.show_session(
            queue.session,
            queue.item,
            next_ready=queue.next_item is not None,
            stored=self.judging.words,
            link=queue.link,
        )

    def settings_of(self, service: str) -> ServiceSettings | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.settings.services.get(service) if state is not None else None

    def _title(self) -> str:
        settings = self.settings_of(self.service_id or "")
        name = (settings.title or settings.id) if settings is not None else self.service_id or ""
        return self.queue.campaign.title or name

    def rater(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

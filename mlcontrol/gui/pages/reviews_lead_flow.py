"""What the lead's page asks of the engine, and what it does with the answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from mlcontrol.core.review.campaign import Campaign, Standing
from mlcontrol.core.review.judging import ReviewItem
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Shell
from mlcontrol.gui.pages.reviews_form import ReviewsForm
from mlcontrol.gui.pages.reviews_lead import ReviewsLead


class LeadFlow(QObject):
    """``show_dispute(item, campaign)`` and ``started(campaign)`` are the page's."""

    def __init__(
        self,
        view: ReviewsLead,
        form: ReviewsForm,
        show_dispute: Callable[[ReviewItem, Campaign], None],
        started: Callable[[str], None],
    ) -> None:
        super().__init__(view)
        self.view, self.form = view, form
        self.bridge: Bridge | None = None
        self.shell: Shell | None = None
        self.chosen = ""
        self._show_dispute, self._started = show_dispute, started
        view.campaign_moved.connect(self.query)
        view.dispute_chosen.connect(self.open_dispute)
        form.started.connect(self.start)

    def refresh(self) -> None:
        self._ask(m.QueryCampaigns(request=self._request()), self._on_campaigns)

    def _on_campaigns(self, event: Any) -> None:
        if isinstance(event, m.CampaignsAnswer):
            self.view.show_campaigns(event.campaigns, time.time())
            self.query(self.view.campaigns.current_id() or "")
        else:
            self._refused(event)

    def query(self, campaign: str) -> None:
        self.chosen = campaign
        if campaign:
            self._ask(m.QueryFindings(request=self._request(), campaign=campaign), self._on_findings)

    def _on_findings(self, event: Any) -> None:
        if isinstance(event, m.FindingsAnswer):
            if event.findings.campaign == self.chosen:
                self.view.show_findings(event)
        else:
            self._refused(event)

    def start(self, campaign: Campaign) -> None:
        def answered(event: Any) -> None:
            if isinstance(event, m.CampaignsAnswer):
                self.form.tell("")
                self._toast(f"{event.campaigns[0].items} items are waiting to be judged")
                self._started(event.campaigns[0].campaign.id)
            elif isinstance(event, m.Refused):
                self.form.tell(" ".join(p for p in (event.problem.what, event.problem.why, event.problem.next) if p))

        self._ask(m.StartCampaign(request=self._request(), campaign=campaign, actor=self._actor()), answered)

    def toggle_standing(self) -> None:
        summary = self.view.summaries.get(self.chosen)
        if summary is not None:
            self._stand(Standing.CLOSED if summary.campaign.standing is Standing.OPEN else Standing.OPEN)

    def unblind(self) -> None:
        self._stand(Standing.UNBLINDED)

    def _stand(self, standing: Standing) -> None:
        if not self.chosen:
            return
        command = m.SetCampaignStanding(
            request=self._request(), campaign=self.chosen, standing=standing, actor=self._actor()
        )

        def answered(event: Any) -> None:
            if isinstance(event, m.CampaignsAnswer):
                self._toast(f"{event.campaigns[0].campaign.title} is {standing.value} now")
                self.refresh()
            else:
                self._refused(event)

        self._ask(command, answered)

    def export(self) -> None:
        """Beside the workspace file: the engine writes it, and may be on another machine than the window."""
        if not self.chosen or self.bridge is None:
            return
        name = f"{self.chosen}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.jsonl"
        path = Path(self.bridge.workspace).parent / "exports"
        path.mkdir(exist_ok=True)

        def answered(event: Any) -> None:
            if isinstance(event, m.Done):
                self._toast(f"{event.text} examples in {path / name}")
            else:
                self._refused(event)

        self._ask(m.ExportReviews(request=self._request(), path=str(path / name), campaign=self.chosen), answered)

    def open_dispute(self, item: str) -> None:
        summary = self.view.summaries.get(self.chosen)

        def answered(event: Any) -> None:
            if isinstance(event, m.ReviewItemAnswer) and event.item is not None and summary is not None:
                self._show_dispute(event.item, summary.campaign)
            else:
                self._refused(event)

        if item:
            self._ask(m.QueryReviewItem(request=self._request(), item=item), answered)

    def settle(self, item: str, label: str, correct: str, comment: str, done: Callable[[], None]) -> None:
        def answered(event: Any) -> None:
            if isinstance(event, m.JudgementStored):
                self._toast("Settled")
                done()
            else:
                self._refused(event)

        self._ask(
            m.Adjudicate(
                request=self._request(), item=item, label=label, actor=self._actor(), correct=correct, comment=comment
            ),
            answered,
        )

    def _ask(self, command: Any, answer: Callable[[Any], None]) -> None:
        if self.bridge is not None:
            self.bridge.ask(command, answer)

    def _request(self) -> str:
        return self.bridge.request_id() if self.bridge is not None else ""

    def _actor(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

    def _toast(self, text: str) -> None:
        if self.shell is not None:
            self.shell.toast(text, "done")

    def _refused(self, event: Any) -> None:
        if isinstance(event, m.Refused) and self.shell is not None:
            self.shell.problem(event.problem)

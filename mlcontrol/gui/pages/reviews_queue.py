"""The queue of a sitting: its first page, the item shown and the one ready behind it, and the leases of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from mlcontrol.core.problem import Problem
from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import ItemKind, ReviewItem
from mlcontrol.core.review.sitting import Explained, Sitting
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Shell
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.reviews_start import ReviewsStart
from mlcontrol.gui.viewmodels.phrases import count_text
from mlcontrol.gui.viewmodels.review_bench import Session, item_view
from mlcontrol.gui.viewmodels.review_start import start_view
from mlcontrol.gui.widgets.card import EmptyState

KEEP_MS = 800  # with a look of the kit each second, a conflict is told within two


class Stage(IntEnum):
    CHOICE, BENCH, EMPTY, LEAD, FORM, START = range(6)


class Host(Protocol):
    """What a sitting asks of its page."""

    bridge: Bridge | None
    shell: Shell | None

    def show_stage(self, stage: Stage) -> None: ...

    def settings_of(self, service: str) -> ServiceSettings | None: ...

    def rater(self) -> str: ...


class Queue(QObject):
    """*Signals:* ``item_shown()``: another item, or none, is on the bench; ``changed()``: what stands around it reads otherwise."""

    item_shown = Signal()
    changed = Signal()

    def __init__(
        self, host: Host, bench: ReviewsBench, start: ReviewsStart, empty: EmptyState, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._host, self._bench, self._start, self._empty = host, bench, start, empty
        self.session = Session()
        self.campaign = Campaign("", "", "")
        self.service = ""
        self.item: ReviewItem | None = None
        self.next_item: ReviewItem | None = None
        self.settling = False  # the lead's word on one item, outside any queue
        self.busy: Callable[[], bool] = lambda: False  # a judgement of the item is on its way
        self.link = ""
        self.shown_mono_s = 0.0
        self._known: list[tuple[str, Explained]] = []
        self._prefetch = ""
        self._sitting_known = True
        self._waiting = False  # the first page is read; the item waits behind it
        self._keep = QTimer(self)
        self._keep.setInterval(KEEP_MS)
        self._keep.timeout.connect(self._keep_leases)

    def run(self, *, running: bool) -> None:
        """Leases are kept while the page is in sight."""
        if running:
            self._keep.start()
        else:
            self._keep.stop()

    # --- begin and end ---

    def begin(self, service: str, campaign: Campaign) -> None:
        """Take the first item of a campaign, or of a service's standing queue; a campaign's first page comes before it."""
        if self._host.settings_of(service) is None or self._host.bridge is None:
            return
        if service != self.service or campaign.id != self.campaign.id or self.item is None:
            self.session = Session()
            self._known = []
        self.release()
        self.service, self.campaign = service, campaign
        self.item, self.next_item = None, None
        self.settling = self._waiting = False
        self._bench.show_rubric(campaign)
        self._bench.tell("")
        self._sitting_known = not campaign.id
        if campaign.id:
            self._ask_sitting()
        self._ask_next(self._on_first, ())
        self._empty.say("Taking the next item", "This takes a moment; nothing is stored by it.", state="running")
        self._host.show_stage(Stage.EMPTY)

    def _ask_sitting(self) -> None:
        bridge = self._host.bridge
        assert bridge is not None
        asked = (self.service, self.campaign.id)

        def on_answer(event: Any) -> None:
            if asked != (self.service, self.campaign.id):
                return
            self._sitting_known = True
            if isinstance(event, m.SittingAnswer):
                self._on_sitting(event.sitting)
            self._show_what_waits()

        bridge.ask(
            m.QuerySitting(
                request=bridge.request_id(), rater=self._host.rater(), campaign=self.campaign.id, service=self.service
            ),
            on_answer,
        )

    def _on_sitting(self, sitting: Sitting) -> None:
        self.campaign = sitting.summary.campaign
        self._bench.show_rubric(self.campaign)
        if sitting.judged == 0 or sitting.calibration_left > 0:
            self._start.show_start(start_view(sitting, time.time()))
            self._waiting = True

    def go_on(self) -> None:
        """The first page has been read."""
        self._waiting = False
        self._show_what_waits()

    def _show_what_waits(self) -> None:
        if self.item is None or not self._sitting_known:
            return
        if self._waiting:
            self._host.show_stage(Stage.START)
        else:
            self.show_item(self.item)

    def settle(self, item: ReviewItem, campaign: Campaign) -> None:
        """One item out of its queue, for the lead's word."""
        self.release()
        self.campaign, self.service = campaign, campaign.service
        self.settling, self.next_item = True, None
        self._bench.show_rubric(campaign)
        self._bench.tell("Settle it: your word is the item's verdict. Esc goes back.")
        self.show_item(item)

    def leave(self) -> None:
        """Give back what is held."""
        self.release()
        self.item, self.settling, self._waiting = None, False, False

    # --- one item after the other ---

    def show_item(self, item: ReviewItem) -> None:
        self.item = item
        self.shown_mono_s = time.monotonic()
        self.view = item_view(item, self._host.settings_of(item.service))
        self._bench.show_item(item, self.view)
        self._host.show_stage(Stage.BENCH)
        self.item_shown.emit()
        if not self.settling:
            self._fetch_ahead()

    def advance(self) -> None:
        """The next one, that is ready as a rule."""
        if self._calibration_ends():
            self._start.show_calibrated(self.campaign.title, self._known)
            self._known, self._waiting = [], True
        upcoming, self.next_item = self.next_item, None
        judged = (self.item.id,) if self.item is not None else ()
        self.item = upcoming
        if upcoming is not None:
            self._show_what_waits()
            return
        self._prefetch = ""
        self._ask_next(self._on_first, judged)

    def explained(self, said: str, known: Explained) -> None:
        self._known.append((said, known))

    def _calibration_ends(self) -> bool:
        return bool(self._known) and (self.next_item is None or self.next_item.kind is not ItemKind.CALIBRATION)

    def go_back(self, item: ReviewItem) -> None:
        """An undone item; the present one stays ready behind it."""
        self.next_item, self._prefetch = self.item, ""
        self.show_item(item)

    def _ask_next(self, answer: Callable[[Any], None], not_items: tuple[str, ...]) -> str:
        bridge = self._host.bridge
        assert bridge is not None
        request, asked = bridge.request_id(), (self.service, self.campaign.id)
        command = m.NextReviewItem(
            request=request,
            service=self.service,
            rater=self._host.rater(),
            not_items=not_items,
            campaign=self.campaign.id,
        )
        bridge.ask(command, lambda event: answer(event) if asked == (self.service, self.campaign.id) else None)
        return request

    def _on_first(self, event: Any) -> None:
        if isinstance(event, m.ReviewItemAnswer) and event.item is not None:
            self.item = event.item
            self._show_what_waits()
        elif isinstance(event, m.ReviewItemAnswer):
            self._nothing(event.why)
        elif isinstance(event, m.Refused):
            self._problem(event.problem)

    def _nothing(self, why: str) -> None:
        self.item = None
        marks = self.session.marks
        done = f"{count_text(len(marks), 'judgement')} stored in this sitting. " if marks else ""
        self._empty.say("Nothing is left to judge", f"{done}{why or 'The queue is empty.'}", state="ok" if done else "")
        self._host.show_stage(Stage.EMPTY)

    def _problem(self, problem: Problem) -> None:
        self._empty.say(problem.what, " ".join(p for p in (problem.why, problem.next) if p), state="unknown")
        self._host.show_stage(Stage.EMPTY)

    def _fetch_ahead(self) -> None:
        if self.item is None or self.next_item is not None:
            return

        def on_answer(event: Any) -> None:
            if request != self._prefetch:
                return
            self._prefetch = ""
            if isinstance(event, m.ReviewItemAnswer) and self.item is not None and event.item is not None:
                self.next_item = event.item
            self.changed.emit()

        request = self._prefetch = self._ask_next(on_answer, (self.item.id,))

    # --- leases ---

    def _keep_leases(self) -> None:
        bridge = self._host.bridge
        if self.item is None or self.settling or bridge is None:
            return
        items = tuple(i.id for i in (self.item, self.next_item) if i is not None)
        command = m.KeepReviewItems(request=bridge.request_id(), rater=self._host.rater(), items=items)
        bridge.ask(command, self._on_kept)

    def _on_kept(self, event: Any) -> None:
        if not isinstance(event, m.ReviewItemsKept):
            return
        self.link = f"working offline is fine: {event.unsent} kept here, to be sent" if event.offline else ""
        for words in event.told:
            self._toast(words)
        gone = dict(event.gone)
        if self.next_item is not None and self.next_item.id in gone:
            self.next_item = None
            self._fetch_ahead()
        if self.item is not None and self.item.id in gone and not self.busy():
            why = gone[self.item.id]
            self._toast("Somebody else has this item now" if why == "taken" else f"This item was {why}")
            self.advance()
        self.changed.emit()

    def release(self) -> None:
        items = tuple(i.id for i in (self.item, self.next_item) if i is not None)
        bridge = self._host.bridge
        if items and bridge is not None and not self.settling:
            command = m.ReleaseReviewItems(request=bridge.request_id(), rater=self._host.rater(), items=items)
            bridge.ask(command, lambda _event: None)

    def _toast(self, text: str) -> None:
        if self._host.shell is not None:
            self._host.shell.toast(text, "warning")

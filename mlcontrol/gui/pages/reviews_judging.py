"""Judging one item by keyboard: label, scales, tags, the right answer, comment, flag, undo; stored before the next item shows."""

from __future__ import annotations

import time
import uuid
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from mlcontrol.core.review.judging import Beside, JudgementVerdict, ReviewItem
from mlcontrol.core.review.rubric import SCALE_KEYS, TAG_KEYS, Label, Scale
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.reviews_lead_flow import LeadFlow
from mlcontrol.gui.pages.reviews_queue import Host, Queue
from mlcontrol.gui.viewmodels.review_bench import SKIP_KEY

DRAFT_MS = 800


class Judging(QObject):
    """*Signals:* ``changed()``: what is given, or what is stored, reads otherwise; ``stored(JudgementStored)``; ``settled()``."""

    changed = Signal()
    stored = Signal(object)
    settled = Signal()

    def __init__(self, host: Host, queue: Queue, bench: ReviewsBench, lead: LeadFlow, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self._queue, self._bench, self._lead = host, queue, bench, lead
        self.storing = False
        self.words = ""  # what became of the last judgement
        self.scales: dict[str, float] = {}
        self.tags: list[str] = []
        self._flagged = False
        self._wanted: Label | None = None
        self._asking: Scale | None = None
        self._judgement_id = ""
        self._draft = QTimer(self)
        self._draft.setInterval(DRAFT_MS)
        self._draft.setSingleShot(True)
        self._draft.timeout.connect(self._save_draft)
        queue.busy = lambda: self.storing
        queue.item_shown.connect(self._on_item)
        bench.judged.connect(self.on_key)
        bench.asked.connect(self.on_asked)
        bench.correct_given.connect(self._go_on)
        bench.comment_given.connect(self._on_comment_given)
        bench.comment_typed.connect(self._draft.start)
        bench.rubric.scaled.connect(self._on_scaled)
        bench.rubric.tagged.connect(self.toggle_tag)

    def reset(self) -> None:
        """Another queue."""
        self.storing, self.words = False, ""

    def keep_draft(self) -> None:
        """The page goes out of sight: what is being typed is kept now."""
        if self._draft.isActive():
            self._draft.stop()
            self._save_draft()

    def _on_item(self) -> None:
        self._flagged = False
        self._wanted = self._asking = None
        self.scales, self.tags = {}, []
        self._bench.suggest_correct("")
        self._judgement_id = uuid.uuid4().hex
        self._show_given()

    def _show_given(self) -> None:
        self._bench.rubric.show_given(self.scales, self.tags, self._asking.name if self._asking else "")
        self._bench.show_wanted(self._wanted)
        self.changed.emit()

    # --- what is pressed ---

    def on_key(self, key: str) -> None:
        """A digit, for the scale that asks or else for a label; or skip."""
        if self._queue.item is None or self.storing:
            return
        if key == SKIP_KEY:
            self._judge(None)
        elif self._asking is not None:
            if self._asking.low <= int(key) <= self._asking.high:
                self._on_scaled(self._asking.name, float(key))
        elif (label := next((one for one in self._queue.campaign.rubric.labels if one.key == key), None)) is not None:
            self._wanted = label
            self._go_on()

    def takes(self, key: str) -> str:
        """Why a digit does nothing now; empty when it does something."""
        rubric = self._queue.campaign.rubric
        if self._asking is not None:
            scale = self._asking
            return "" if scale.low <= int(key) <= scale.high else f"{scale.name} goes from {scale.low} to {scale.high}"
        return "" if any(label.key == key for label in rubric.labels) else f"this rubric has no {key}"

    def open_scale(self, key: str) -> None:
        """The next digit is for this scale."""
        scales = dict(zip(SCALE_KEYS, self._queue.campaign.rubric.scales, strict=False))
        if key in scales and self._queue.item is not None:
            self._asking = None if self._asking is scales[key] else scales[key]
            self._show_given()

    def _on_scaled(self, name: str, value: float) -> None:
        if self._queue.item is None or self.storing:
            return
        self.scales[name] = value
        self._asking = None
        self._show_given()
        if self._wanted is not None:
            self._go_on()

    def tag_by_key(self, key: str) -> None:
        tags = dict(zip(TAG_KEYS, self._queue.campaign.rubric.tags, strict=False))
        if key in tags:
            self.toggle_tag(tags[key])

    def toggle_tag(self, tag: str) -> None:
        if tag in self.tags:
            self.tags.remove(tag)
        else:
            self.tags.append(tag)
        self._show_given()

    def step_back(self) -> bool:
        """Esc: the scale that asks, then the label that waits, then an open field; `False` when nothing was open."""
        if self._wanted is not None or self._asking is not None:
            self._wanted = self._asking = None
            self._bench.hide_fields()
            self._show_given()
            return True
        return self._bench.leave_field()

    # --- storing ---

    def _go_on(self) -> None:
        """What the label still needs: each scale, then the right answer; then it is stored."""
        label = self._wanted
        if label is None:
            return
        rubric = self._queue.campaign.rubric
        left = [scale for scale in rubric.scales if scale.name not in self.scales]
        if left and not self._queue.settling:
            self._asking = left[0]
            self._bench.setFocus()
            self._show_given()
        elif label.asks_correct and self._bench.correct.isHidden():
            self._bench.ask_correct()
            self._show_given()
        else:
            self._judge(label)

    def _judge(self, label: Label | None) -> None:
        item, bridge = self._queue.item, self._host.bridge
        if item is None or self.storing or bridge is None:
            return
        correct = self._bench.correct.text().strip() if label is not None and label.asks_correct else ""
        comment = self._bench.comment.text().strip()
        if self._queue.settling:
            if label is not None:
                self._lead.settle(item.id, label.id, correct, comment, self.settled.emit)
            return
        self.storing = True
        self._draft.stop()
        spent_s = time.monotonic() - self._queue.shown_mono_s
        key = label.key if label is not None else SKIP_KEY

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.JudgementStored):
                self._on_stored(event, item, key, spent_s, label.text if label is not None else "skip")
            elif isinstance(event, m.Refused):
                # The item stays, unless it is out of the queue: what was not stored was not judged.
                self.words = ""
                if self._host.shell is not None:
                    self._host.shell.problem(event.problem)
                if event.problem.code == "withdrawn":
                    self._queue.advance()
                self.changed.emit()

        bridge.ask(
            m.Judge(
                request=bridge.request_id(), item=item.id, service=item.service, rater=self._host.rater(),
                verdict=label.verdict if label is not None else JudgementVerdict.SKIPPED, correct=correct,
                comment=comment, flagged=self._flagged, campaign=self._queue.campaign.id,
                label=label.id if label is not None else "", id=self._judgement_id, spent_s=spent_s,
                tags=tuple(self.tags), scales=dict(self.scales) if label is not None else {},
            ),
            on_answer,
        )  # fmt: skip

    def _on_stored(self, event: m.JudgementStored, item: ReviewItem, key: str, spent_s: float, said: str) -> None:
        self._queue.session.judged(key, spent_s)
        self.words = f"item {item.position} stored" if item.position else "stored"
        known = event.explained
        if known is not None:
            agreed = "As known" if known.agreed else f"Known to be {known.expected}"
            self._bench.tell(f"The item before: {agreed}. {known.why}")
            self._queue.explained(said, known)
        elif event.enough:
            self._bench.tell(f"Enough evidence: {event.enough} Stop with Esc, or go on for the slices.")
        else:
            self._bench.tell("")
        self.stored.emit(event)
        self._queue.advance()

    def _undo(self) -> None:
        bridge = self._host.bridge
        if bridge is None or not self._queue.service or self.storing or self._queue.settling:
            return
        self.storing = True

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.ReviewItemAnswer) and event.item is not None:
                self._queue.session.undone()
                self.words = "taken back"
                self._queue.go_back(event.item)
                self._give_again(event.beside or Beside())
            elif isinstance(event, m.Refused) and self._host.shell is not None:
                self._host.shell.problem(event.problem)
            elif isinstance(event, m.ReviewItemAnswer):
                self._toast(event.why or "Nothing to undo")

        command = m.UndoJudgement(
            request=bridge.request_id(),
            service=self._queue.service,
            rater=self._host.rater(),
            campaign=self._queue.campaign.id,
        )
        bridge.ask(command, on_answer)

    def _give_again(self, beside: Beside) -> None:
        """What was given beside the label stands as it was: only what is to be changed is given anew."""
        self.scales, self.tags = dict(beside.scales), list(beside.tags)
        self._flagged = beside.flagged
        self._bench.set_flag(flagged=beside.flagged)
        self._bench.suggest_correct(beside.correct)
        self._show_given()

    # --- beside the verdict ---

    def on_asked(self, name: str) -> None:
        """A helper key of the bench."""
        item = self._queue.item
        if name == "undo":
            self._undo()
        elif item is None:
            return
        elif name == "comment":
            if self._queue.campaign.rubric.free_text:
                self._bench.ask_comment()
        elif name == "difference":
            self._bench.toggle_difference(self._queue.view)
        elif name == "golden":
            self._make_golden(item)
        else:
            self._flagged = not self._flagged
            self._bench.set_flag(flagged=self._flagged)

    def _make_golden(self, item: ReviewItem) -> None:
        bridge = self._host.bridge
        if bridge is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Done):
                self._toast(f"In the golden set: {event.text}", "done")
            elif isinstance(event, m.Refused) and self._host.shell is not None:
                self._host.shell.problem(event.problem)

        correct = self._bench.correct.text().strip()
        command = m.MakeGoldenItem(request=bridge.request_id(), item=item.id, rater=self._host.rater(), correct=correct)
        bridge.ask(command, on_answer)

    def _on_comment_given(self) -> None:
        self._draft.stop()
        self._save_draft()
        self._bench.setFocus()

    def _save_draft(self) -> None:
        item, bridge = self._queue.item, self._host.bridge
        if item is not None and bridge is not None and not self._queue.settling:
            command = m.SaveReviewDraft(
                request=bridge.request_id(), item=item.id, rater=self._host.rater(), text=self._bench.comment.text()
            )
            bridge.ask(command, lambda _event: None)

    def _toast(self, text: str, state: str = "warning") -> None:
        if self._host.shell is not None:
            self._host.shell.toast(text, state)

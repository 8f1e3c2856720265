"""Reviews: judge predictions of a service by keyboard, blind; the score with its interval when it is asked for."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, ClassVar

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.review import JudgementVerdict, ReviewItem, Score
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.state import Changes
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound, Context, needs_engine
from mlcontrol.gui.pages.page import Page
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import count_text, version_text
from mlcontrol.gui.viewmodels.review_bench import KEYS, Session, item_view
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

CHOICE, BENCH, EMPTY = range(3)


class ReviewsPage(Page):
    """A judgement counts when the engine says it is stored; only then the next item shows."""

    name: ClassVar[str] = "reviews"
    title = "Reviews"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = Session()
        self.item: ReviewItem | None = None
        self.next_item: ReviewItem | None = None
        self.storing = False
        self.flagged = False
        self._prefetch = ""
        self._shown_mono_s = 0.0
        self._stored = ""
        self.services = RowList("Services with a prediction log")
        self.bench = ReviewsBench()
        self.again = KeyButton("Look again", "Enter", PRIMARY)
        self.other = KeyButton("Another service", "B")
        self.empty = EmptyState("Nothing to judge", buttons=(self.again, self.other))
        self.scores = RowList("Scores by version")
        self._scores_note = PlainLabel("share judged right, 95 %", "small", "quiet")
        self._build()
        self._show(CHOICE)

    def _build(self) -> None:
        choice = QWidget()
        column = QVBoxLayout(choice)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(
            column_head(
                "Which service?", PlainLabel("one queue per service, from its prediction log", "small", "quiet")
            )
        )
        column.addWidget(self.services, 1)
        self.stack = QStackedWidget()
        for view in (choice, self.bench, self.empty):
            self.stack.addWidget(view)
        self.side = QWidget()
        self.side.setProperty("surface", "panel")
        self.side.setFixedWidth(theme.px(280))
        panel = QVBoxLayout(self.side)
        panel.setContentsMargins(0, 0, 0, 0)
        panel.setSpacing(0)
        panel.addWidget(column_head("Scores", self._scores_note))
        panel.addWidget(self.scores, 1)
        self.side.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.side)
        self.services.chosen.connect(self.begin)
        self.bench.judged.connect(self._on_key)
        self.bench.asked.connect(self._on_asked)
        self.bench.correct_given.connect(lambda: self._judge(JudgementVerdict.WRONG))
        self.bench.comment_given.connect(self.bench.setFocus)
        self.again.clicked.connect(self._look_again)
        self.other.clicked.connect(self._choose)

    # --- page contract ---

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        def judging(context: Context) -> str:
            reason = needs_engine(context)
            if reason or (self.stack.currentIndex() == BENCH and not self.storing):
                return reason
            return "the judgement before is being stored" if self.storing else "no item is shown"

        bound = [
            Bound(Action(f"reviews.{v.value}", word, key, hint, self.name, judging), partial(self._on_key, v))
            for key, word, hint, v in KEYS
        ]
        for name, text, key, hint in (
            ("undo", "Undo", "U", "The last judgement comes back; any number of steps"),
            ("comment", "Comment", "C", "Goes with this judgement"),
            ("flag", "Flag", "F", "Unreadable, private, wrong crop"),
        ):
            bound.append(
                Bound(Action(f"reviews.{name}", text, key, hint, self.name, judging), partial(self._on_asked, name))
            )
        bound += [
            Bound(
                Action("reviews.scores", "Show or hide the scores", "S", "By version; whoever looks is no longer blind", self.name),
                self.toggle_scores,
            ),
            Bound(Action("reviews.service", "Another service", "B", "Choose whose predictions to judge", self.name), self._choose),
            Bound(Action("reviews.larger", "Larger picture", "+", "", self.name), lambda: self._zoom(1.25)),
            Bound(Action("reviews.smaller", "Smaller picture", "-", "", self.name), lambda: self._zoom(0.8)),
            Bound(Action("reviews.leave", "Leave a field, or the bench", "Esc", "Nothing is lost", self.name), self._leave),
        ]  # fmt: skip
        return tuple(bound)

    @property
    def subtitle(self) -> str:
        return self._title() if self.stack.currentIndex() != CHOICE else "blind judgements, by keyboard"

    def show_for(self, service_id: str | None, **context: Any) -> None:
        changed = service_id is not None and service_id != self.service_id
        super().show_for(service_id, **context)
        if service_id is not None and (changed or self.item is None) and self._settings(service_id) is not None:
            self.begin(service_id)

    def refresh(self, changes: Changes) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None:
            return
        if changes.services or changes.settings:
            rows = []
            for service in sorted(state.settings.services.values(), key=lambda s: (s.title or s.id).casefold()):
                live = state.services.get(service.id)
                words = live.evaluators.text if live is not None and live.evaluators.n else "not judged yet"
                note = f"{service.kind or 'service'} · evaluators: {words}"
                if not service.predictions:
                    note = "no prediction log: nothing can be drawn. Name one on the page Connections."
                rows.append(
                    Row(
                        service.id,
                        service.title or service.id,
                        "waiting" if service.predictions else "unknown",
                        ((note, "secondary"),),
                        right=service.team,
                    )
                )
            first = self.service_id or next((r.id for r in rows), None)
            self.services.set_rows(rows, select=None if self.services.current_id() else first)

    # --- the queue ---

    def begin(self, service: str) -> None:
        """Take the first item of this service's queue."""
        settings = self._settings(service)
        if settings is None or self.bridge is None:
            return
        if service != self.service_id or self.item is None:
            self.session = Session()
        self.service_id, self.item, self.next_item = service, None, None
        self.storing = False
        self._stored = ""
        self._ask_next(self._on_first, ())
        self.empty.say(
            "Drawing an item from the prediction log", "This takes a moment; nothing is stored by it.", state="running"
        )
        self._show(EMPTY)
        if not self.side.isHidden():
            self._query_scores()

    def _ask_next(self, answer: Any, not_items: tuple[str, ...]) -> str:
        assert self.bridge is not None
        request = self.bridge.request_id()
        service = self.service_id or ""
        command = m.NextReviewItem(request=request, service=service, rater=self._rater(), not_items=not_items)
        self.bridge.ask(command, lambda event: answer(event) if service == self.service_id else None)
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
        done = (
            f"{count_text(len(self.session.marks), 'judgement')} stored in this sitting. " if self.session.marks else ""
        )
        self.empty.say("Nothing is left to judge", f"{done}{why or 'The queue is empty.'}", state="ok" if done else "")
        self._show(EMPTY)
        self.heading_changed.emit()

    def _problem(self, problem: Problem) -> None:
        self.empty.say(problem.what, " ".join(p for p in (problem.why, problem.next) if p), state="unknown")
        self._show(EMPTY)

    def _show_item(self, item: ReviewItem) -> None:
        self.item = item
        self.flagged = False
        self._shown_mono_s = time.monotonic()
        self.bench.show_item(self._title(), item, item_view(item, self._settings(item.service)))
        self._show(BENCH)
        self._restate()
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
            self._restate()

        request = self._prefetch = self._ask_next(on_answer, (self.item.id,))

    # --- judging ---

    def _on_key(self, verdict: JudgementVerdict) -> None:
        if self.item is None or self.storing or self.stack.currentIndex() != BENCH:
            return
        if verdict is JudgementVerdict.WRONG and self.bench.correct.isHidden():
            self.bench.ask_correct()
            return
        self._judge(verdict)

    def _judge(self, verdict: JudgementVerdict) -> None:
        item = self.item
        if item is None or self.storing or self.bridge is None:
            return
        self.storing = True
        spent_s = time.monotonic() - self._shown_mono_s

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.JudgementStored):
                self.session.judged(verdict, spent_s)
                self._stored = f"item {item.position} stored" if item.position else "stored"
                self._fill_scores(event.scores)
                self._advance()
            elif isinstance(event, m.Refused):
                # The item stays: what was not stored was not judged.
                self._stored = ""
                if self.shell is not None:
                    self.shell.problem(event.problem)
                self._restate()

        correct = self.bench.correct.text().strip() if verdict is JudgementVerdict.WRONG else ""
        self.bridge.ask(
            m.Judge(
                request=self.bridge.request_id(),
                item=item.id,
                service=item.service,
                rater=self._rater(),
                verdict=verdict,
                correct=correct,
                comment=self.bench.comment.text().strip(),
                flagged=self.flagged,
            ),
            on_answer,
        )

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
        if self.bridge is None or self.service_id is None or self.storing:
            return
        self.storing = True

        def on_answer(event: Any) -> None:
            self.storing = False
            if isinstance(event, m.ReviewItemAnswer) and event.item is not None:
                self.session.undone()
                self._stored = "taken back"
                self.next_item, self._prefetch = self.item, ""
                self._show_item(event.item)
            elif self.shell is not None:
                if isinstance(event, m.Refused):
                    self.shell.problem(event.problem)
                else:
                    self.shell.toast(event.why or "Nothing to undo", "warning")

        command = m.UndoJudgement(request=self.bridge.request_id(), service=self.service_id, rater=self._rater())
        self.bridge.ask(command, on_answer)

    def _on_asked(self, name: str) -> None:
        if name == "undo":
            self._undo()
        elif self.item is not None and name == "comment":
            self.bench.ask_comment()
        elif self.item is not None:
            self.flagged = not self.flagged
            self.bench.set_flag(flagged=self.flagged)

    def _leave(self) -> None:
        if self.bench.correct.hasFocus() or self.bench.comment.hasFocus():
            self.bench.hide_fields()
        else:
            self._choose()

    def _choose(self) -> None:
        self._show(CHOICE)
        self.services.setFocus()

    def _look_again(self) -> None:
        if self.service_id is not None:
            self.begin(self.service_id)

    def _zoom(self, factor: float) -> None:
        self.bench.picture.zoom = min(1.0, max(0.25, self.bench.picture.zoom * factor))
        self.bench.picture.update()
        self._restate()

    # --- scores ---

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
                self._fill_scores(event.scores)
            elif isinstance(event, m.Refused):
                self.scores.set_rows(
                    [Row("problem", event.problem.what, "unknown", ((event.problem.next, "secondary"),))]
                )

        self.bridge.ask(m.QueryScores(request=self.bridge.request_id(), service=self.service_id), on_answer)

    def _fill_scores(self, scores: tuple[Score, ...]) -> None:
        rows = [
            Row(
                score.version,
                version_text(score.version),
                "waiting",
                (
                    (f"{score.estimate:.3f}, 95 % between {score.low:.3f} and {score.high:.3f}", "primary")
                    if score.estimate is not None
                    else ("? nothing judged yet", "unknown"),
                    (f"{score.right} right of {score.n} judged", "quiet"),
                ),
            )
            for score in scores
        ]
        self.scores.set_rows(
            rows or [Row("none", "? No score yet", "unknown", (("nothing was judged right or wrong", "secondary"),))]
        )

    # --- drawing ---

    def _show(self, stage: int) -> None:
        self.stack.setCurrentIndex(stage)
        self.setFocusProxy((self.services, self.bench, self.again)[stage])
        if stage == BENCH and self.isVisible():
            self.bench.setFocus()
        self.heading_changed.emit()

    def _restate(self) -> None:
        self.bench.show_session(self.session, self.item, next_ready=self.next_item is not None, stored=self._stored)

    def _settings(self, service: str) -> ServiceSettings | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.settings.services.get(service) if state is not None else None

    def _title(self) -> str:
        settings = self._settings(self.service_id or "")
        return (settings.title or settings.id) if settings is not None else self.service_id or ""

    def _rater(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

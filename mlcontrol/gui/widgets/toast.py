"""Short messages at the bottom right: at most three; errors stay until they are closed, and say why and what to do next."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QObject, QRect, QTimer
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.phrases import duration_text
from mlcontrol.gui.widgets.label import PlainLabel

SHOWN = 3
LIFE_S = 8.0
LINE_H = 40
MOST = 400


class Toast(QFrame):
    """One line and its age, with the reason under it if there is one; a click closes it."""

    def __init__(self, state: str, text: str, detail: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.state, self.text, self.born_s = state, text, time.monotonic()
        self.setAccessibleName(f"{text} {detail}".strip())
        self.setToolTip(plain_tip(f"{text}\n{detail}".strip()))
        column = QVBoxLayout(self)
        column.setContentsMargins(34, 10, 12, 10)
        column.setSpacing(2)
        row = QHBoxLayout()
        row.addWidget(PlainLabel(text, "strong" if detail else "body", elide=True), 1)
        self._age = PlainLabel("now", "small", "quiet")
        row.addWidget(self._age)
        column.addLayout(row)
        if detail:
            column.addWidget(PlainLabel(detail[:MOST], "small", "secondary", wrap=True))

    @property
    def stays(self) -> bool:
        return self.state in ("critical", "unknown")

    def height_for(self, width: int) -> int:
        layout = self.layout()
        return max(theme.px(LINE_H), layout.totalHeightForWidth(width) if layout is not None else 0)

    def tick(self, now_s: float) -> None:
        age_s = now_s - self.born_s
        self._age.setText("now" if age_s < 1 else f"{duration_text(age_s)} ago")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.deleteLater()
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.fillRect(self.rect(), t.surface.raised)
        painter.setPen(t.line.border)
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.fillRect(QRect(0, 0, 3, self.height()), glyph_colour(self.state))
        side = theme.px(12)
        paint_glyph(painter, QRect(14, (theme.px(LINE_H) - side) // 2, side, side), self.state)
        painter.end()


class Toasts(QObject):
    """Keeps the toasts of one window in place, outside its layout."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._toasts: list[Toast] = []
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._on_second)
        window.installEventFilter(self)

    @property
    def texts(self) -> list[str]:
        return [toast.text for toast in self._toasts if not toast.isHidden()]

    def show(self, text: str, state: str = "ok", detail: str = "") -> None:
        """``state``: a health value, "done" or "running"."""
        self._toasts = [toast for toast in self._toasts if not toast.isHidden()]
        for old in self._toasts:
            if old.text == text:
                old.born_s = time.monotonic()
                old.tick(old.born_s)
                return
        toast = Toast(state, text, detail, self._window)
        self._toasts.append(toast)
        for old in self._toasts[:-SHOWN]:
            old.hide()
            old.deleteLater()
        self._toasts = self._toasts[-SHOWN:]
        self._place()
        toast.show()
        toast.raise_()
        self._timer.start()

    def show_problem(self, problem: Problem) -> None:
        self.show(problem.what, "critical", " ".join(part for part in (problem.why, problem.next) if part))

    def close_all(self) -> None:
        """Also those that stay by themselves."""
        for toast in self._toasts:
            toast.hide()
            toast.deleteLater()
        self._toasts = []
        self._timer.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._place()
        return False

    def _on_second(self) -> None:
        now_s = time.monotonic()
        for toast in list(self._toasts):
            if toast.isHidden() or (not toast.stays and now_s - toast.born_s > LIFE_S):
                toast.hide()
                toast.deleteLater()
                self._toasts.remove(toast)
            else:
                toast.tick(now_s)
        if not self._toasts:
            self._timer.stop()
        self._place()

    def _place(self) -> None:
        width = min(theme.px(420), self._window.width() - 32)
        bottom = self._window.height() - theme.px(28) - theme.px(44) - 16
        for toast in reversed(self._toasts):
            height = toast.height_for(width)
            toast.setGeometry(self._window.width() - width - 20, bottom - height, width, height)
            bottom -= height + 8

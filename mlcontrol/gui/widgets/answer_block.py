"""A big answer: the question, a verdict that can be read across the room, one sentence."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.types import Health
from mlcontrol.gui.glyphs import paint_glyph
from mlcontrol.gui.theme import theme, tokens


class AnswerBlock(QWidget):
    """Height 88; the wash and the border carry the state, the glyph and the words say it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._question, self._verdict, self._sentence = "", "", ""
        self._state = "waiting"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_answer(self, question: str, verdict: str, sentence: str, health: Health | None) -> None:
        """``health`` `None`: not answered yet."""
        self._question, self._verdict, self._sentence = question, verdict, sentence
        self._state = health.value if health is not None else "running"
        self.setAccessibleName(f"{question} {verdict}. {sentence}")
        self.setToolTip("")
        self.update()

    @property
    def words(self) -> tuple[str, str, str]:
        return self._question, self._verdict, self._sentence

    def sizeHint(self) -> QSize:
        return QSize(320, theme.px(88))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, theme.px(88))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        coloured = self._state in ("ok", "warning", "critical", "unknown", "stale")
        ink = t.state.of(self._state) if coloured else t.text.secondary
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(t.wash.of(self._state) if coloured and self._state != "ok" else t.surface.panel)
        painter.setPen(ink if coloured and self._state != "ok" else t.line.border)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        size = theme.px(28)
        paint_glyph(painter, QRect(theme.px(16), theme.px(18), size, size), self._state)
        x, width = theme.px(60), self.width() - theme.px(72)
        rows = (
            (self._question, "body", t.text.secondary, theme.px(8), theme.px(18)),
            (self._verdict, "answer", ink, theme.px(25), theme.px(36)),
            (self._sentence, "small", t.text.secondary, theme.px(62), theme.px(18)),
        )
        for text, role, colour, y, height in rows:
            painter.setFont(theme.font(role))
            painter.setPen(colour)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QRect(x, y, width, height), int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()

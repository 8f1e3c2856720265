"""The observed split of traffic as one bar, version by version."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import percent_text, version_text


class SplitBar(QWidget):
    """Baseline left, candidate right. An unknown split is a dashed outline with its reason, never an empty bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[tuple[str, float], ...] = ()
        self._note = ""
        self._order: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_split(self, parts: tuple[tuple[str, float], ...], note: str, order: tuple[str, ...] = ()) -> None:
        """``parts``: (version, share 0..1). ``order``: versions in the order of their colour slots."""
        if (parts, note, order) == (self._parts, self._note, self._order):
            return
        self._parts, self._note, self._order = parts, note, order
        words = ", ".join(f"{version_text(v)} {percent_text(s)}" for v, s in parts)
        self.setAccessibleName(f"Observed split: {words or 'not known'}. {note}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, theme.px(42))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        bar = QRect(0, 0, self.width() - 1, theme.px(20))
        painter.setFont(theme.font("strong"))
        if not self._parts:
            pen = painter.pen()
            pen.setStyle(Qt.PenStyle.DashLine)
            pen.setColor(t.state.unknown)
            painter.setPen(pen)
            painter.drawRect(bar)
        x = 0
        ordered = self._order or tuple(v for v, _ in self._parts)
        for i, (version, share) in enumerate(self._parts):
            wide = bar.width() - x if i == len(self._parts) - 1 else round(share * bar.width())
            slot = ordered.index(version) if version in ordered else 5
            box = QRect(x, 0, wide, bar.height())
            painter.fillRect(box, t.version.slot(slot))
            words = f"{version_text(version)} · {percent_text(share)}"
            if painter.fontMetrics().horizontalAdvance(words) + theme.px(16) < wide:
                painter.setPen(t.text.on_state)
                painter.drawText(box.adjusted(theme.px(8), 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), words)
            x += wide
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.secondary if self._parts else t.state.unknown)
        under = self._note
        small = [f"{version_text(v)} {percent_text(s)}" for v, s in self._parts]
        painter.drawText(QRect(0, theme.px(22), self.width(), theme.px(18)), int(Qt.AlignmentFlag.AlignVCenter), under)
        painter.drawText(
            QRect(0, theme.px(22), self.width(), theme.px(18)),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
            " · ".join(small),
        )
        painter.end()

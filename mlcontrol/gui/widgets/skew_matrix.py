"""Which model runs in which binary: two by two, or two cells where the release keeps its binary."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.compatibility.report import SkewCell, Verdict
from mlcontrol.gui.glyphs import paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text

_WORDS = {
    Verdict.PASS: ("ok", "Runs"),
    Verdict.BLOCK: ("critical", "Does not run"),
    Verdict.WARN: ("warning", "May run"),
}
_UNKNOWN = ("unknown", "Not known")


class SkewMatrix(QWidget):
    """All cells must hold to go back freely."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: tuple[SkewCell, ...] = ()
        self._names: dict[str, str | None] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def put(self, old: str | None, new: str | None, cells: Sequence[SkewCell]) -> None:
        self._cells, self._names = tuple(cells), {"old": old, "new": new}
        words = "; ".join(f"{c.model} model in {c.binary} binary: {_WORDS.get(c.verdict, _UNKNOWN)[1]}" for c in cells)
        self.setAccessibleName(f"Which model runs in which binary. {words or 'The binary is not known.'}")
        self.updateGeometry()
        self.update()

    @property
    def cells(self) -> tuple[SkewCell, ...]:
        return self._cells

    def sizeHint(self) -> QSize:
        return QSize(360, theme.px(24) + 2 * theme.px(48) if self._cells else theme.px(40))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.secondary)
        left = theme.px(100)
        if not self._cells:
            painter.setPen(t.state.unknown)
            words = "Not known: nobody says what the serving binary provides."
            painter.drawText(self.rect().adjusted(theme.px(12), 0, 0, 0), _MIDDLE, words)
            painter.end()
            return
        binaries = [b for b in ("old", "new") if any(c.binary == b for c in self._cells)]
        width = (self.width() - left - theme.px(12)) // len(binaries)
        for i, binary in enumerate(binaries):
            title = {"old": "binary before", "new": "binary now"}[binary]
            painter.drawText(QRect(left + i * width, 0, width, theme.px(24)), _MIDDLE, title)
        for row, model in enumerate(("old", "new")):
            y = theme.px(24) + row * theme.px(48)
            painter.setPen(t.text.primary)
            painter.setFont(theme.font("small", mono=True))
            painter.drawText(QRect(theme.px(12), y, left, theme.px(24)), _MIDDLE, version_text(self._names[model]))
            painter.setPen(t.text.secondary)
            painter.setFont(theme.font("small"))
            painter.drawText(QRect(theme.px(12), y + theme.px(18), left, theme.px(24)), _MIDDLE, f"{model} model")
            for i, binary in enumerate(binaries):
                cell = next((c for c in self._cells if (c.model, c.binary) == (model, binary)), None)
                self._paint(painter, QRect(left + i * width, y, width - 4, theme.px(44)), cell)
        painter.end()

    def _paint(self, painter: QPainter, box: QRect, cell: SkewCell | None) -> None:
        t = tokens()
        state, word = _WORDS.get(cell.verdict, _UNKNOWN) if cell is not None else _UNKNOWN
        painter.fillRect(box, t.wash.of(state))
        painter.setPen(t.line.border)
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        glyph = theme.px(12)
        paint_glyph(painter, QRect(box.x() + theme.px(8), box.y() + theme.px(8), glyph, glyph), state)
        painter.setFont(theme.font("strong"))
        painter.setPen(t.state.of(state))
        inner = QRect(box.x() + theme.px(28), box.y() + 2, box.width() - theme.px(34), theme.px(22))
        painter.drawText(inner, _MIDDLE, word)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.secondary)
        why = visible_text(cell.why if cell is not None else "", 200)
        shown = painter.fontMetrics().elidedText(why, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner.translated(0, theme.px(18)), _MIDDLE, shown)


_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)

"""Two signatures side by side, a line a field: the version used now, how it changes, the candidate."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.compatibility.difference import FieldChange, Side
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import count_text, version_text, visible_text

_BAD = ("removed", "renamed?", "other kind", "narrower", "shape", "meaning", "not known")
_GOOD = ("added", "alias")


class SignatureDiff(QWidget):
    """As high as its rows; changed fields first when there are too many. A row's meaning is its word, not its colour alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[FieldChange, ...] = ()
        self._left_out = 0
        self._names: tuple[str | None, str | None] = (None, None)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def put(self, old: str | None, new: str | None, rows: Sequence[FieldChange], most: int = 12) -> None:
        """``old``/``new``: versions. At most ``most`` rows are shown, those that differ before those that do not."""
        shown = list(rows)
        if len(shown) > most:
            shown = [*(r for r in rows if r.change != "same"), *(r for r in rows if r.change == "same")][:most]
        self._rows, self._left_out, self._names = tuple(shown), len(rows) - len(shown), (old, new)
        words = "; ".join(_words(row) for row in shown if row.change != "same")
        self.setAccessibleName(f"Signatures side by side. {words or 'No field differs.'}")
        self.updateGeometry()
        self.update()

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        return self._rows

    def sizeHint(self) -> QSize:
        lines = len(self._rows) + 1 + bool(self._left_out)
        return QSize(360, lines * theme.px(24) + 1 if self._rows else theme.px(28))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        line, middle = theme.px(24), theme.px(72)
        half = (self.width() - middle) // 2
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.secondary)
        if not self._rows:
            painter.drawText(
                self.rect().adjusted(theme.px(12), 0, 0, 0), _MIDDLE, "no version is used now to compare with"
            )
            painter.end()
            return
        for x, name, word in ((0, self._names[0], "used now"), (half + middle, self._names[1], "candidate")):
            painter.drawText(QRect(x + theme.px(12), 0, half, line), _MIDDLE, f"{version_text(name)}  {word}")
        for i, row in enumerate(self._rows):
            y = (i + 1) * line
            self._paint_row(painter, row, y, half, middle, line)
        painter.setPen(t.line.hairline)
        for i in range(len(self._rows) + 1):
            painter.drawLine(0, (i + 1) * line, self.width(), (i + 1) * line)
        if self._left_out:
            painter.setPen(t.text.quiet)
            box = QRect(theme.px(12), (len(self._rows) + 1) * line, self.width(), line)
            painter.drawText(box, _MIDDLE, f"and {count_text(self._left_out, 'field')} more")
        painter.end()

    def _paint_row(self, painter: QPainter, row: FieldChange, y: int, half: int, middle: int, line: int) -> None:
        t = tokens()
        state = "critical" if row.change in _BAD else "ok" if row.change in _GOOD else "warning"
        if row.change != "same":
            wash = t.wash.of(state)
            if row.old is not None:
                painter.fillRect(QRect(0, y, half, line), wash)
            if row.new is not None:
                painter.fillRect(QRect(half + middle, y, half, line), wash)
            painter.setFont(theme.font("small"))
            painter.setPen(t.state.of(state))
            painter.drawText(QRect(half, y, middle, line), int(Qt.AlignmentFlag.AlignCenter), row.change)
        for x, side in ((0, row.old), (half + middle, row.new)):
            if side is not None:
                self._paint_side(painter, side, QRect(x + theme.px(12), y, half - theme.px(16), line))

    def _paint_side(self, painter: QPainter, side: Side, box: QRect) -> None:
        t = tokens()
        widths = tuple(box.width() * share // 100 for share in (40, 33, 27))
        x = box.x()
        for text, width, mono, colour in (
            (side.name, widths[0], True, t.text.primary),
            (side.type, widths[1], True, t.text.secondary),
            (side.note, widths[2], False, t.text.quiet),
        ):
            painter.setFont(theme.font("small", mono=mono))
            painter.setPen(colour)
            shown = painter.fontMetrics().elidedText(
                visible_text(text, 120), Qt.TextElideMode.ElideRight, width - theme.px(8)
            )
            painter.drawText(QRect(x, box.y(), width, box.height()), _MIDDLE, shown)
            x += width


_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)


def _words(row: FieldChange) -> str:
    names = [side.name for side in (row.old, row.new) if side is not None]
    return f"{' to '.join(dict.fromkeys(names))}: {row.change}"

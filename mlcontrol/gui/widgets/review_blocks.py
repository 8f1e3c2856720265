"""Draws a block of an item for what it is. Everything is plain text and whole pixels; nothing is smoothed or invented."""

from __future__ import annotations

import math
from operator import itemgetter

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import (
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableView,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from mlcontrol.gui.models.columns import Column, ColumnTable
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.review_blocks import Block, BlockKind
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.picture_block import PictureBlock
from mlcontrol.gui.widgets.series_block import SeriesBlock
from mlcontrol.gui.widgets.sound_block import SoundBlock

ROW_PX = 24
MOST_LINES = 20


class TextBlock(QTextEdit):
    """Read-only plain text, as high as it is, up to `MOST_LINES`; differences are marked by background and underline, so
    that colour alone carries nothing."""

    def __init__(self, *, mono: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFont(theme.font("small" if mono else "body", mono))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_text(self, text: str, name: str) -> None:
        self.setPlainText(text)
        self.setAccessibleName(name)
        self.setAccessibleDescription(text[:2000])
        self.setExtraSelections([])
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        most = QFontMetrics(self.font()).lineSpacing() * MOST_LINES
        around = max(0, self.height() - self.viewport().height())  # frame and padding, as the style has them
        needed = math.ceil(self.document().size().height())
        # A bar that is not needed takes a line's width, and so makes itself needed.
        off = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if needed <= most else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        if self.verticalScrollBarPolicy() != off:
            self.setVerticalScrollBarPolicy(off)
        high = min(most, needed) + around + 2
        if high != self.height():
            self.setFixedHeight(high)

    def mark(self, spans: tuple[tuple[int, int], ...]) -> None:
        marks = []
        for start, length in spans:
            one = QTextEdit.ExtraSelection()
            look = QTextCharFormat()
            look.setBackground(tokens().surface.selection)
            look.setFontUnderline(True)
            cursor = QTextCursor(self.document())
            cursor.setPosition(start)
            cursor.setPosition(start + length, QTextCursor.MoveMode.KeepAnchor)
            one.format, one.cursor = look, cursor
            marks.append(one)
        self.setExtraSelections(marks)


class TableBlock(QTableView):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ColumnTable((), lambda row: str(row[0]), self)
        self.setModel(self.table)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(ROW_PX))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setHighlightSections(False)

    def show_rows(self, rows: tuple[tuple[str, ...], ...], name: str) -> None:
        head, body = rows[0], rows[1:]
        self.table.beginResetModel()
        self.table.columns = tuple(
            Column(title, itemgetter(i + 1), tip=itemgetter(i + 1)) for i, title in enumerate(head)
        )
        self.table.endResetModel()
        self.table.put([(str(i), *row) for i, row in enumerate(body)])
        self.setAccessibleName(f"{name}, a table of {len(body)} rows and {len(head)} columns")
        high = theme.px(ROW_PX) * min(MOST_LINES, len(body) + 1) + theme.px(10)
        self.setMinimumHeight(min(high, theme.px(ROW_PX) * 5))
        self.setMaximumHeight(high)


class RankedBlock(QWidget):
    """Place, label, score."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[tuple[str, ...], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: tuple[tuple[str, ...], ...], name: str) -> None:
        self._rows = rows[:MOST_LINES]
        spoken = ", ".join(f"{i}. {row[0]} {row[1]}".rstrip() for i, row in enumerate(self._rows, start=1))
        self.setAccessibleName(f"{name}: {spoken}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(300), theme.px(ROW_PX) * max(1, len(self._rows)))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        high, number_w, score_w = theme.px(ROW_PX), theme.px(32), theme.px(72)
        for i, row in enumerate(self._rows):
            y = i * high
            painter.setFont(theme.font("small", mono=True))
            painter.setPen(t.text.quiet)
            painter.drawText(QRect(0, y, number_w - theme.px(10), high), _RIGHT, str(i + 1))
            painter.drawText(QRect(self.width() - score_w, y, score_w, high), _RIGHT, row[1])
            painter.setFont(theme.font("strong" if i == 0 else "body"))
            painter.setPen(t.text.primary if i == 0 else t.text.secondary)
            room = self.width() - number_w - score_w - theme.px(8)
            shown = painter.fontMetrics().elidedText(row[0], Qt.TextElideMode.ElideMiddle, room)
            painter.drawText(QRect(number_w, y, room, high), _LEFT, shown)
            painter.setPen(t.line.hairline)
            painter.drawLine(0, y + high - 1, self.width(), y + high - 1)
        painter.end()


class BlockView(QWidget):
    """One block with its name over it."""

    def __init__(self, block: Block, *, titled: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.block = block
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        if titled and block.name:
            layout.addWidget(PlainLabel(block.name, "small", "quiet"))
        self.text: TextBlock | None = None
        self.picture: PictureBlock | None = None
        self.sound: SoundBlock | None = None
        name = block.name or "value"
        match block.kind:
            case BlockKind.TEXT | BlockKind.JSON:
                self.text = TextBlock(mono=block.kind is BlockKind.JSON)
                self.text.show_text(block.text, name)
                layout.addWidget(self.text)
            case BlockKind.TABLE:
                table = TableBlock()
                table.show_rows(block.rows, name)
                layout.addWidget(table)
            case BlockKind.RANKED:
                ranked = RankedBlock()
                ranked.show_rows(block.rows, name)
                layout.addWidget(ranked)
            case BlockKind.SOUND:
                if block.sound is not None:
                    self.sound = SoundBlock(block.sound, name)
                    layout.addWidget(self.sound)
            case BlockKind.SERIES:
                series = SeriesBlock()
                series.show_values(block.values, name)
                layout.addWidget(series)
            case BlockKind.PICTURE:
                self.picture = PictureBlock()
                self.picture.show_block(block, name)
                layout.addWidget(self.picture)
        if block.note:
            layout.addWidget(PlainLabel(block.note, "small", "quiet", wrap=True))
        layout.addStretch(1)


_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)

"""A keyboard-driven list of worded rows: findings, plan steps, ticks, versions and operations are all drawn by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from mlcontrol.gui.glyphs import paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tokens import Tokens

Index = QModelIndex | QPersistentModelIndex

PAD, GLYPH, CHIP_H = 12, 12, 18
KNOWN_HEIGHTS = 8192  # Qt asks for every row's at each layout, and most are as before


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or a group header when ``header`` is set. ``state`` names a glyph ("ok", "running", ...; "" for none).

    ``lines``: (text, tone) under the title; ``right``: words at the right end of the title line; ``chip``: outlined
    word; an empty ``title`` leaves the lines alone; ``code``: short mono text before the title (a rule id); ``marks``: short
    outlined words after it. ``whole``: rather than shorten the title, it wraps, and the words at its right end go below.
    """

    id: str
    title: str
    state: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    right: str = ""
    chip: str = ""
    code: str = ""
    header: bool = False
    quiet: bool = False
    marks: tuple[str, ...] = ()
    whole: bool = False


class RowModel(QAbstractListModel):
    """Rows as they are; equal rows keep their place and selection when the list is set again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self._column: tuple[float, int] | None = None  # the scale it was measured at, and the width

    def set_rows(self, rows: Sequence[Row]) -> None:
        fresh = tuple(rows)
        if fresh == self.rows:
            return
        self._column = None
        if [r.id for r in fresh] == [r.id for r in self.rows] and fresh:
            self.rows = fresh
            self.dataChanged.emit(self.index(0), self.index(len(fresh) - 1))
            return
        self.beginResetModel()
        self.rows = fresh
        self.endResetModel()

    def chip_column(self) -> int:
        """px, as wide as the widest chip of all rows."""
        if self._column is None or self._column[0] != theme.scale:
            self._column = theme.scale, max(map(chip_px, {row.chip for row in self.rows if row.chip}), default=0)
        return self._column[1]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            words = (row.state, row.code, row.title, row.right, *row.marks, *(text for text, _ in row.lines), row.chip)
            return ". ".join(word for word in words if word)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self.rows[index.row()].header:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


def _column_of(index: Index) -> int:
    model = index.model()
    return model.chip_column() if isinstance(model, RowModel) else 0


def chip_px(text: str) -> int:
    return QFontMetrics(theme.font("caption")).horizontalAdvance(text) + theme.px(12)


class RowDelegate(QStyledItemDelegate):
    """Paints a row; heights follow from the wrapped lines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heights: dict[tuple[Row, int, float], int] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row = self._row(index)
        if row is None or row.header:
            return QSize(100, theme.px(28))
        view = option.widget
        width = view.viewport().width() if isinstance(view, QListView) else option.rect.width()
        key = row, width, theme.scale
        known = self._heights.get(key)
        if known is None:
            if len(self._heights) >= KNOWN_HEIGHTS:
                self._heights.clear()
            known = self._heights[key] = self._height(row, width)
        return QSize(100, known)

    def _height(self, row: Row, width: int) -> int:
        metrics = QFontMetrics(theme.font("small"))
        height = theme.px(8) + (QFontMetrics(theme.font("body")).height() if row.title else 0)
        left = self._left(row)
        if self._right_below(row, width):
            height = theme.px(8) + self._title_height(row, width - left - theme.px(PAD)) + metrics.height() + 1
        for text, _role in row.lines:
            height += self._text_height(metrics, text, width - left - theme.px(PAD)) + 1
        return max(theme.px(32), height + theme.px(8))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._row(index)
        if row is None:
            return
        t = tokens()
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        rect = option.rect
        if row.header:
            self._header(painter, rect, row, t)
        else:
            self._row_body(painter, rect, row, t, selected, _column_of(index))
            if option.state & QStyle.StateFlag.State_HasFocus:
                painter.setPen(t.accent.focus)
                painter.drawRect(rect.adjusted(0, 0, -1, -2))
        painter.restore()

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        row = self._row(index)
        if row is None:
            return False
        text = "\n".join((row.title, *(line for line, _ in row.lines)))
        QToolTip.showText(event.globalPos(), f"<p style='white-space:pre-wrap'>{_escaped(text)}</p>", view)
        return True

    def _header(self, painter: QPainter, rect: QRect, row: Row, t: Tokens) -> None:
        painter.fillRect(rect, t.surface.window)
        painter.setPen(t.line.hairline)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        x = rect.left() + theme.px(PAD)
        painter.setFont(theme.font("strong"))
        painter.setPen(t.state.of(row.state) if row.state else t.text.secondary)
        painter.drawText(QRect(x, rect.top(), rect.width() - theme.px(2 * PAD), rect.height()), _VCENTER, row.title)
        x += painter.fontMetrics().horizontalAdvance(row.title) + theme.px(8)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        painter.drawText(QRect(x, rect.top(), rect.right() - x - theme.px(PAD), rect.height()), _VCENTER, row.right)

    def _row_body(self, painter: QPainter, rect: QRect, row: Row, t: Tokens, selected: bool, column: int = 0) -> None:
        """``column``: px that the chips of all rows share, so that what stands before them lines up."""
        if selected:
            painter.fillRect(rect, t.surface.selection)
            painter.fillRect(QRect(rect.left(), rect.top(), theme.px(2), rect.height()), t.accent.accent)
        painter.setPen(t.line.hairline)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        body, small = theme.font("body" if row.quiet else "strong"), theme.font("small")
        line_h = QFontMetrics(body).height()
        y, x = rect.top() + theme.px(8), rect.left() + theme.px(PAD)
        if row.state:
            paint_glyph(
                painter, QRect(x, y + (line_h - theme.px(GLYPH)) // 2, theme.px(GLYPH), theme.px(GLYPH)), row.state
            )
        if row.code:
            painter.setFont(theme.font("small", mono=True))
            painter.setPen(t.text.quiet)
            painter.drawText(QRect(x + theme.px(22), y, theme.px(44), line_h), _VCENTER, row.code)
        left = rect.left() + self._left(row)
        right = rect.right() - theme.px(PAD)
        right = self._chip(painter, right, y, row.chip, t, column) if row.chip else right
        below = self._right_below(row, rect.width())
        if row.right and not below:
            painter.setFont(small)
            painter.setPen(t.text.secondary)
            wide = painter.fontMetrics().horizontalAdvance(row.right)
            painter.drawText(QRect(right - wide, y, wide + 1, line_h), _VCENTER, row.right)
            right -= wide + theme.px(8)
        right = self._marks(painter, left, right, y, line_h, row, t)
        painter.setFont(body)
        painter.setPen(t.text.secondary if row.quiet else t.text.primary)
        width = rect.right() - theme.px(PAD) - left
        if below:
            line_h = self._title_height(row, width)
            painter.drawText(QRect(left, y, width, line_h), _WRAP, row.title)
        else:
            shown = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideMiddle, max(20, right - left))
            painter.drawText(QRect(left, y, max(20, right - left), line_h), _VCENTER, shown)
        if row.title:
            y += line_h + 1
        painter.setFont(small)
        if below:
            painter.setPen(t.text.secondary)
            painter.drawText(QRect(left, y, width, painter.fontMetrics().height()), _VCENTER, row.right)
            y += painter.fontMetrics().height() + 1
        for text, role in row.lines:
            high = self._text_height(painter.fontMetrics(), text, width)
            painter.setPen(_tone(t, role))
            painter.drawText(QRect(left, y, width, high), _WRAP, _breakable(text))
            y += high + 1

    def _marks(self, painter: QPainter, left: int, right: int, y: int, line_h: int, row: Row, t: Tokens) -> int:
        """Short outlined words after the title ("used now", "@champion"); returns where the title must end."""
        if not row.marks:
            return right
        total = sum(QFontMetrics(theme.font("caption")).horizontalAdvance(m) + theme.px(18) for m in row.marks)
        title = QFontMetrics(theme.font("body" if row.quiet else "strong")).horizontalAdvance(row.title)
        x = min(left + title + theme.px(10), max(left + theme.px(40), right - total))
        end = x - theme.px(6)
        for mark in row.marks:
            painter.setFont(theme.font("caption"))
            wide = painter.fontMetrics().horizontalAdvance(mark) + theme.px(10)
            box = QRect(x, y + (line_h - theme.px(CHIP_H)) // 2, wide, theme.px(CHIP_H))
            painter.setPen(t.line.border)
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(t.text.secondary)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, mark)
            x += wide + theme.px(6)
        return end

    def _chip(self, painter: QPainter, right: int, y: int, text: str, t: Tokens, column: int) -> int:
        painter.setFont(theme.font("caption"))
        wide = chip_px(text)
        box = QRect(right - max(wide, column), y, wide, theme.px(CHIP_H))
        painter.setPen(t.line.strong)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(t.text.secondary)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return box.left() - theme.px(8)

    def _right_below(self, row: Row, width: int) -> bool:
        """Whether the title and the words at its right end need a line each in a row of this width."""
        if not row.whole or not row.right:
            return False
        title = QFontMetrics(theme.font("body" if row.quiet else "strong")).horizontalAdvance(row.title)
        words = QFontMetrics(theme.font("small")).horizontalAdvance(row.right)
        return self._left(row) + title + theme.px(8) + words > width - theme.px(PAD) - 1

    def _title_height(self, row: Row, width: int) -> int:
        """Of the title, wrapped."""
        return self._text_height(QFontMetrics(theme.font("body" if row.quiet else "strong")), row.title, width)

    def _left(self, row: Row) -> int:
        return theme.px(PAD) + (theme.px(22) if row.state else 0) + (theme.px(48) if row.code else 0)

    @staticmethod
    def _text_height(metrics: QFontMetrics, text: str, width: int) -> int:
        return metrics.boundingRect(QRect(0, 0, max(40, width), 10_000), _WRAP, _breakable(text)).height()

    @staticmethod
    def _row(index: Index) -> Row | None:
        model = index.model()
        return model.rows[index.row()] if isinstance(model, RowModel) and index.isValid() else None


_VCENTER = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_WRAP = int(Qt.TextFlag.TextWordWrap)
_LONG_WORD = re.compile(r"(\S{24})(?=\S)")


def _tone(t: Tokens, tone: str) -> QColor:
    """ "primary", "secondary", "quiet" or a state."""
    texts = {"primary": t.text.primary, "secondary": t.text.secondary, "quiet": t.text.quiet}
    return texts[tone] if tone in texts else t.state.of(tone)


def _breakable(text: str) -> str:
    """Words longer than a column (addresses, digests) may break every twenty-four characters."""
    return _LONG_WORD.sub("\\1\u200b", text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class RowList(QListView):
    """*Signals:* ``chosen(id)`` on Enter ("" with nothing selected) or double click, ``moved(id)`` when the selection moved."""

    chosen = Signal(str)
    moved = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._model = RowModel(self)
        self.setModel(self._model)
        self.setItemDelegate(RowDelegate(self))
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.doubleClicked.connect(lambda index: self.chosen.emit(self._model.rows[index.row()].id))
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._model.rows

    def set_rows(self, rows: Sequence[Row], select: str | None = None) -> None:
        """Show these; the selection stays on the same id, else goes to ``select``. Emits nothing."""
        wanted = select if select is not None else self.current_id()
        scroll = self.verticalScrollBar().value()
        selection = self.selectionModel()
        selection.blockSignals(True)
        self._model.set_rows(rows)
        found = next((i for i, r in enumerate(self._model.rows) if r.id == wanted and not r.header), None)
        if found is not None and self.currentIndex().row() != found:
            self.setCurrentIndex(self._model.index(found))
        selection.blockSignals(False)
        if select is None:
            self.verticalScrollBar().setValue(scroll)
        self.viewport().update()

    def current_id(self) -> str | None:
        row = self.currentIndex().row()
        return self._model.rows[row].id if 0 <= row < len(self._model.rows) else None

    def content_height(self) -> int:
        """Pixels that all rows need at the present width."""
        return sum(self.sizeHintForIndex(self._model.index(i)).height() for i in range(len(self._model.rows)))

    def _on_current_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.moved.emit(self._model.rows[current.row()].id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.scheduleDelayedItemsLayout()  # Qt lays a column out anew for its height only; here heights follow the width

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.current_id() or "")
            return
        if event.text() and event.text().isprintable():
            event.ignore()  # letters are the page's keys, not a search in the list
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(240, 120)

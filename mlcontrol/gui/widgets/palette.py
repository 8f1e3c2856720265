"""The command palette: one field, every action and every object, the keys to learn at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.palette_entries import Entry, matching
from mlcontrol.gui.widgets.button import paint_key_cap
from mlcontrol.gui.widgets.overlay import Overlay

SHOWN = 12
ENTRY = Qt.ItemDataRole.UserRole

_Index = QModelIndex | QPersistentModelIndex


class _Found(QAbstractListModel):
    def __init__(self, all_entries: Sequence[Entry], parent: QObject) -> None:
        super().__init__(parent)
        self._all = all_entries
        self.found = tuple(all_entries)

    def search(self, typed: str) -> None:
        self.beginResetModel()
        self.found = matching(typed, self._all)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        return 0 if parent.isValid() else len(self.found)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.found[index.row()]
        if role == ENTRY:
            return entry
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{entry.text}: {entry.reason}" if entry.reason else entry.text
        return None


class _Row(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(100, theme.px(32))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        t, entry = tokens(), index.data(ENTRY)
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, t.surface.selection)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        right = rect.right() - 12
        if entry.cap:
            for key in reversed(entry.cap.split(" ")):
                right = paint_key_cap(painter, right, rect.center().y() + 1, key, t.text.quiet) - 3
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        note = entry.reason or ("" if entry.kind == "action" else entry.kind)
        width = QFontMetrics(painter.font()).horizontalAdvance(note)
        painter.drawText(
            rect.adjusted(0, 0, right - rect.right() - 8, 0), middle | int(Qt.AlignmentFlag.AlignRight), note
        )
        painter.setFont(theme.font("body"))
        painter.setPen(t.text.quiet if entry.reason else t.text.primary)
        room = right - rect.left() - width - 32
        text = QFontMetrics(painter.font()).elidedText(entry.text, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(rect.adjusted(14, 0, 0, 0), middle, text)


class Palette(Overlay):
    """*Signals:* ``chosen(Entry)``, after it has closed."""

    chosen = Signal(object)

    def __init__(self, window: QWidget, all_entries: Sequence[Entry]) -> None:
        super().__init__(window, 560)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Go to or do anything")
        self.field.setAccessibleName("Search actions and objects")
        self.field.setFixedHeight(theme.px(40))
        self.model = _Found(all_entries, self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName("What was found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setFixedHeight(theme.px(32) * SHOWN)
        self.list.clicked.connect(lambda _index: self._choose())
        self.body.setContentsMargins(6, 6, 6, 6)
        self.body.addWidget(self.field)
        self.body.addWidget(self.list)
        self.field.textChanged.connect(self._on_typed)
        self.field.installEventFilter(self)
        self._on_typed("")

    def open(self) -> None:
        super().open()
        self.field.setFocus()

    def _on_typed(self, text: str) -> None:
        self.model.search(text)
        self._select(0)

    def _select(self, row: int) -> None:
        if self.model.found:
            self.list.setCurrentIndex(self.model.index(max(0, min(len(self.model.found) - 1, row)), 0))

    def _choose(self) -> None:
        row = self.list.currentIndex().row()
        if 0 <= row < len(self.model.found):
            entry = self.model.found[row]
            self.close_panel()
            self.chosen.emit(entry)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # keys belong to the palette now, not to the page under it
            return True
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {
                Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: SHOWN, Qt.Key.Key_PageUp: -SHOWN,
            }  # fmt: skip
            key = Qt.Key(event.key())
            if key in steps:
                self._select(self.list.currentIndex().row() + steps[key])
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose()
                return True
            if key == Qt.Key.Key_Escape:
                self.close_panel()
                return True
        return super().eventFilter(watched, event)

"""What differs between two things: what, the old value, the new value."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from mlcontrol.gui.models.columns import Column, ColumnTable
from mlcontrol.gui.theme import theme


class DifferenceList(QTableView):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = ("old", "new")
        self.table = ColumnTable(self._columns(), lambda row: row[0], self)
        self.setModel(self.table)
        self.setProperty("surface", "window")
        self.setAccessibleName("What differs between two versions")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(24))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setHighlightSections(False)

    def put(self, old: str, new: str, rows: Sequence[tuple[str, str, str]]) -> None:
        self._names = (old, new)
        self.table.columns = self._columns()
        self.table.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, 2)
        self.table.put(rows)

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("What", lambda row: row[0]),
            Column(self._names[0], lambda row: row[1], tip=lambda row: row[1]),
            Column(self._names[1], lambda row: row[2], tip=lambda row: row[2]),
        )

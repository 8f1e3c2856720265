"""A table to read: nothing is chosen or edited, long words are cut at the end and whole in the tool tip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from mlcontrol.gui.models.columns import Column, ColumnTable
from mlcontrol.gui.theme import theme


class PlainTable(QTableView):
    """``widths``: of all columns but the last, px at scale 1; the last takes what is left."""

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        row_id: Callable[[Any], str],
        widths: Sequence[int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.table = ColumnTable(columns, row_id, self)
        self.setModel(self.table)
        self.setProperty("surface", "window")
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(24))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setFixedHeight(theme.px(24))
        for column, width in enumerate(widths):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            head.resizeSection(column, theme.px(width))
        head.setStretchLastSection(True)

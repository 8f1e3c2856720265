"""A table of records: whole rows are chosen, nothing is edited, the last column takes what is left."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from mlcontrol.gui.theme import theme

ROW_PX = 28
AIR_PX = 8  # between the words of two cells
MEASURED = 60  # rows: as many as a screen shows


def as_record_list(table: QTableView, name: str, widths: Iterable[int]) -> None:
    """``table`` has its model. ``name``: for screen readers. ``widths``: of the columns, px at scale 1."""
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(theme.px(ROW_PX))
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    header.setHighlightSections(False)
    for column, width in enumerate(widths):
        table.setColumnWidth(column, theme.px(width))


def fit_columns(table: QTableView, least: Iterable[int], most: Iterable[int]) -> None:
    """Give each column but the last the room that its words need, within ``least`` and ``most`` (px at scale 1), and the last one,
    which has the sentences, all the rest."""
    model, header = table.model(), table.horizontalHeader()
    for column, (low, high) in enumerate(zip(least, most, strict=True)):
        wide = header.sectionSizeHint(column)
        for row in range(min(MEASURED, model.rowCount())):
            wide = max(wide, table.sizeHintForIndex(model.index(row, column)).width() + theme.px(AIR_PX))
        table.setColumnWidth(column, min(theme.px(high), max(theme.px(low), wide)))

"""The registered versions of a service; two of them selected show what differs."""

from __future__ import annotations

import time

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from mlcontrol.core.types import VersionSummary
from mlcontrol.gui.models.columns import Column, ColumnTable
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import bytes_text, coarse_text, metric_text, version_text


def _score(version: VersionSummary) -> str:
    found = next((name for name in sorted(version.metrics) if name.startswith("test_")), None)
    return "?" if found is None else f"{found.removeprefix('test_')} {metric_text(version.metrics[found])}"


def _state(version: VersionSummary) -> str:
    words = ["served"] if version.served else []  # first: a narrow column cuts the end off
    words += version.aliases
    if version.quarantined:
        words.append(f"quarantined: {version.quarantined}")
    return ", ".join(words)


COLUMNS = (
    Column("Version", lambda v: version_text(v.version), lambda v: float(v.version) if v.version.isdigit() else 1e18),
    Column(
        "Age",
        lambda v: coarse_text(None if v.created_s is None else time.time() - v.created_s),
        lambda v: -(v.created_s or 0.0),
        right=True,
    ),
    Column("Size", lambda v: bytes_text(v.size_bytes), lambda v: float(v.size_bytes or 0), right=True),
    Column("Test score", _score),
    Column("State", _state, tip=_state),
)


class VersionTable(QTableView):
    """*Signals:* ``picked(versions)``: the one or two selected, older first."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ColumnTable(COLUMNS, lambda v: v.version, self)
        self.setModel(self.table)
        self.setProperty("surface", "window")
        self.setAccessibleName("Versions, newest first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(26))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setFixedHeight(theme.px(26))
        head.setResizeContentsPrecision(50)  # the rows that are looked at for it: a registry may hold thousands
        for column in range(4):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(4, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    def put(self, versions: list[VersionSummary]) -> None:
        self.table.put(versions)

    def compare(self, first: str, second: str) -> None:
        """Select two versions, as a person would."""
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        self.clearSelection()
        for version in (first, second):
            position = self.table.position(version)
            if position is not None:
                self.selectionModel().select(self.table.index(position, 0), flags)

    def chosen(self) -> list[VersionSummary]:
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.table.row(row) for row in reversed(rows)]

    def _on_selection(self) -> None:
        self.picked.emit(self.chosen())

"""Audit rows as a table, newest first; rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mlcontrol.core.audit import AuditRow
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.audit_rows import matches, summary
from mlcontrol.gui.viewmodels.phrases import moment_text, visible_text

Index = QModelIndex | QPersistentModelIndex

COLUMNS = ("Row", "Time UTC", "Actor", "Action", "Service", "Operation", "Summary")


class AuditTable(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.known: dict[int, AuditRow] = {}
        self.shown: list[AuditRow] = []
        self._filter = ""

    def add(self, rows: Sequence[AuditRow]) -> None:
        self.known.update((row.seq, row) for row in rows)
        self._arrange()

    def set_filter(self, text: str) -> None:
        self._filter = text
        self._arrange()

    def row_of(self, seq: int) -> int:
        """Position of a row, -1 when it is not shown."""
        return next((i for i, row in enumerate(self.shown) if row.seq == seq), -1)

    def _arrange(self) -> None:
        fresh = [row for _seq, row in sorted(self.known.items(), reverse=True) if matches(row, self._filter)]
        if [row.hash for row in fresh] != [row.hash for row in self.shown]:
            self.beginResetModel()
            self.shown = fresh
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self.shown[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            cells = (str(row.seq), moment_text(row.at_s)[5:-4], row.actor, row.action, row.service, row.operation)
            return visible_text(cells[column], 200) if column < len(cells) else summary(row)
        if role == Qt.ItemDataRole.FontRole and column in (0, 1, 3, 5):
            return theme.font("small", mono=True)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == 0:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == 0 else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

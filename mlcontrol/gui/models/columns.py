"""A table over columns: to sort is one numpy permutation; a proxy over a Python model costs seconds.

numpy is loaded when a table is first sorted here: the window's first paint does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mlcontrol.gui.tips import plain_tip

ROW = Qt.ItemDataRole.UserRole
INDEX = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Column:
    """``text``: what the cell says (also to a screen reader). ``key``: what it sorts by; numbers or strings, not both."""

    title: str
    text: Callable[[Any], str]
    key: Callable[[Any], float | str] | None = None
    tip: Callable[[Any], str] | None = None
    right: bool = False


class ColumnTable(QAbstractTableModel):
    """Rows are frozen values with an id. `put` replaces them and keeps what is selected; the given order stands until a column
    is chosen to sort by."""

    def __init__(self, columns: Sequence[Column], row_id: Callable[[Any], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._row_id = row_id
        self._rows: tuple[Any, ...] = ()
        self._keys: dict[int, Any] = {}  # a column's keys as an array, of these very rows
        self._order: Sequence[int] = range(0)
        self._sort: tuple[int, bool] | None = None
        self._held: tuple[Any, ...] | None = None

    # Rows.

    def put(self, rows: Sequence[Any], *, hold: bool = False) -> int:
        """``hold``: rows that are shown stay where they are, with new values; the new order waits for `release`.
        Returns how many shown rows wait to change places."""
        rows = tuple(rows)
        if hold and self._rows:
            moved = self._moved(rows)
            if moved:
                self._held = rows
                newest = {self._row_id(row): row for row in rows}
                self._change_in_place(tuple(newest.get(self._row_id(row), row) for row in self._rows))
                return moved
        self._held = None
        pairs = zip(rows, self._rows, strict=False)
        if len(rows) == len(self._rows) and all(
            new is old or self._row_id(new) == self._row_id(old) for new, old in pairs
        ):
            self._change_in_place(rows)
        else:
            self._rearrange(rows)
        return 0

    def release(self) -> None:
        """Let the order that waited take effect."""
        if self._held is not None:
            held, self._held = self._held, None
            self._rearrange(held)

    def row(self, position: int) -> Any:
        return self._rows[self._order[position]]

    def position(self, row_id: str) -> int | None:
        """Where the row is shown now."""
        return next((i for i, at in enumerate(self._order) if self._row_id(self._rows[at]) == row_id), None)

    def _moved(self, rows: tuple[Any, ...]) -> int:
        before = [self._row_id(row) for row in self._rows]
        after = [self._row_id(row) for row in rows]
        if self._sort is not None:
            return 0 if set(before) == set(after) else len(set(before) ^ set(after))
        return sum(a != b for a, b in zip(before, after, strict=False)) + abs(len(before) - len(after))

    def _change_in_place(self, rows: tuple[Any, ...]) -> None:
        changed = {
            i for i, (old, new) in enumerate(zip(self._rows, rows, strict=True)) if old is not new and old != new
        }
        self._take(rows)
        shown = [position for position, at in enumerate(self._order) if at in changed]
        for first, last in _runs(shown):
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    def _take(self, rows: tuple[Any, ...]) -> None:
        if rows is not self._rows:
            self._rows = rows
            self._keys.clear()

    def _rearrange(self, rows: tuple[Any, ...]) -> None:
        self.layoutAboutToBeChanged.emit()
        kept = [(index, self._row_id(self.row(index.row()))) for index in self.persistentIndexList()]
        self._take(rows)
        self._order = self._permutation()
        # Of a million rows a few are selected, or none: the others' places are not asked for.
        wanted, places = {key for _, key in kept}, {}
        for i, at in enumerate(self._order if wanted else ()):
            key = self._row_id(rows[at])
            if key in wanted:
                places[key] = i
        self.changePersistentIndexList(
            [index for index, _ in kept],
            [self.index(places[key], index.column()) if key in places else QModelIndex() for index, key in kept],
        )
        self.layoutChanged.emit()

    def _permutation(self) -> Sequence[int]:
        if not self._rows or self._sort is None:
            return range(len(self._rows))
        column, descending = self._sort
        # An array, not a list: of a million numbers few are looked at.
        return cast(Sequence[int], _sorted(self._keys_of(column))[:: -1 if descending else 1])

    def _keys_of(self, column: int) -> Any:
        known = self._keys.get(column)
        if known is None:
            import numpy as np

            key = self.columns[column].key or self.columns[column].text
            known = self._keys[column] = np.array([key(row) for row in self._rows])
        return known

    # Qt overrides.

    def rowCount(self, parent: INDEX = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: INDEX = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: INDEX, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.row(index.row()), self.columns[index.column()]
        if role == ROW:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole and column.tip is not None:
            return plain_tip(column.tip(row)) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.columns[section].right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Column -1: back to the given order."""
        self._sort = None if column < 0 else (column, order is Qt.SortOrder.DescendingOrder)
        self._rearrange(self._rows)


def _sorted(keys: Any) -> Any:
    """The stable permutation. Numbers are first sorted the quick way, which is the same where no two are equal."""
    import numpy as np

    if keys.dtype.kind in "fiu":
        order = np.argsort(keys)
        along = keys[order]
        nothing = np.isnan(along[-2:]).all() if keys.dtype.kind == "f" and len(along) > 1 else False
        if not nothing and not (along[1:] == along[:-1]).any():
            return order
    return np.argsort(keys, kind="stable")


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs

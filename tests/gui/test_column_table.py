"""A table sorted as one permutation: equal rows keep their order, gaps stay at the end, what is selected stays selected."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt

from mlcontrol.gui.models.columns import Column, ColumnTable

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
Row = tuple[str, float]


def table(rows: list[Row]) -> ColumnTable:
    made = ColumnTable(
        (Column("Name", lambda r: r[0]), Column("Value", lambda r: str(r[1]), key=lambda r: r[1])), lambda r: r[0]
    )
    made.put(rows)
    return made


def shown(model: ColumnTable) -> list[Any]:
    return [model.row(i)[0] for i in range(model.rowCount())]


@pytest.mark.usefixtures("qapp")
@given(st.lists(st.integers(-3, 3).map(float) | st.floats(allow_nan=False), max_size=30))
def test_equal_rows_keep_their_order(values: list[float]) -> None:
    rows = [(str(i), value) for i, value in enumerate(values)]
    model = table(rows)
    model.sort(1, UP)
    assert shown(model) == [name for name, _ in sorted(rows, key=lambda r: r[1])]
    model.sort(1, DOWN)
    assert shown(model) == [name for name, _ in sorted(rows, key=lambda r: r[1])][::-1]
    model.sort(-1)
    assert shown(model) == [name for name, _ in rows]


@pytest.mark.usefixtures("qapp")
def test_rows_without_a_value_come_last_in_their_order() -> None:
    values = [math.nan, 3.0, math.nan, 1.0, math.nan, 2.0]
    model = table([(str(i), value) for i, value in enumerate(values)])
    model.sort(1, UP)
    assert shown(model) == ["3", "5", "1", "0", "2", "4"]


@pytest.mark.usefixtures("qapp")
def test_new_values_are_sorted_by_what_they_are_now() -> None:
    """The keys of a column are kept only as long as its rows."""
    model = table([("a", 1.0), ("b", 2.0), ("c", 3.0)])
    model.sort(1, UP)
    model.put([("a", 9.0), ("b", 8.0), ("c", 7.0)])
    model.sort(1, UP)
    assert shown(model) == ["c", "b", "a"]
    model.put([("d", 5.0), ("a", 9.0), ("c", 10.0)])
    assert shown(model) == ["d", "a", "c"]


@pytest.mark.usefixtures("qapp")
def test_what_is_selected_goes_with_its_row_through_sorting_and_new_rows() -> None:
    model = table([(str(i), float(7 * i % 10)) for i in range(10)])
    marks = [QPersistentModelIndex(model.index(i, 1)) for i in (2, 5)]
    model.sort(1, DOWN)
    assert [model.row(mark.row())[0] for mark in marks] == ["2", "5"]
    model.put([(str(i), float(i)) for i in range(4, 12)])
    assert not marks[0].isValid()
    assert model.row(marks[1].row())[0] == "5"
    model.put([("11", 11.0)])
    assert not marks[1].isValid()

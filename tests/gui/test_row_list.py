"""Rows of many: heights are worked out once, and again when the width or the type changes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QRect

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.row_list import PAD, Row, RowDelegate, RowList, chip_px

LONG = "many words that need two lines or more in a list as narrow as this one, and one at the width of a screen"


def test_a_row_s_height_is_worked_out_once(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    height = RowDelegate._height
    monkeypatch.setattr(
        RowDelegate, "_height", lambda self, row, width: (made.append(row.id), height(self, row, width))[1]
    )
    shown = RowList("rows")
    qtbot.addWidget(shown)
    shown.resize(300, 400)
    rows = [Row(f"r{i}", f"Row {i}", lines=((LONG, "secondary"),)) for i in range(50)]
    shown.show()
    shown.set_rows(rows)
    narrow = shown.content_height()
    made.clear()
    shown.set_rows([*rows, Row("new", "New")])
    assert shown.content_height() > narrow
    assert made == ["new"]
    shown.resize(1500, 400)
    assert shown.content_height() < narrow
    before = shown.content_height()
    theme.set_scale(1.5)
    try:
        assert shown.content_height() > before
    finally:
        theme.set_scale(1.0)


def test_a_request_s_id_breaks_rather_than_being_cut_off(qtbot: Any) -> None:
    """36 characters without a space, in a column as narrow as that of a rollout's steps."""
    shown = RowList("rows")
    qtbot.addWidget(shown)
    shown.resize(200, 400)
    shown.show()
    heights = []
    for line in ("0cee367", "48c90c89-5694-432b-93b5-94514aa0fe01:"):
        shown.set_rows([Row("r", "Row", lines=((line, "secondary"),))])
        heights.append(shown.content_height())
    assert heights[1] > heights[0]


def test_what_stands_before_the_chips_lines_up(qtbot: Any) -> None:
    """Moments of a list are read as a column, however long the words of their chips are."""
    rows = [Row(str(i), "title", right="12:00:00 UTC", chip=chip) for i, chip in enumerate(("LOAD", "CONNECTION"))]
    found = RowList("events")
    qtbot.addWidget(found)
    found.resize(600, 100)
    found.set_rows(rows)
    found.show()
    image = found.viewport().grab().toImage()
    ground = image.pixelColor(300, 20)
    first, second = (found.visualRect(found.model().index(i, 0)) for i in (0, 1))

    def words_end(rect: QRect) -> int:
        """The last inked column left of the widest chip."""
        limit = rect.right() - theme.px(PAD) - theme.px(8) - chip_px("CONNECTION") - 2
        rows_y = range(rect.top() + 4, rect.bottom() - 6)
        return max(x for x in range(300, limit) if any(image.pixelColor(x, y) != ground for y in rows_y))

    assert words_end(first) == words_end(second)

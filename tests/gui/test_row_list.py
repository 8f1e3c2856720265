"""Rows of many: heights are worked out once, and again when the width or the type changes."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.row_list import Row, RowDelegate, RowList

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

"""Of thousands of services only what is seen is painted, and words are laid out once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QPainter

from mlcontrol.core import types as t
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.fleet_rows import fleet_row
from mlcontrol.gui.viewmodels.signal_cells import Now
from mlcontrol.gui.widgets import cached_text, fleet_table
from mlcontrol.gui.widgets.fleet_table import FleetTable


@pytest.fixture
def table(qapp: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two thousand services; ``painted``: the titles of the rows that were painted."""
    shown = FleetTable()
    qtbot.addWidget(shown)
    shown.resize(1100, 640)
    now = Now(1000.0, 2000.0)
    shown.table.put([fleet_row(t.ServiceState(f"s{i:04d}", title=f"Service {i}"), now) for i in range(2000)])
    shown.painted = []
    paint = fleet_table.paint_row
    monkeypatch.setattr(
        fleet_table,
        "paint_row",
        lambda p, row, *rest, **more: (shown.painted.append(row.id), paint(p, row, *rest, **more)),
    )
    with qtbot.waitActive(shown):
        shown.show()
    for _ in range(3):  # until what Qt put off at the first layout is painted too
        qapp.processEvents()
    shown.painted.clear()
    return shown


def test_a_page_of_them_is_painted(table: Any) -> None:
    table.verticalScrollBar().setValue(table.rowHeight(0) * 500)
    table.viewport().repaint()
    assert table.painted == [f"s{i:04d}" for i in range(500, 500 + len(table.painted))]
    assert 10 <= len(table.painted) <= 640 // 32 + 1


def test_a_row_that_changed_is_painted_alone(table: Any, qtbot: Any) -> None:
    rows = [table.table.row(i) for i in range(2000)]
    rows[3] = replace(rows[3], title="Another", sort_title="another")
    table.table.put(rows)
    qtbot.waitUntil(lambda: bool(table.painted))
    assert table.painted == ["s0003", "s0004"]  # and the line above the one below, which Qt takes with it


def test_below_the_last_row_nothing_is_painted(table: Any) -> None:
    table.table.put([table.table.row(0)])
    table.painted.clear()
    table.viewport().grab(QRect(0, 320, 1100, 100))
    assert table.painted == []


def painted_image(text: str, wide: int, *, right: bool = False) -> QImage:
    image = QImage(200, 30, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setPen(Qt.GlobalColor.black)
    cached_text.paint_text(painter, QRect(20, 0, wide, 30), text, right=right)
    painter.end()
    return image


def inked(image: QImage) -> list[int]:
    """The columns in which something was painted."""
    return [x for x in range(200) if any(image.pixelColor(x, y).lightness() < 250 for y in range(30))]


@pytest.mark.parametrize(
    "text", ["a title that is far too long for sixty pixels", "two\nlines", "<b>no mark-up</b> here"]
)
def test_words_stay_on_one_line_within_their_width(qapp: Any, text: str) -> None:
    columns = inked(painted_image(text, 60))
    assert columns
    assert min(columns) >= 19
    assert max(columns) <= 20 + 60
    assert max(inked(painted_image(text, 60, right=True))) >= 20 + 60 - 3


def test_words_are_laid_out_once_until_the_type_changes(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    lay = cached_text._lay
    monkeypatch.setattr(cached_text, "_lay", lambda key, font: (made.append(key[0]), lay(key, font))[1])
    cached_text._forget()
    first = painted_image("the same words", 150)
    assert painted_image("the same words", 150) == first
    assert made == ["the same words"]
    theme.set_scale(1.5)
    try:
        assert inked(painted_image("the same words", 150)) != inked(first)
        assert made == ["the same words"] * 2
    finally:
        theme.set_scale(1.0)


def test_what_is_kept_has_a_bound(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_text, "MOST", 10)
    cached_text._forget()
    for i in range(35):
        painted_image(f"words {i}", 100)
        assert cached_text.text_width(f"words {i}") > 0
    assert len(cached_text._laid) <= 10
    assert len(cached_text._widths) <= 10

"""Choosing a version: what it would change stands beside it, and what is not known is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.types import VersionFact
from mlcontrol.gui.pages.rollouts_what import RolloutsWhat
from mlcontrol.gui.widgets.row_list import Row, RowList
from tests.gui.conftest import sample_fleet


@pytest.fixture
def what(qtbot: Any) -> RolloutsWhat:
    made = RolloutsWhat()
    qtbot.addWidget(made)
    made.resize(1100, 600)
    made.show()
    return made


def shown(what: RolloutsWhat) -> dict[str, tuple[str, str]]:
    table = what._difference.table
    return {table.row(i)[0]: table.row(i)[1:] for i in range(table.rowCount())}


def test_the_selected_version_is_held_against_what_answers_now(what: RolloutsWhat, qtbot: Any) -> None:
    service = sample_fleet().services["digits"]
    what.show_service(service, now_s=2e9, wanted="2")
    assert what._difference.isVisible()
    assert shown(what)["test_accuracy"] == ("0.965", "0.96")
    assert what._difference_note.text() == "5 differences by the registry"
    qtbot.keyClick(what.versions, Qt.Key.Key_Up)
    assert not what._difference.isVisible()
    assert what._same.text().startswith("v3 is what answers now")


def test_an_unknown_version_in_use_is_no_basis_for_a_comparison(what: RolloutsWhat) -> None:
    service = replace(sample_fleet().services["digits"], used=VersionFact(), served=VersionFact())
    what.show_service(service, now_s=2e9, wanted="2")
    assert not what._difference.isVisible()
    assert "not known" in what._same.text()


def test_rows_that_wrap_in_a_narrower_list_make_room_for_each_other(qtbot: Any) -> None:
    rows = RowList("rows")
    qtbot.addWidget(rows)
    rows.resize(600, 400)
    rows.set_rows(
        [Row("a", "A", "", (("words that wrap when there is less room for them " * 2, "secondary"),)), Row("b", "B")]
    )
    rows.show()
    qtbot.waitExposed(rows)
    first, second = (rows.model().index(i, 0) for i in range(2))

    def touching() -> bool:
        return bool(rows.visualRect(second).top() == rows.visualRect(first).bottom() + 1)

    qtbot.waitUntil(touching)
    before = rows.visualRect(first).height()
    rows.resize(200, 400)
    qtbot.waitUntil(lambda: rows.visualRect(first).height() > before and touching())

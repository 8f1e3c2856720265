"""Facts keep inside their panel and are shown whole."""

from __future__ import annotations

from typing import Any

from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel

SENTENCE = (
    "Refused, no traffic moved: v2 serves as before. The server refused to load it; correct the version and try again."
)


def test_a_long_word_neither_widens_the_list_nor_cuts_the_other_facts(qapp: Any, qtbot: Any) -> None:
    facts = FactList()
    qtbot.addWidget(facts)
    facts.set_facts((("operation", "2cf8cf84804f4a77b5cb9d96c1450000"), ("detail", SENTENCE)))
    assert facts.minimumSizeHint().width() < 200
    facts.resize(240, 400)
    facts.show()
    qtbot.waitExposed(facts)
    value = next(label for label in facts.findChildren(PlainLabel) if label.text() == SENTENCE)
    assert value.geometry().right() <= facts.width()
    assert value.height() >= value.heightForWidth(value.width())

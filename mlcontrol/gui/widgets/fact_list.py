"""Facts as two quiet columns: a name, then words that may be selected and copied."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.label import PlainLabel


class FactList(QWidget):
    """Labels are kept between updates, so a live board does not flicker. A value that starts with `?` reads as unknown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.px(12))
        self._grid.setVerticalSpacing(theme.px(6))
        self._grid.setColumnStretch(1, 1)
        self._labels: list[tuple[PlainLabel, PlainLabel]] = []

    def set_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        while len(self._labels) < len(facts):
            pair = (PlainLabel("", "small", "quiet"), PlainLabel("", wrap=True))
            pair[1].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            # A long word must not widen the column past the panel: every other value would be wrapped too late and cut.
            policy = pair[1].sizePolicy()
            policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
            pair[1].setSizePolicy(policy)
            row = len(self._labels)
            self._grid.addWidget(pair[0], row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(pair[1], row, 1, Qt.AlignmentFlag.AlignTop)
            self._labels.append(pair)
        for i, (name, value) in enumerate(self._labels):
            shown = i < len(facts)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(facts[i][0])
                value.setText(facts[i][1])
                value.set_tone("unknown" if facts[i][1].startswith("?") else "primary")

    def facts(self) -> tuple[tuple[str, str], ...]:
        return tuple((n.text(), v.text()) for n, v in self._labels if not n.isHidden())

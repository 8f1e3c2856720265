"""The rubric's part of the bench: label keys, scales, tags. It shows what is given and tells what was pressed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.review.rubric import SCALE_KEYS, TAG_KEYS, Rubric
from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.rubric_input import ScaleRow, TagChip


def key_row(button: KeyButton, hint: str, act: Callable[[], object]) -> QWidget:
    """A button and what it means beside it."""
    button.clicked.connect(lambda _checked=False: act())
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setMinimumWidth(theme.px(244))
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(12)
    row.addWidget(button)
    row.addWidget(PlainLabel(hint, "small", "quiet", elide=True), 1)
    return holder


class RubricView(QWidget):
    """*Signals:* ``pressed(key)`` of a label; ``scaled(name, value)``; ``tagged(tag)``."""

    pressed = Signal(str)
    scaled = Signal(str, float)
    tagged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rubric: Rubric | None = None
        self.scales: dict[str, ScaleRow] = {}
        self.tags: dict[str, TagChip] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._parts: list[QWidget] = []

    def show_rubric(self, rubric: Rubric) -> None:
        if rubric == self._rubric:
            return
        self._rubric = rubric
        for old in self._parts:
            self._column.removeWidget(old)
            old.setParent(None)
            old.deleteLater()
        self._parts = [
            key_row(KeyButton(label.text, label.key), label.hint, partial(self.pressed.emit, label.key))
            for label in rubric.labels
        ]
        self.scales = {scale.name: ScaleRow(scale, key) for scale, key in zip(rubric.scales, SCALE_KEYS, strict=False)}
        for name, row in self.scales.items():
            row.chosen.connect(partial(self.scaled.emit, name))
            self._parts.append(row)
        self.tags = {}
        if rubric.tags:
            holder = QWidget()
            grid = QGridLayout(holder)
            grid.setContentsMargins(0, 4, 0, 0)
            grid.setHorizontalSpacing(8)
            grid.setVerticalSpacing(6)
            keys = TAG_KEYS.ljust(len(rubric.tags))
            for i, (tag, key) in enumerate(zip(rubric.tags, keys, strict=False)):
                chip = self.tags[tag] = TagChip(tag, key.strip())
                chip.clicked.connect(partial(self._clicked, tag))
                grid.addWidget(chip, i // 3, i % 3)
            grid.setColumnStretch(3, 1)
            self._parts.append(holder)
        for made in self._parts:
            self._column.addWidget(made)

    def _clicked(self, tag: str) -> None:
        self.tagged.emit(tag)

    def show_given(self, scales: Mapping[str, float], tags: Collection[str], asking: str) -> None:
        """``asking``: the scale that the next digit is for; empty: none."""
        for name, row in self.scales.items():
            row.show_value(scales.get(name), asking=name == asking)
        for tag, chip in self.tags.items():
            chip.setChecked(tag in tags)

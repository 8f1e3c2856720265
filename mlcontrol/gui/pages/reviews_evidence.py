"""What a campaign has found, as cards: preference or quality, the model's own scores, scales and tags."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Campaign, Mode
from mlcontrol.core.review.findings import Findings
from mlcontrol.gui.viewmodels.review_evidence import (
    MOST_ROWS,
    powered_rows,
    powered_words,
    preference_row,
    preference_words,
    scale_rows,
    tag_words,
)
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.interval_list import Interval, IntervalList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.review_blocks import TableBlock


class Evidence(QWidget):
    """A card that has nothing to say is not there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preference, self._preference_words = IntervalList("Preferred"), PlainLabel("", tone="secondary", wrap=True)
        self.quality = IntervalList("Judged right")
        self._quality_empty = PlainLabel("Nothing was judged right or wrong yet.", tone="secondary", wrap=True)
        self.powered, self._powered_words = (
            IntervalList("With model scores"),
            PlainLabel("", "small", "secondary", wrap=True),
        )
        self.scales, self._tags = TableBlock(), PlainLabel("", tone="secondary", wrap=True)
        self._cards = {
            "preference": self._card("Preference", "always-valid interval", self.preference, self._preference_words),
            "quality": self._card(
                "Quality by version and slice", "95 % intervals for the sampling used", self.quality, self._quality_empty
            ),
            "powered": self._card(
                "With the model's own scores", "judgements, and its probabilities on traffic nobody judged", self.powered,
                self._powered_words,
            ),
            "scales": self._card("Scales and tags", "means over items, 95 %", self.scales, self._tags),
        }  # fmt: skip
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for card in self._cards.values():
            layout.addWidget(card)

    @staticmethod
    def _card(title: str, note: str, *parts: QWidget) -> Card:
        made = Card(title, note)
        for part in parts:
            made.body.addWidget(part)
        return made

    def show_evidence(self, campaign: Campaign, found: Findings, names: Mapping[str, str], *, blind: bool) -> None:
        paired = campaign.mode is Mode.PAIRWISE
        row = preference_row(campaign, found) if paired and not blind else None
        self.preference.show_rows([Interval(*row, strong=True)] if row is not None else [])
        self.preference.setVisible(row is not None)
        self._preference_words.setText(preference_words(campaign, found, blind=blind) if paired else "")
        self.quality.show_rows(
            [
                Interval(
                    f"{names[q.version]}  {q.slice}".rstrip(), q.estimate.value, q.estimate.low, q.estimate.high,
                    f"n={q.estimate.n}" if q.estimate.value is not None else q.estimate.design, strong=not q.slice,
                )
                for q in found.quality[:MOST_ROWS]
            ]
        )  # fmt: skip
        self.quality.setVisible(bool(found.quality))
        self._quality_empty.setVisible(not found.quality)
        combined = powered_rows(found, names)
        self.powered.show_rows([Interval(*one) for one in combined])
        self._powered_words.setText(powered_words(found))
        self._powered_words.setVisible(bool(self._powered_words.text()))
        rows = scale_rows(found, names)
        self.scales.show_rows(rows, "Scales")
        self.scales.setVisible(len(rows) > 1)
        self._tags.setText(tag_words(found))
        self._tags.setVisible(bool(found.tags))
        self._cards["preference"].setVisible(paired)
        self._cards["quality"].setVisible(not paired)
        self._cards["powered"].setVisible(bool(combined))
        self._cards["scales"].setVisible(len(rows) > 1 or bool(found.tags))

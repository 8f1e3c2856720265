"""What changed before it, with the odds, and what differs between the versions; the commands by hand."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.incidents.brief import Brief, SuspectLine
from mlcontrol.core.incidents.suspect_facts import SuspectFacts
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.generations import version_difference
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.difference_list import DifferenceList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.suspect_rows import NOTHING, SuspectRows

MOST_DIFFERENCES = 7
CALM = "Nothing is wrong, so nothing is suspected. G T shows every change."
UNHEARD = "Nothing is known of it now, so nothing is suspected."


class SuspectCard(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What changed before", "odds that it is the cause", parent)
        self.body.setContentsMargins(0, 10, 0, 0)
        head = self.head_row
        head.setContentsMargins(12, 0, 12, 0)
        self.rows = SuspectRows()
        self._verdict = PlainLabel("", "small", "secondary", wrap=True)
        self._verdict.setContentsMargins(12, 0, 12, 8)
        self._facts = PlainLabel("", "small", "secondary", wrap=True)
        self._facts.setContentsMargins(12, 0, 12, 4)
        self._difference = DifferenceList()
        self._difference.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._difference.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.body.addWidget(self.rows)
        self.body.addWidget(self._verdict)
        self.body.addWidget(self._facts)
        self.body.addWidget(self._difference)
        self._facts.hide()
        self._difference.hide()
        self._commands = PlainLabel("", "small", "primary", mono=True, wrap=True)
        self._commands.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def commands_into(self, card: Card) -> None:
        card.body.addWidget(self._commands)
        card.body.addWidget(PlainLabel("W copies them all", "small", "quiet"))
        card.hide()

    def show_brief(self, brief: Brief) -> None:
        self.rows.put(brief.suspects, CALM if brief.quiet else UNHEARD if brief.unheard else NOTHING)
        words = brief.verdict if brief.suspects and not brief.separable else ""
        if brief.unheard:
            words = " ".join((*brief.gaps, "G T shows every change."))
        self._verdict.setText(visible_text(words, 600))
        self._verdict.setVisible(bool(words))
        self._commands.setText("\n".join(visible_text(f"# {one.title}\n{one.shell}", 1200) for one in brief.by_hand))

    def show_card(self, line: SuspectLine, service: ServiceState | None, known: SuspectFacts | None = None) -> None:
        """What differs between the versions before and after the change, and what is known of the new one.

        ``known``: what the engine says of it, once it has answered.
        """
        versions = {v.version: v for v in service.versions} if service is not None else {}
        old, new = versions.get(line.version_from or ""), versions.get(line.version_to or "")
        facts = []
        if known is not None:
            facts.append(" ".join((f"canary: {known.canary.words}", *known.canary.evidence)))
            if known.signature_note:
                facts.append(f"signature: {known.signature_note}")
        if new is not None and new.quarantined:
            facts.append(f"{version_text(new.version)} is in quarantine: {new.quarantined}")
        if service is not None and line.version_to and service.golden.at is not None:
            facts.append(f"golden set: {service.golden.detail or service.golden.text}")
        if line.event and (old is None or new is None):
            facts.append("No two versions belong to this change, so there is nothing to compare.")
        self._facts.setText(visible_text(". ".join(f.rstrip(".") for f in facts), 700))
        self._facts.setVisible(bool(facts))
        rows = version_difference(old, new) if old is not None and new is not None else ()
        rows = ((*known.signature, *rows) if known is not None else rows)[:MOST_DIFFERENCES]
        if rows:
            self._difference.put(version_text(line.version_from), version_text(line.version_to), rows)
            self._difference.setFixedHeight(theme.px(30) + theme.px(24) * len(rows))
        self._difference.setVisible(bool(rows))

"""The right side of the connections page: what the chosen connection or service is and says, and how it all looks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionState, Health
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.connection_facts import connection_facts, service_facts
from mlcontrol.gui.viewmodels.notify_forms import notify_facts
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel

THEMES = (
    ("system", "Follow the system", "1"),
    ("dark", "Dark", "2"),
    ("light", "Light", "3"),
    ("high_contrast", "High contrast", "4"),
)


class ConnectionsDetails(QWidget):
    """Shows one thing at a time, and under it the themes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading = PlainLabel("", "sentence", elide=True)
        self._sentence = PlainLabel("", tone="secondary", wrap=True)
        self.agree = KeyButton("It may lead there", "Y")
        self._facts = FactList()
        self._problems = PlainLabel("", tone="warning", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        for widget in (self._heading, self._sentence, self.agree, self._facts, self._problems):
            column.addWidget(widget)
        column.setAlignment(self.agree, Qt.AlignmentFlag.AlignLeft)
        self.agree.hide()
        column.addStretch(1)
        column.addWidget(_appearance())

    def show_nothing(self) -> None:
        self.agree.hide()
        self._heading.setText("")
        self._sentence.setText("")
        self._facts.set_facts(())

    def show_service(self, service: ServiceSettings) -> None:
        self.agree.hide()
        self._heading.setText(service.title or service.id)
        self._sentence.setText("One model in production, as the workspace file describes it.")
        self._sentence.set_tone("secondary")
        self._facts.set_facts(service_facts(service))

    def show_notify(self, one: NotifySettings, tested: tuple[str, str, str] | None) -> None:
        self.agree.hide()
        self._heading.setText(one.id)
        words = "Who is told of alerts outside the panel. T sends a test message."
        self._sentence.setText(
            words if tested is None else f"{words}\nTested here: {visible_text(' '.join(tested[1:]), 600)}"
        )
        self._sentence.set_tone("secondary" if tested is None or tested[0] == "ok" else tested[0])
        self._facts.set_facts(notify_facts(one))

    def show_connection(
        self,
        connection: ConnectionSettings,
        live: ConnectionState,
        users: tuple[str, ...],
        tested: tuple[str, str, str] | None,
    ) -> None:
        """``tested``: glyph, title and detail of the last test by hand."""
        self._heading.setText(connection.id)
        words = visible_text(" ".join(part for part in (live.text + ".", live.why, live.next) if part), 800)
        if tested is not None:
            words += f"\nTested here: {visible_text(' '.join(tested[1:]), 600)}"
        self._sentence.setText(words)
        self._sentence.set_tone(live.health.value if live.health is not Health.OK else "secondary")
        self.agree.setVisible(live.moved_inside)
        self._facts.set_facts(connection_facts(connection, live, users))

    def show_problems(self, problems: Sequence[str]) -> None:
        """What is wrong with the workspace file, a line each."""
        self._problems.setText("\n".join(visible_text(problem, 300) for problem in problems))


def _appearance() -> Card:
    card = Card("Theme and shortcuts", "Ctrl + and Ctrl - change the type size · ? lists every key")
    row = QHBoxLayout()
    row.setSpacing(8)
    for mode, words, key in THEMES:
        button = KeyButton(words, key)
        button.clicked.connect(partial(theme.set_mode, mode))
        row.addWidget(button)
    row.addStretch(1)
    card.body.addLayout(row)
    return card

"""Start a campaign by form."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Campaign, Mode, Policy
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_lead import campaign_from
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.form_field import FormField
from mlcontrol.gui.widgets.label import PlainLabel

_MODES = {
    Mode.RATE: "rate one answer",
    Mode.PAIRWISE: "compare two versions, blind",
    Mode.EXPECTED: "expected against actual",
    Mode.GOLDEN: "check the golden set",
}
_POLICIES = {
    Policy.RANDOM: "at random",
    Policy.STRATIFIED: "stratified by slices",
    Policy.UNCERTAIN: "half at random, half uncertain",
    Policy.DISAGREE: "half at random, half where versions disagree",
    Policy.DRIFTING: "half at random, half drifting",
    Policy.RARE: "half at random, half rare slices",
}


class ReviewsForm(QWidget):
    """*Signals:* ``started(Campaign)``, ``left()``."""

    started = Signal(object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        services, modes, policies = QComboBox(), QComboBox(), QComboBox()
        for mode, text in _MODES.items():
            modes.addItem(text, mode.value)
        for policy, text in _POLICIES.items():
            policies.addItem(text, policy.value)
        self.fields = {
            "service": FormField("Service", services),
            "title": FormField("Name", QLineEdit(), "Weekly look at the digits"),
            "mode": FormField("What is asked", modes),
            "versions": FormField("Versions", QLineEdit(), "2, 3 (two of them to compare)"),
            "n": FormField("Items", QLineEdit(), "200"),
            "policy": FormField("Drawn", policies),
            "by": FormField("Slices", QLineEdit(), "region, device"),
            "overlap": FormField("Judgements per item", QLineEdit(), "1"),
            "gold": FormField("Share of hidden gold items", QLineEdit(), "0.05"),
            "repeats": FormField("Share of hidden repeats", QLineEdit(), "0.05"),
        }
        self.start = KeyButton("Start", "Ctrl Enter", PRIMARY)
        self.cancel = KeyButton("Cancel", "Esc")
        card = Card("New campaign", "draws its items now")
        card.setFixedWidth(theme.px(680))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for i, field in enumerate(self.fields.values()):
            grid.addWidget(field, i // 2, i % 2)
        card.body.addLayout(grid)
        self._told = PlainLabel("", tone="critical", wrap=True)
        card.body.addWidget(self._told)
        row = QHBoxLayout()
        row.addWidget(self.start)
        row.addWidget(self.cancel)
        row.addStretch(1)
        card.body.addLayout(row)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        self.start.clicked.connect(self.submit)
        self.cancel.clicked.connect(self.left)
        self.setFocusProxy(self.fields["title"].editor)

    def show_services(self, services: dict[str, ServiceSettings], chosen: str | None) -> None:
        editor = self.fields["service"].editor
        assert isinstance(editor, QComboBox)
        if editor.count() != len(services):
            editor.clear()
            for service in services.values():
                editor.addItem(service.title or service.id, service.id)
        self.fields["service"].set_text(chosen or next(iter(services), ""))
        self.tell("")
        for name, text in (("n", "200"), ("overlap", "1"), ("gold", "0.05"), ("repeats", "0.05")):
            if not self.fields[name].text:
                self.fields[name].set_text(text)

    def tell(self, text: str, tone: str = "critical") -> None:
        self._told.set_tone(tone)
        self._told.setText(text)
        self._told.setVisible(bool(text))

    def submit(self) -> None:
        values = {name: field.text for name, field in self.fields.items()}
        made, wrong = campaign_from(**values)
        for name, field in self.fields.items():
            field.set_error(wrong.get(name, ""))
        if isinstance(made, Campaign):
            self.tell("Drawing items …", "secondary")
            self.started.emit(made)

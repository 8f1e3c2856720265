"""Start a campaign by form."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Campaign, Mode, Policy, SourceKind
from mlcontrol.core.review.rubric_words import DUE_FORM
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_form import campaign_from
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.form_field import FormField
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.scrolled import scrolled

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
    Policy.INCIDENT: "half at random, half around an incident",
}
_SOURCES = {
    SourceKind.LOG: "the service's prediction log",
    SourceKind.TRACES: "MLflow traces",
    SourceKind.FILE: "a file of predictions",
}


class ReviewsForm(QWidget):
    """*Signals:* ``started(Campaign)``, ``left()``."""

    started = Signal(object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        services, modes, policies, sources = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        for mode, text in _MODES.items():
            modes.addItem(text, mode.value)
        for policy, text in _POLICIES.items():
            policies.addItem(text, policy.value)
        for source, text in _SOURCES.items():
            sources.addItem(text, source.value)
        self.fields = {
            "service": FormField("Service", services),
            "title": FormField("Name", QLineEdit(), "Weekly look at the digits"),
            "mode": FormField("What is asked", modes),
            "versions": FormField("Versions", QLineEdit(), "2, 3 (two of them to compare)"),
            "source": FormField("Source", sources),
            "place": FormField("Experiment or file", QLineEdit(), "for traces: its id; for a file: its path"),
            "hours": FormField("Looking back, hours", QLineEdit(), "24"),
            "around": FormField("Incident at", QLineEdit(), "2026-12-01T15:00 in UTC"),
            "n": FormField("Items", QLineEdit(), "200"),
            "policy": FormField("Drawn", policies),
            "seed": FormField("Seed", QLineEdit(), "the same seed draws the same items"),
            "by": FormField("Slices", QLineEdit(), "region, device"),
            "precision": FormField("Enough when each slice is known to ± %", QLineEdit(), "3; empty: no target"),
            "overlap": FormField("Judgements per item", QLineEdit(), "1"),
            "raters": FormField("Evaluators", QLineEdit(), "ann, bob; empty: anyone"),
            "gold": FormField("Share of hidden gold items", QLineEdit(), "0.05"),
            "repeats": FormField("Share of hidden repeats", QLineEdit(), "0.05"),
            "calibration": FormField("Calibration round, items", QLineEdit(), "0; drawn from the golden set"),
            "due": FormField("Due", QLineEdit(), DUE_FORM),
            "question": FormField("Question", QLineEdit(), "empty: the one of what is asked"),
            "guidance": FormField("Guidance", QLineEdit(), "for the first page of a sitting"),
            "labels": FormField("Labels", QLineEdit(), "1:right:Right; 2:wrong:Wrong:correct"),
            "scales": FormField("Scales", QLineEdit(), "clarity 1-5 muddled..clear; tone 1-3"),
            "tags": FormField("Tags", QLineEdit(), "blurred, private"),
            "cost": FormField("Cost of an evaluator, per hour", QLineEdit(), "empty: not said"),
        }
        self.start = KeyButton("Start", "Ctrl Enter", PRIMARY)
        self.cancel = KeyButton("Cancel", "Esc")
        card = Card("New campaign", "draws its items now")
        card.setFixedWidth(theme.px(760))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
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
        content = QWidget()
        middle = QVBoxLayout(content)
        middle.addStretch(1)
        middle.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(2)
        scroll = scrolled(content, sideways=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        for field in self.fields.values():
            # Whoever tabs through a form that is higher than the window sees where the focus is.
            field.editor.installEventFilter(self)
        self._scroll = scroll
        self.start.clicked.connect(self.submit)
        self.cancel.clicked.connect(self.left)
        self.setFocusProxy(self.fields["title"].editor)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            self._scroll.ensureWidgetVisible(watched, 0, theme.px(40))
        return super().eventFilter(watched, event)

    def show_services(self, services: dict[str, ServiceSettings], chosen: str | None) -> None:
        editor = self.fields["service"].editor
        assert isinstance(editor, QComboBox)
        if editor.count() != len(services):
            editor.clear()
            for service in services.values():
                editor.addItem(service.title or service.id, service.id)
        self.fields["service"].set_text(chosen or next(iter(services), ""))
        self.tell("")
        for name, text in (
            ("n", "200"),
            ("overlap", "1"),
            ("gold", "0.05"),
            ("repeats", "0.05"),
            ("calibration", "0"),
            ("hours", "24"),
            ("seed", "1"),
        ):
            if not self.fields[name].text:
                self.fields[name].set_text(text)

    def tell(self, text: str, tone: str = "critical") -> None:
        self._told.set_tone(tone)
        self._told.setText(text)
        self._told.setVisible(bool(text))

    def submit(self) -> None:
        values = {name: field.text for name, field in self.fields.items()}
        made, wrong = campaign_from(values)
        for name, field in self.fields.items():
            field.set_error(wrong.get(name, ""))
        if isinstance(made, Campaign):
            self.tell("Drawing items …", "secondary")
            self.started.emit(made)

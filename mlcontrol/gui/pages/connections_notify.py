"""The form of one way to tell people of alerts; its secret goes to the keyring on its own way."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.gui.viewmodels.notify_forms import (
    LEASTS,
    VIAS,
    NotifyDraft,
    notify_draft,
    notify_errors,
    notify_settings,
)
from mlcontrol.gui.widgets.form_field import FormField
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.scrolled import scrolled


class NotifyForm(QWidget):
    """*Thread:* GUI."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.before: NotifySettings | None = None
        self._workspace: WorkspaceSettings | None = None
        via, least, secret = QComboBox(), QComboBox(), QLineEdit()
        for choices, box in ((VIAS, via), (LEASTS, least)):
            for name, words in choices:
                box.addItem(words, name)
        secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.fields = {
            "via": FormField("How they are told", via),
            "id": FormField("Name", QLineEdit(), "short, lower case: oncall, team-chat"),
            "url": FormField("Address, as apprise reads it", QLineEdit(), "slack://{secret}/#oncall"),
            "secret": FormField("Secret of the address", secret, "goes to the system keyring"),
            "least": FormField("Told of", least),
            "per_hour": FormField("Messages an hour, at most", QLineEdit(), "12"),
        }
        self.enabled = QCheckBox("Switched on")
        self._heading = PlainLabel("", "sentence")
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for i, field in enumerate(self.fields.values()):
            grid.addWidget(field, i // 2, i % 2)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self._heading)
        column.addLayout(grid)
        column.addWidget(self.enabled)
        hint = "Where the address needs a secret, write {secret} there; an empty address means that the secret is all of it. "
        column.addWidget(PlainLabel(f"{hint}After saving, T sends a test message.", "small", "quiet", wrap=True))
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(inner, sideways=True))
        self.setFocusProxy(self.fields["id"].editor)
        via.currentIndexChanged.connect(self._on_via)

    def open_for(self, workspace: WorkspaceSettings, before: NotifySettings | None) -> None:
        """``before``: the one that is edited; `None` adds one."""
        self._workspace, self.before = workspace, before
        draft = notify_draft(before) if before is not None else NotifyDraft()
        self._heading.setText(f"Edit {before.id}" if before is not None else "Tell people of alerts")
        for name in ("via", "id", "url", "least", "per_hour"):
            self.fields[name].set_text(str(getattr(draft, name)))
        self.fields["secret"].set_text("")
        self.enabled.setChecked(draft.enabled)
        self._on_via()
        for field in self.fields.values():
            field.set_error("")

    @property
    def replaces(self) -> str | None:
        return self.before.id if self.before is not None else None

    def take_secret(self) -> str:
        """The typed secret; the field is emptied, so that it lives nowhere else."""
        field = self.fields["secret"]
        secret = field.text if field.isVisibleTo(self) else ""
        field.set_text("")
        return secret

    def settings(self) -> NotifySettings | None:
        """The settings, or `None` with the errors shown beside their fields."""
        if self._workspace is None:
            return None
        text = {name: field.text.strip() for name, field in self.fields.items() if name != "secret"}
        keyed = bool(self.fields["secret"].text) or bool(self.before is not None and self.before.secret)
        draft = NotifyDraft(**text, enabled=self.enabled.isChecked(), keyed=keyed)
        errors = notify_errors(draft, self._workspace, self.replaces)
        for name, field in self.fields.items():
            field.set_error(errors.get(name, ""))
        if errors:
            self.fields[next(name for name in self.fields if name in errors)].editor.setFocus()
            return None
        return notify_settings(draft, self.before)

    def _on_via(self) -> None:
        hook = self.fields["via"].text == "hook"
        self.fields["url"].setVisible(hook)
        self.fields["secret"].setVisible(hook)

"""The form of one connection: fields with their errors, a live test, the secret on its own way to the keyring."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.settings import ConnectionSettings, WorkspaceSettings
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.connection_forms import (
    ADAPTERS,
    OPTIONS,
    UNCHECKED,
    ConnectionDraft,
    connection_errors,
    connection_settings,
    draft_of,
)
from mlcontrol.gui.widgets.form_field import FormField
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList
from mlcontrol.gui.widgets.scrolled import scrolled

AUTH = (("none", "No sign-in"), ("basic", "User name and password"), ("token", "Token"))
SYSTEMS = "empty: the system's"


class ConnectionForm(QWidget):
    """*Signals:* ``edited()``: something was typed or chosen."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before: ConnectionSettings | None = None
        self._workspace: WorkspaceSettings | None = None
        adapter, auth = QComboBox(), QComboBox()
        for name, (_kind, words, _example) in ADAPTERS.items():
            adapter.addItem(words, name)
        for name, words in AUTH:
            auth.addItem(words, name)
        secret = QLineEdit()
        secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.fields = {
            "adapter": FormField("What it is", adapter),
            "id": FormField("Name", QLineEdit(), "short, lower case: registry, triton-eu"),
            "url": FormField("Address", QLineEdit()),
            "auth": FormField("Sign-in", auth),
            "username": FormField("User name", QLineEdit()),
            "secret": FormField("Password or token", secret, "goes to the system keyring, never into a file"),
            "ca_file": FormField("Certificate authority file", QLineEdit(), SYSTEMS),
            "poll_s": FormField("Asked every (seconds)", QLineEdit(), "5"),
        }
        self.options: dict[str, FormField] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        for i, field in enumerate(self.fields.values()):
            self._grid.addWidget(field, i // 2, i % 2)
        self._heading = PlainLabel("", "sentence")
        self.result = RowList("Result of the test")
        self.result.setFixedHeight(theme.px(120))
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self._heading)
        column.addLayout(self._grid)
        column.addWidget(self.result)
        column.addStretch(1)
        scroll = scrolled(inner, sideways=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self.setFocusProxy(self.fields["id"].editor)
        adapter.currentIndexChanged.connect(self._on_adapter)
        auth.currentIndexChanged.connect(self._on_auth)
        for field in self.fields.values():
            if isinstance(field.editor, QLineEdit):
                field.editor.textEdited.connect(lambda _text: self.edited.emit())

    def open_for(self, workspace: WorkspaceSettings, before: ConnectionSettings | None) -> None:
        """``before``: the connection that is edited; `None` adds one."""
        self._workspace, self._before = workspace, before
        draft = draft_of(before) if before is not None else ConnectionDraft()
        self._heading.setText(f"Edit {before.id}" if before is not None else "Add a connection")
        for name in ("adapter", "id", "url", "auth", "username", "ca_file", "poll_s"):
            self.fields[name].set_text(str(getattr(draft, name)))
        self.fields["secret"].set_text("")
        self._on_adapter()
        self._on_auth()
        for name, value in draft.options:
            if name in self.options:
                self.options[name].set_text(value)
        self.show_errors({})
        self.show_result("waiting", "Not tested yet", "Ctrl Enter asks the server who it is; nothing is saved by it.")

    @property
    def before(self) -> ConnectionSettings | None:
        return self._before

    def draft(self) -> ConnectionDraft:
        text = {name: field.text for name, field in self.fields.items()}
        return ConnectionDraft(
            id=text["id"].strip(),
            adapter=text["adapter"],
            url=text["url"],
            auth=text["auth"],
            username=text["username"],
            ca_file=text["ca_file"],
            poll_s=text["poll_s"],
            options=tuple((name, field.text) for name, field in self.options.items()),
        )

    def take_secret(self) -> str:
        """The typed secret; the field is emptied, so that it lives nowhere else."""
        field = self.fields["secret"]
        secret = field.text if field.isVisibleTo(self) else ""
        field.set_text("")
        return secret

    def has_secret(self) -> bool:
        return bool(self.fields["secret"].text)

    def settings(self) -> ConnectionSettings | None:
        """The settings, or `None` with the errors shown beside their fields."""
        if self._workspace is None:
            return None
        draft = self.draft()
        errors = connection_errors(draft, self._workspace, self._before.id if self._before is not None else None)
        self.show_errors(errors)
        if errors:
            first = next((name for name in self.fields if name in errors), None)
            if first is not None:
                self.fields[first].editor.setFocus()
            return None
        return connection_settings(draft, self._before)

    def show_errors(self, errors: dict[str, str]) -> None:
        for name, field in self.fields.items():
            field.set_error(errors.get(name, ""))

    def show_result(self, state: str, title: str, detail: str = "", more: str = "") -> None:
        lines = tuple((text, "secondary") for text in (detail, more) if text)
        self.result.set_rows([Row("result", title, state, lines)])

    def _on_adapter(self) -> None:
        adapter = self.fields["adapter"].text
        for field in self.options.values():
            self._grid.removeWidget(field)
            field.hide()
            field.deleteLater()
        self.options = {}
        for i, (name, words) in enumerate(OPTIONS.get(adapter, ())):
            field = FormField(words, QLineEdit())
            self.options[name] = field
            self._grid.addWidget(field, 4 + i // 2, i % 2)
        url = self.fields["url"].editor
        if isinstance(url, QLineEdit) and adapter in ADAPTERS:
            url.setPlaceholderText(ADAPTERS[adapter][2])
        authority = self.fields["ca_file"].editor
        if isinstance(authority, QLineEdit):
            authority.setPlaceholderText(UNCHECKED.get(adapter, SYSTEMS))
        self.edited.emit()

    def _on_auth(self) -> None:
        auth = self.fields["auth"].text
        self.fields["username"].setVisible(auth == "basic")
        self.fields["secret"].setVisible(auth != "none")
        self.edited.emit()

"""The form of one service: where its model is registered, served, routed, measured and logged."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.gui.viewmodels.connection_forms import SERVICE_KINDS, service_errors, tidy_service
from mlcontrol.gui.widgets.form_field import FormField
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.scrolled import scrolled

ONE_OF = (
    ("registry", ConnectionKind.REGISTRY),
    ("routing", ConnectionKind.ROUTING),
    ("predictions", ConnectionKind.PREDICTIONS),
    ("lineage", ConnectionKind.LINEAGE),
)
SEVERAL = (("serving", ConnectionKind.SERVING), ("metrics", ConnectionKind.METRICS))
WORDS = {
    "id": "Name",
    "title": "Title",
    "team": "Team",
    "kind": "Kind",
    "environment": "Environment",
    "registry": "Registry",
    "model": "Model in the registry",
    "alias": "Alias that says what should run",
    "serving": "Endpoints, comma between",
    "serving_model": "Model name at the endpoint",
    "routing": "Router",
    "route": "Route",
    "metrics": "Metrics sources, comma between",
    "predictions": "Prediction log",
    "lineage": "Store of lineage",
    "golden": "Golden set file",
    "prediction": "Output that is the answer",
    "probability": "Output with the scores",
}


class ServiceForm(QWidget):
    """Fields that name a connection offer those of the right kind."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = ServiceSettings("")
        self._editing = False
        self._workspace: WorkspaceSettings | None = None
        self.fields: dict[str, FormField] = {}
        self.protected = QCheckBox("Protected: changes are held for a second and can be called off")
        self._heading = PlainLabel("", "sentence")
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        choices = {name for name, _kind in ONE_OF} | {"kind"}
        for i, (name, words) in enumerate(WORDS.items()):
            field = FormField(words, QComboBox() if name in choices else QLineEdit())
            self.fields[name] = field
            grid.addWidget(field, i // 2, i % 2)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self._heading)
        column.addLayout(grid)
        column.addWidget(self.protected)
        column.addStretch(1)
        scroll = scrolled(inner, sideways=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self.setFocusProxy(self.fields["id"].editor)

    def open_for(self, workspace: WorkspaceSettings, before: ServiceSettings | None) -> None:
        self._workspace, self._editing = workspace, before is not None
        self._before = before if before is not None else ServiceSettings("")
        self._heading.setText(f"Edit {before.id}" if before is not None else "Add a service")
        self._offer("kind", ("", *SERVICE_KINDS))
        for name, kind in ONE_OF:
            self._offer(name, ("", *(c.id for c in workspace.connections.values() if c.kind is kind)))
        for name, kind in SEVERAL:
            known = ", ".join(c.id for c in workspace.connections.values() if c.kind is kind)
            editor = self.fields[name].editor
            if isinstance(editor, QLineEdit):
                editor.setPlaceholderText(known or "no such connection yet")
        for name, field in self.fields.items():
            value = getattr(self._before, name)
            field.set_text(", ".join(value) if isinstance(value, tuple) else str(value))
            field.set_error("")
        self.protected.setChecked(self._before.protected)

    @property
    def replaces(self) -> str | None:
        return self._before.id if self._editing else None

    def settings(self) -> ServiceSettings | None:
        """The settings, or `None` with the errors shown beside their fields."""
        if self._workspace is None:
            return None
        texts = {name: field.text.strip() for name, field in self.fields.items() if name not in dict(SEVERAL)}
        lists = {name: _names(self.fields[name].text) for name, _kind in SEVERAL}
        draft = replace(self._before, **texts, **lists, protected=self.protected.isChecked())  # type: ignore[arg-type]
        errors = service_errors(draft, self._workspace, self.replaces)
        for name, field in self.fields.items():
            field.set_error(errors.get(name, ""))
        if errors:
            first = next(name for name in self.fields if name in errors)
            self.fields[first].editor.setFocus()
            return None
        return tidy_service(draft)

    def _offer(self, name: str, values: tuple[str, ...]) -> None:
        editor = self.fields[name].editor
        if isinstance(editor, QComboBox):
            editor.clear()
            for value in values:
                editor.addItem(value or "none", value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())

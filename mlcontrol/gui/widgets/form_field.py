"""One field of a form: its name, the editor, and the error in words right under it."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.label import PlainLabel


class FormField(QWidget):
    """The editor gets the field's name as its accessible name; an error is read with it."""

    def __init__(self, name: str, editor: QLineEdit | QComboBox, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = editor
        self._name = name
        editor.setAccessibleName(name)
        editor.setMinimumHeight(theme.px(28))
        if isinstance(editor, QLineEdit):
            editor.setPlaceholderText(hint)
        else:
            editor.view().setAccessibleName(name)
        self._error = PlainLabel("", "small", "critical", wrap=True)
        self._error.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(PlainLabel(name, "small", "quiet"))
        layout.addWidget(editor)
        layout.addWidget(self._error)

    @property
    def text(self) -> str:
        if isinstance(self.editor, QComboBox):
            data = self.editor.currentData()
            return str(data) if data is not None else self.editor.currentText()
        return self.editor.text()

    def set_text(self, text: str) -> None:
        if isinstance(self.editor, QComboBox):
            found = self.editor.findData(text)
            if found < 0:
                found = self.editor.findText(text)
            if found >= 0:
                self.editor.setCurrentIndex(found)
            return
        self.editor.setText(text)

    @property
    def error(self) -> str:
        return self._error.text()

    def set_error(self, error: str) -> None:
        self._error.setText(error)
        self._error.setVisible(bool(error))
        self.editor.setAccessibleDescription(error)

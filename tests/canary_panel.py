"""All that a panel says, shows and copies, for tests that search it."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QBuffer, QIODevice
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QWidget

_SAYS = ("text", "toPlainText", "placeholderText", "currentText", "title", "displayText")


def words_of(widget: QWidget, *, but: tuple[QWidget, ...] = ()) -> str:
    """Everything that a widget and those in it say, to eyes, screen readers and whoever looks into their attributes. ``but``: whose
    own text is left out."""
    said: list[str] = []
    for one in (widget, *widget.findChildren(QWidget)):
        said += [one.windowTitle(), one.toolTip(), one.statusTip(), one.whatsThis()]
        said += [one.accessibleName(), one.accessibleDescription(), repr(vars(one))]
        names = _SAYS if one not in but else ("placeholderText", "displayText")
        said += [str(getattr(one, name)()) for name in names if callable(getattr(one, name, None))]
        model = one.model() if isinstance(one, QAbstractItemView) else None
        if model is not None:
            columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount()
            cells = [model.index(row, column) for row in range(model.rowCount()) for column in range(columns)]
            said += [str(cell.data(role)) for cell in cells for role in range(16)]
        heard = QAccessible.queryAccessibleInterface(one)
        if heard is not None and heard.isValid():
            said += [heard.text(kind) for kind in QAccessible.Text if kind is not QAccessible.Text.UserText]
    return "\n".join(said)


def copied() -> bytes:
    """All that is on the clipboard and in the selection, in every form it is offered in."""
    board = QGuiApplication.clipboard()
    modes = [board.Mode.Clipboard, *([board.Mode.Selection] if board.supportsSelection() else [])]
    offers = [(board.mimeData(mode), form) for mode in modes for form in board.mimeData(mode).formats()]
    return b"\n".join(bytes(offer.data(form).data()) + form.encode() for offer, form in offers)


def picture(window: QWidget) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())

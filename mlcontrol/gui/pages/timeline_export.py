"""The shown events as a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.types import TimelineEvent
from mlcontrol.gui.viewmodels.timeline_lanes import to_csv, to_json


def ask_for_file(parent: QWidget, chosen: Callable[[Path], None]) -> None:
    dialog = QFileDialog(parent, "Export the shown events")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(["JSON (*.json)", "CSV (*.csv)"])
    dialog.setDefaultSuffix("json")
    dialog.selectFile("timeline.json")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: chosen(Path(path)))
    dialog.open()


def write_events(events: Sequence[TimelineEvent], path: Path) -> Problem | None:
    """CSV by the file's ending, else JSON. Returns why it could not be written."""
    text = to_csv(events) if path.suffix.casefold() == ".csv" else to_json(events)
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        return Problem(f"{path.name} could not be written.", str(error), "Choose another folder.")
    return None

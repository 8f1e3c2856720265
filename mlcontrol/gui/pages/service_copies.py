"""What is shown, in the clipboard: as a picture, a table, words for a chat, a link. Each returns what to tell the person."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from mlcontrol.gui.actions import Action
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.viewmodels.chart_export import to_csv, to_words
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.ports.deep_link import DeepLink

COPY_PICTURE = Action(
    "service.copy-picture", "Copy the charts as a picture", "Ctrl+Shift+C", "To the clipboard", "service"
)
COPY_TABLE = Action(
    "service.copy-table", "Copy the charts as a table", "Ctrl+Shift+X", "CSV of the shown span", "service"
)
COPY_WORDS = Action(
    "service.copy-words", "Copy what the charts say", "Ctrl+Shift+L", "Words and a command for a chat", "service"
)
COPY_LINK = Action(
    "service.copy-link",
    "Copy a link to these charts",
    "Ctrl+Shift+K",
    "Opens the panel at this service and span",
    "service",
)


def copy_picture(shown: QWidget) -> str:
    QGuiApplication.clipboard().setPixmap(shown.grab())
    return "The charts are in the clipboard as a picture"


def copy_table(rows: Sequence[ChartRow], span: Span) -> str:
    QGuiApplication.clipboard().setText(to_csv(rows, span.since_s, span.until_s))
    return "The shown span is in the clipboard as CSV"


def copy_words(rows: Sequence[ChartRow], span: Span, title: str, service: str) -> str:
    words = to_words(title, service, rows, span.since_s, span.until_s)
    QGuiApplication.clipboard().setText(f"{words}{link_to(span, service)}\n")
    return "What the charts say is in the clipboard"


def copy_link(span: Span, service: str) -> str:
    """The span as it is now: a link that followed the time would show a colleague something else."""
    QGuiApplication.clipboard().setText(link_to(span, service))
    return "A link to these charts is in the clipboard"


def link_to(span: Span, service: str) -> str:
    return DeepLink("service", service, span=(span.since_s, span.until_s)).text

"""One whole row of a chart stack: its words at the left, its plot beside them."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.row_words import paint_words
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.viewmodels.chart_rows import ChartRow


def paint_row(
    painter: QPainter, row: ChartRow, span: Span, label: QRect, plot: QRect, picture: RowPicture | None = None
) -> None:
    """``picture``: kept by who paints the same row again."""
    picture = picture or RowPicture()
    picture.paint(painter, row, span, plot)
    ends = ("", "") if picture.empty else (row.text(picture.scale.high), row.text(picture.scale.low))
    paint_words(painter, row, label, *ends)

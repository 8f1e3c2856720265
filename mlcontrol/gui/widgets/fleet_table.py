"""The fleet as a table: columns that fit the width, sections that span it, rows that hold still under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from mlcontrol.gui.models.columns import Column, ColumnTable
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.fleet_rows import FleetRow
from mlcontrol.gui.viewmodels.phrases import rate_text, version_text
from mlcontrol.gui.widgets.fleet_cells import ACCURACY, CHANGE, PRESENCE, TEAM, Place, paint_row

# Width at scale 1 and how much of the spare width the column takes.
_WIDTHS = (
    (148, 3), (80, 1), (136, 4), (136, 4), (136, 4), (58, 0), (58, 0), (58, 0), (56, 0), (64, 0), (150, 2), (92, 0),
)  # fmt: skip


def _signal(which: int, row: FleetRow) -> str:
    return "" if row.cells is None else f"{row.cells[which].text}"


def _version(which: int, row: FleetRow) -> str:
    return "" if row.versions is None else version_text(row.versions[which].version)


def _version_tip(which: int, row: FleetRow) -> str:
    return "" if row.versions is None else row.versions[which].detail


def _signal_tip(which: int, row: FleetRow) -> str:
    return "" if row.cells is None else f"{row.cells[which].state}: {row.cells[which].detail or row.cells[which].text}"


COLUMNS = (
    Column("Service", lambda r: r.section or r.title, tip=lambda r: r.id),
    Column("Team", lambda r: r.team),
    Column("Presence", lambda r: _signal(0, r), tip=lambda r: _signal_tip(0, r)),
    Column("Use", lambda r: _signal(1, r), tip=lambda r: _signal_tip(1, r)),
    Column("Accuracy", lambda r: _signal(2, r), tip=lambda r: _signal_tip(2, r)),
    Column("Intended", lambda r: _version(0, r), tip=lambda r: _version_tip(0, r)),
    Column("Served", lambda r: _version(1, r), tip=lambda r: _version_tip(1, r)),
    Column("Used", lambda r: _version(2, r), tip=lambda r: _version_tip(2, r)),
    Column("Age", lambda r: r.age, right=True),
    Column("Traffic", lambda r: rate_text(r.traffic_per_s), right=True),
    Column("Last change", lambda r: r.last_change),
    Column("Way back", lambda r: r.way_back),
)


class FleetTable(QTableView):
    """*Signals:* ``chosen(service id or "")``; ``opened(service id)``; ``section_clicked(row id)``; ``left()``: nothing holds the
    rows any more."""

    chosen = Signal(str)
    opened = Signal(str)
    section_clicked = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ColumnTable(COLUMNS, lambda row: row.id, self)
        self.setModel(self.table)
        self.setProperty("surface", "window")
        self.setProperty("inset", True)
        self.setAccessibleName("Services, worst first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(theme.px(32))
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setHighlightSections(False)
        head.setFixedHeight(theme.px(28))
        head.setMinimumSectionSize(0)
        self.table.layoutChanged.connect(self._on_layout)
        self.selectionModel().selectionChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda _index: self._open())
        self.clicked.connect(self._on_clicked)
        self._spans: set[int] = set()

    def current(self) -> FleetRow | None:
        chosen = self.selectionModel().selectedRows()
        if not chosen or chosen[0].row() >= self.table.rowCount():
            return None
        row: FleetRow = self.table.row(chosen[0].row())
        return None if row.section else row

    @property
    def held(self) -> bool:
        """A row is selected, or the pointer is over the table: rows must not jump."""
        return self.current() is not None or self.viewport().underMouse()

    def choose(self, service_id: str) -> None:
        position = self.table.position(service_id)
        if position is not None:
            self.selectRow(position)

    def unchoose(self) -> None:
        self.setCurrentIndex(QModelIndex())
        self.clearSelection()

    def _open(self) -> None:
        row = self.current()
        if row is not None:
            self.opened.emit(row.id)

    def _on_current(self) -> None:
        row = self.current()
        self.chosen.emit(row.id if row is not None else "")

    def _on_clicked(self, index: QModelIndex) -> None:
        row: FleetRow = self.table.row(index.row())
        if row.section:
            self.section_clicked.emit(row.id)

    def _on_layout(self) -> None:
        wanted = {i for i in range(self.table.rowCount()) if self.table.row(i).section}
        if wanted != self._spans:
            self.clearSpans()
            for position in wanted:
                self.setSpan(position, 0, 1, len(COLUMNS))
            self._spans = wanted

    def paintEvent(self, event: QPaintEvent) -> None:
        dirty = event.rect()
        first, last = self.rowAt(dirty.top()), self.rowAt(dirty.bottom())
        if first < 0:
            return  # below the last row
        last = self.table.rowCount() - 1 if last < 0 else last
        places = [
            Place(column, self.columnViewportPosition(column), self.columnWidth(column))
            for column in range(len(COLUMNS))
            if not self.isColumnHidden(column)
        ]
        chosen = {index.row() for index in self.selectionModel().selectedRows()}
        painter, height = QPainter(self.viewport()), self.rowHeight(first)
        top = self.rowViewportPosition(first)
        for position in range(first, last + 1):
            paint_row(painter, self.table.row(position), top, height, places, chosen=position in chosen)
            top += height
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
            return
        if event.key() == Qt.Key.Key_Escape and self.current() is not None:
            self.unchoose()
            self.left.emit()
            return
        super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self.current() is None:
            self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        spare = self.viewport().width() - sum(theme.px(w) for w, _ in _WIDTHS)
        self.setColumnHidden(TEAM, spare < 0)
        if self.isColumnHidden(TEAM):
            spare += theme.px(_WIDTHS[TEAM][0])
        shares = sum(share for _, share in _WIDTHS)
        for column, (width, share) in enumerate(_WIDTHS):
            # Whatever is missing is taken where there is most: the three signals and the last change.
            extra = (
                spare * share / shares
                if spare > 0
                else (spare / 4 if column in (*range(PRESENCE, ACCURACY + 1), CHANGE) else 0)
            )
            self.setColumnWidth(column, max(theme.px(48), theme.px(width) + int(extra)))

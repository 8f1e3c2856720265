"""The alerts of the service that burns, the panel's and those of other systems, and what of them is silent for how long."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.state import FleetState
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.alert_rows import AlertRow, alert_rows
from mlcontrol.gui.viewmodels.phrases import clock_text, duration_text, visible_text
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.row_list import Row, RowList

MOST = 4


class AlertCard(Card):
    """Hidden while nothing fires for the service."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Alerts", "S silences them for 30 min or as long as you say, Shift S lifts it", parent)
        self.body.setContentsMargins(0, 4, 0, 0)
        self.head_row.setContentsMargins(12, 6, 12, 0)
        self.rows = RowList("Alerts of this service")
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.body.addWidget(self.rows)
        self.hide()

    def show_state(self, state: FleetState, service: str, now_s: float) -> None:
        found = [row for row in alert_rows(state, now_s) if row.alert.service == service and row.alert.open]
        rows = [_row(one, now_s) for one in found[:MOST]]
        if len(found) > MOST:
            rows.append(Row("more", f"{len(found) - MOST} more on the alerts page", quiet=True))
        self.rows.set_rows(rows)
        self.rows.setFixedHeight(min(theme.px(220), max(1, self.rows.content_height() + 2)))
        self.setVisible(bool(rows))


def _row(one: AlertRow, now_s: float) -> Row:
    alert, silence = one.alert, one.silence
    lines = [(visible_text(alert.text, 200), "secondary")] if alert.text else []
    if silence is not None:
        left = duration_text(max(0.0, silence.until_s - now_s))
        said = f"silent for {left} more, by {silence.by}: {silence.reason}"
        lines.append((visible_text(said, 200), "quiet"))
    source = f"{alert.source}  " if alert.source else ""
    state = "muted" if silence is not None else one.grave
    return Row(
        alert.id,
        visible_text(alert.rule, 120),
        state if state != "muted" else "",
        tuple(lines),
        right=visible_text(f"{source}{one.state}  {clock_text(alert.since_s)}", 80),
        quiet=silence is not None,
    )

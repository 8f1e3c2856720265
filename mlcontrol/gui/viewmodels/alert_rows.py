"""Alerts as rows: the worst and newest first, open before over, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Health
from mlcontrol.gui.glyphs import glyph_pixmap
from mlcontrol.gui.models.row_table import Index, RowTable
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import (
    coarse_text,
    count_text,
    duration_text,
    left_text,
    moment_text,
    visible_text,
)
from mlcontrol.gui.viewmodels.time_axis import dated_text

COLUMNS = ("Alert", "Service", "State", "Since", "For", "Source", "What it says")


@dataclass(frozen=True, slots=True)
class AlertRow:
    """``name``: of its service, as people call it. ``grave``: how loud it is drawn: "critical", "warning", "unknown", or ""
    for what is over or silent."""

    alert: Alert
    state: str
    grave: str
    silence: Silence | None
    name: str = ""


def alert_rows(state: FleetState | None, now_s: float) -> list[AlertRow]:
    """Open alerts by severity and age, newest of the resolved after them."""
    if state is None:
        return []
    rows = [
        replace(_row(alert, state.silences, now_s), name=name_of(state, alert.service))
        for alert in state.alerts.values()
        if alert.fired_s or alert.open
    ]

    def order(row: AlertRow) -> tuple[bool, bool, bool, bool, bool, float]:
        a = row.alert
        return (
            not a.open,
            a.state is AlertState.PENDING,
            row.silence is not None,
            a.severity is Health.OK,
            a.severity is not Health.CRITICAL,
            -a.since_s,
        )

    return sorted(rows, key=order)


def name_of(state: FleetState, service_id: str) -> str:
    """As the other pages call it; what is no service of the workspace by its id."""
    service = state.services.get(service_id)
    return (service.title if service is not None else "") or service_id


def _row(alert: Alert, silences: Sequence[Silence], now_s: float) -> AlertRow:
    silence = next((s for s in silences if s.covers(alert, now_s)), None)
    if not alert.open:
        return AlertRow(alert, "over", "", silence)
    if alert.unknown:
        return AlertRow(alert, "not known now", "unknown", silence)
    grave = {Health.CRITICAL: "critical", Health.OK: ""}.get(alert.severity, "warning")
    if alert.state is AlertState.PENDING:
        return AlertRow(alert, "pending", "", silence)
    if alert.acknowledged_by:
        return AlertRow(alert, f"taken by {alert.acknowledged_by}", grave, silence)
    return AlertRow(alert, "silenced" if silence else "firing", grave, silence)


def alert_facts(row: AlertRow | None, now_s: float) -> list[tuple[str, str]]:
    """What is known of one, as pairs of words."""
    if row is None:
        return [("alert", "none is chosen")]
    a = row.alert
    facts = [
        ("alert", a.rule),
        ("service", a.service if row.name in ("", a.service) else f"{row.name} ({a.service})"),
        ("state", "pending: it does not hold for long enough yet" if row.state == "pending" else row.state),
        ("says", a.text),
        ("since", moment_text(a.since_s)),
        ("for", duration_text(max(0.0, (a.resolved_s or now_s) - a.since_s))),
        ("by its source", moment_text(a.source_since_s) if a.source_since_s is not None else ""),
        ("over", moment_text(a.resolved_s) if a.resolved_s else ""),
        ("came back", f"{a.times - 1} times while it was one alert" if a.times > 1 else ""),
        ("value", f"{a.value:.6g}" if a.value is not None else ""),
        ("limit", f"{a.limit:.6g}" if a.limit is not None else ""),
        ("source", a.source),
        ("labels", ", ".join(f"{name}={value}" for name, value in a.labels if name != "alertname")),
    ]
    if row.silence is not None:
        facts.append(
            ("silent for", f"{duration_text(row.silence.until_s - now_s)}, by {row.silence.by}: {row.silence.reason}")
        )
        facts.append(("silent until", moment_text(row.silence.until_s)))
        if row.silence.source:
            facts.append(("silences", row.silence.rule))
    return [(name, visible_text(words, 600)) for name, words in facts if words]


def state_words(row: AlertRow, now_s: float) -> str:
    """The state as the table has it: of what is silent, for how much longer."""
    if row.silence is None:
        return row.state
    left = left_text(row.silence.until_s - now_s)
    return f"silent, {left} left" if row.state == "silenced" else f"{row.state}, silent {left}"


def summary(rows: Sequence[AlertRow], silences: int = 0) -> str:
    """One line for the head of the page. ``silences``: how many hold, also of what does not fire."""
    quiet = f", {count_text(silences, 'silence')} {'holds' if silences == 1 else 'hold'}" if silences else ""
    firing = sum(row.alert.asks for row in rows)
    taken = sum(bool(row.alert.acknowledged_by) and row.alert.open for row in rows)
    waiting = sum(row.alert.state is AlertState.PENDING for row in rows)
    soon = f", {waiting} pending" if waiting else ""
    if not firing:
        return "nothing fires" + soon + quiet
    return f"{firing} firing" + (f", {taken} taken" if taken else "") + soon + quiet


class AlertTable(RowTable[AlertRow]):
    columns = COLUMNS

    def ident(self, row: AlertRow) -> object:
        return row.alert.id

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self.rows[index.row()], index.column()
        a = row.alert
        if role == Qt.ItemDataRole.DisplayRole:
            lasted = (a.resolved_s or self.now_s) - a.since_s
            cells = (
                a.rule,
                row.name or a.service,
                state_words(row, self.now_s),
                dated_text(a.since_s, self.now_s),
                coarse_text(max(lasted, 0.0)),
                a.source or "panel",
                a.text,
            )
            return visible_text(cells[column], 300)
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and row.grave:
            return glyph_pixmap(row.grave, 12, 2.0)
        if role == Qt.ItemDataRole.ForegroundRole:
            t = tokens()
            if not row.grave:
                return t.text.secondary
            if column in (0, 2):
                return t.state.of(row.grave)
        if role == Qt.ItemDataRole.FontRole and column in (3, 4):
            return theme.font("small", mono=True)
        return None


def unheard_words(state: FleetState | None) -> str:
    """Why it is not known whether anything should fire; empty where some source has been heard, or there is none to hear."""
    if state is None:
        return "The engine has not answered yet."
    signals = [signal for s in state.services.values() for signal in (s.presence, s.use, s.accuracy)]
    heard = not signals or any(signal.at is not None for signal in signals)
    return "" if heard else "No source of any service has answered yet. Connections says why."

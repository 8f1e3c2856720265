"""Silences as rows: what is silent, for how much longer, by whom and why; also where no alert is listed that they cover."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt

from mlcontrol.core.alerts.alert import Silence
from mlcontrol.core.state import FleetState
from mlcontrol.gui.models.row_table import Index, RowTable
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.alert_rows import name_of
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text, left_text, moment_text, visible_text

COLUMNS = ("What is silent", "Alerts now", "Left", "By", "Why")


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """``what``: it silences, in words; ``open``: so many open alerts are silent by it now."""

    silence: Silence
    what: str
    open: int


def silence_rows(state: FleetState | None, now_s: float) -> list[SilenceRow]:
    """The first to end first."""
    if state is None:
        return []
    held = sorted((s for s in state.silences if s.until_s > now_s), key=lambda s: (s.until_s, s.id))
    alerts = [alert for alert in state.alerts.values() if alert.open]
    return [SilenceRow(s, _what(s, state), sum(s.covers(alert, now_s) for alert in alerts)) for s in held]


def _what(silence: Silence, state: FleetState) -> str:
    if silence.source:
        return f"{silence.rule or 'everything'} at {silence.source}"
    whose = f"of {name_of(state, silence.service)}" if silence.service else "of every service"
    return f"{silence.rule or 'every alert'} {whose}"


def silence_facts(row: SilenceRow | None, now_s: float) -> list[tuple[str, str]]:
    if row is None:
        return [("silence", "none is chosen")]
    one = row.silence
    facts = [
        ("silences", row.what),
        ("service", one.service),
        ("alerts", _count(row)),
        ("why", one.reason),
        ("by", one.by),
        ("since", moment_text(one.created_s)),
        ("ends", moment_text(one.until_s)),
        ("left", duration_text(max(0.0, one.until_s - now_s))),
        ("source", one.source),
    ]
    return [(name, visible_text(words, 600)) for name, words in facts if words]


def _count(row: SilenceRow) -> str:
    return f"{count_text(row.open, 'open alert')} silent by it" if row.open else "none is open now"


class SilenceTable(RowTable[SilenceRow]):
    columns = COLUMNS

    def ident(self, row: SilenceRow) -> object:
        return row.silence.id

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self.rows[index.row()], index.column()
        one = row.silence
        if role == Qt.ItemDataRole.DisplayRole:
            cells = (row.what, str(row.open or "none"), left_text(one.until_s - self.now_s), one.by, one.reason)
            return visible_text(cells[column], 300)
        if role == Qt.ItemDataRole.ForegroundRole and column in (1, 3):
            return tokens().text.secondary
        if role == Qt.ItemDataRole.FontRole and column == 2:
            return theme.font("small", mono=True)
        return None

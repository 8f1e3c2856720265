"""The bar at the foot of every window: how old the data is, who answers, who is acting, and the time in UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.status_facts import (
    alerts_fact,
    audit_fact,
    connections_fact,
    engine_fact,
    oldest_fact,
    poll_interval_s,
)
from mlcontrol.gui.widgets.fact_label import FactLabel
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.ports.clock import ticking_s


class StatusBar(QFrame):
    """Reads the bridge once a second and whenever something changed. ``operator`` false: without what only an operator needs."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None, *, operator: bool = True) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._operator = operator
        self.setProperty("rule", "top")
        self.setFixedHeight(theme.px(28))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(20)
        self._oldest, self._connections, self._engine, self._audit = FactLabel(), FactLabel(), FactLabel(), FactLabel()
        self._alerts = FactLabel()
        self._poll = PlainLabel("", "small", "quiet")
        self._user = PlainLabel("", "small", "quiet")
        self._clock = PlainLabel("", "small", mono=True)
        for widget in (self._alerts, self._oldest, self._connections, self._engine, self._poll):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self._user, self._audit, self._clock):
            row.addWidget(widget)
        if not operator:
            for widget in (self._alerts, self._oldest, self._connections, self._poll, self._audit):
                widget.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        bridge.engine_state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        now_s, bridge = time.time(), self._bridge
        state = bridge.state
        self._oldest.set(oldest_fact(state, ticking_s(), bridge.cached_s, now_s))
        self._connections.set(connections_fact(state))
        self._alerts.set(alerts_fact(state))
        self._engine.set(engine_fact(bridge.engine))
        self._audit.set(audit_fact(state, now_s))
        self._poll.setText(
            f"poll every {poll_interval_s(state):g} s" if state is not None and state.connections else ""
        )
        hello = bridge.hello
        acts = "" if hello is None else hello.user
        if hello is not None and (self._operator or hello.view_only):
            acts += f" · {hello.view_only or 'may act'}"
        self._user.setText(acts)
        self._clock.setText(datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))

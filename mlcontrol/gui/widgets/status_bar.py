"""The bar at the foot of every window: how old the data is, who answers, who is acting, and the time in UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.status_facts import (
    StatusFact,
    alerts_fact,
    audit_fact,
    connections_fact,
    engine_fact,
    oldest_fact,
    poll_interval_s,
)
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.ports.clock import ticking_s


class FactLabel(QWidget):
    """Glyph and quiet words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fact = StatusFact("", "")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set(self, fact: StatusFact) -> None:
        if fact != self._fact:
            self._fact = fact
            self.setToolTip(plain_tip(fact.detail or fact.text))
            self.setAccessibleName(f"{fact.text} ({fact.state})" if fact.state else fact.text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        glyph = theme.px(12) + 4 if self._fact.state else 0
        return QSize(QFontMetrics(theme.font("small")).horizontalAdvance(self._fact.text) + glyph + 2, theme.px(20))

    def minimumSizeHint(self) -> QSize:
        return QSize(20, theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        left = 0
        if self._fact.state:
            side = theme.px(12)
            paint_glyph(painter, QRect(0, (self.height() - side) // 2, side, side), self._fact.state)
            left = side + 4
        painter.setFont(theme.font("small"))
        loud = self._fact.state in ("critical", "warning", "unknown")
        painter.setPen(glyph_colour(self._fact.state) if loud else t.text.secondary)
        metrics = QFontMetrics(painter.font())
        shown = metrics.elidedText(self._fact.text, Qt.TextElideMode.ElideMiddle, self.width() - left)
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()


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

"""A line above every page for what concerns all of them, shown only while there is something to say."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from mlcontrol.core.clock_notice import ClockNotice
from mlcontrol.gui.theme import theme
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.viewmodels.status_facts import StatusFact
from mlcontrol.gui.widgets.fact_label import FactLabel
from mlcontrol.gui.widgets.label import PlainLabel


class NoticeBar(QFrame):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("rule", "bottom")
        self.setFixedHeight(theme.px(32))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        self.fact = FactLabel()
        self.detail = PlainLabel("", "small", "secondary", elide=True)
        row.addWidget(self.fact)
        row.addWidget(self.detail, 1)
        self.hide()

    def say(self, notice: ClockNotice | None) -> None:
        """`None`: nothing is to be said."""
        if notice is not None:
            title, detail = visible_text(notice.title, 300), visible_text(notice.detail, 800)
            self.fact.set(StatusFact("warning", title, f"{title}\n{detail}"))
            self.detail.setText(detail)
            self.detail.setToolTip(plain_tip(detail))
            self.setAccessibleName(f"{title}. {detail}")
        self.setVisible(notice is not None)

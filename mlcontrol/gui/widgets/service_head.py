"""The head of the service page: three badges, three versions, the way back at the right end."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from mlcontrol.core.types import ServiceState
from mlcontrol.gui.actions import PROMOTE, ROLL_BACK, Context
from mlcontrol.gui.theme import theme
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.fleet_rows import fleet_row
from mlcontrol.gui.viewmodels.phrases import version_text
from mlcontrol.gui.viewmodels.signal_cells import Now
from mlcontrol.gui.widgets.badge import Badge
from mlcontrol.gui.widgets.button import DANGER, KeyButton
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.version_tag import VersionTag

_NAMES = ("presence", "use", "accuracy")


class ServiceHead(QFrame):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("rule", "bottom")
        self.setFixedHeight(theme.px(48))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(8)
        self._badges = tuple(Badge("unknown", name) for name in _NAMES)
        for badge in self._badges:
            row.addWidget(badge)
        row.addSpacing(6)
        self._tags: list[VersionTag] = []
        for name in ("intended", "served", "used"):
            row.addWidget(PlainLabel(name, "small", "quiet"))
            tag = VersionTag()
            self._tags.append(tag)
            row.addWidget(tag)
        self._way = PlainLabel("", "small", "secondary", elide=True)
        row.addWidget(self._way, 1)
        self.promote = KeyButton("Promote", PROMOTE.cap)
        self.roll_back = KeyButton("Roll back", ROLL_BACK.cap, DANGER)
        row.addWidget(self.promote)
        row.addWidget(self.roll_back)

    def show_service(self, service: ServiceState, slots: dict[str, int], now: Now, context: Context) -> None:
        row = fleet_row(service, now)
        if row.cells is not None:
            # Worst first: the eye starts at the left.
            order = sorted(zip(_NAMES, row.cells, strict=True), key=lambda pair: _RANK[pair[1].state])
            for badge, (name, cell) in zip(self._badges, order, strict=True):
                badge.set(cell.state, cell.text if cell.text.startswith(name) else f"{name}: {cell.text}", cell.detail)
        if row.versions is not None:
            for tag, cell_v in zip(self._tags, row.versions, strict=True):
                tag.set(cell_v.version, slots.get(cell_v.version or ""), cell_v.detail)
        target = version_text(service.way_back.target) if service.way_back.target else ""
        way = service.way_back
        self._way.setText(f"way back {row.way_back}")
        how = "Its seconds were measured here. " if way.measured else ""
        self._way.setToolTip(plain_tip(f"{how}{way.why}"))
        self.roll_back.set_label(f"Roll back to {target}" if target else "Roll back")
        self.roll_back.set_reason(ROLL_BACK.rule(context))
        self.promote.set_reason(PROMOTE.rule(context))


_RANK = {"critical": 0, "unknown": 1, "warning": 2, "stale": 3, "ok": 4}

"""What the parts of the rollouts page know of the page they belong to."""

from __future__ import annotations

from typing import Any, Protocol

from mlcontrol.core.operation import Operation
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.actions import Context
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Shell
from mlcontrol.gui.pages.rollouts_board import RolloutsBoard
from mlcontrol.gui.pages.rollouts_checks import RolloutsChecks
from mlcontrol.gui.pages.rollouts_controls import RolloutsControls
from mlcontrol.gui.pages.rollouts_plan import RolloutsPlan


class Journey(Protocol):
    """One service and one version on their way through the steps."""

    bridge: Bridge | None
    shell: Shell | None
    service_id: str | None
    version: str | None
    controls: RolloutsControls
    checks: RolloutsChecks
    plan: RolloutsPlan
    board: RolloutsBoard
    heading_changed: Any  # Qt's signal, bound to the page

    def context(self) -> Context: ...
    def service(self) -> ServiceState | None: ...
    def operation(self) -> Operation | None: ...
    def used(self) -> str | None: ...
    def actor(self) -> str: ...
    def show_step(self, step: int) -> None: ...
    def restate(self) -> None: ...
    def open_operation(self, operation_id: str) -> None: ...

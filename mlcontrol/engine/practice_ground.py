"""The sandbox as the ground on which exercises are played; nowhere else may a fault be made on purpose."""

from __future__ import annotations

from pathlib import Path

from mlcontrol.sandbox import fleet
from mlcontrol.sandbox.faults import ALL
from mlcontrol.sandbox.layout import Layout


class SandboxGround:
    """``workspace``: of this engine. Only one that is a running sandbox's own can be played on. *Thread:* any."""

    def __init__(self, workspace: Path) -> None:
        workspace = workspace.resolve()
        home = workspace.parent.parent
        self._home = home if Layout.of(home).workspace == workspace else None

    def why_not(self) -> str:
        if self._home is None:
            return "This workspace is no sandbox: faults are never made in a real one."
        status = fleet.status(self._home)
        return "" if status.state == "running" else f"The sandbox does not run: {status.message}"

    def faults(self) -> tuple[tuple[str, str], ...]:
        return tuple((fault.name, fault.description) for fault in ALL)

    def play(self, fault: str) -> None:
        fleet.play_fault(self._home, fault)

    def clear(self) -> None:
        fleet.clear_faults(self._home)

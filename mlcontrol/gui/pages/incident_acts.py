"""What the keys of the incident page do: each becomes one command to the engine, and the answer comes back as the next brief."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from mlcontrol.core.alerts.silence_length import leading
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.incident_bisect import NO_BISECT, BisectCard
from mlcontrol.gui.pages.incident_export import exported
from mlcontrol.gui.pages.incident_facts import IncidentFacts
from mlcontrol.gui.pages.incident_log import IncidentLog
from mlcontrol.gui.pages.incident_way_back import CONFIRM, IDLE, PLANNING, REASON, WayBackCard
from mlcontrol.gui.pages.page import Shell
from mlcontrol.gui.viewmodels.incident_words import close_refusal

SILENT_S = 1800.0


class IncidentActs:
    """``home``: gets the keyboard back when something was written. *Thread:* the GUI's."""

    def __init__(
        self, home: QWidget, facts: IncidentFacts, log: IncidentLog, way_back: WayBackCard, bisect: BisectCard
    ) -> None:
        self._home = home
        self._facts = facts
        self._log = log
        self._way_back = way_back
        self._bisect = bisect
        self._hash = ""
        self.shell: Shell | None = None

    def declare(self, then: Callable[[], None] | None = None) -> None:
        facts, bridge, service = self._facts, self._facts.bridge, self._facts.service_id
        if bridge is None or service is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.IncidentAnswer):
                if facts.service_id != service:  # another was chosen: what was to follow is not for that one
                    return
                facts.incident_id = event.incident.id
                facts.find()
                facts.ask()
                if then is not None:
                    then()
            else:
                self._way_back.show_problem(event.problem)
                self._problem(event.problem)

        command = m.DeclareIncident(request=bridge.request_id(), service=service, actor=facts.me, alert=facts.alert)
        bridge.ask(command, on_answer)

    def write(self, kind: EntryKind, text: str, data: dict[str, str] | None = None) -> None:
        """Declares the incident first if nobody has: what is written is never lost."""
        facts = self._facts
        if not facts.incident_id:
            self.declare(partial(self.write, kind, text, data))
            return
        if kind is EntryKind.SILENCED:
            for_s, reason = leading(text, SILENT_S, time.time())
            self._send(m.SilenceIncident, incident=facts.incident_id, for_s=for_s, reason=reason, actor=facts.me)
            return
        more = dict(data or {})
        if kind is EntryKind.HANDED_OVER:
            more["to"], _, text = text.partition(" ")
        if kind is EntryKind.ROLE:
            more["role"], _, more["person"] = text.partition(" ")
        self._send(m.WriteIncident, incident=facts.incident_id, kind=kind, actor=facts.me, text=text, data=more)

    def roll_back(self) -> None:
        """Declares the incident if nobody has, then plans the express way back."""
        facts = self._facts
        if facts.bridge is None or facts.service_id is None or self._way_back.stage in (REASON, CONFIRM):
            return
        if facts.brief is not None and not facts.brief.incident.open:
            return
        self._bisect.settle()
        self._way_back.show_planning()
        if not facts.incident_id:
            self.declare(self._plan)
        else:
            self._plan()

    def _plan(self) -> None:
        bridge, service = self._facts.bridge, self._facts.service_id
        assert bridge is not None
        assert service is not None

        def on_answer(event: Any) -> None:
            if self._way_back.stage != PLANNING:
                return  # left with Esc meanwhile
            if isinstance(event, m.PlanAnswer):
                self._hash = event.plan_hash
                self._way_back.show_plan(event.plan, self._guarded())
            elif isinstance(event, m.Refused):
                self._way_back.show_problem(event.problem)

        command = m.MakePlan(request=bridge.request_id(), kind=OperationKind.ROLLBACK, service=service, express=True)
        bridge.ask(command, on_answer)

    def execute(self, reason: str) -> None:
        plan = self._way_back.plan
        if plan is None:
            return

        def refused(problem: Problem) -> None:
            self._way_back.set_stage(IDLE)
            self._way_back.show_problem(problem)

        self._execute(plan, self._hash, reason, refused)

    def _execute(self, plan: Plan, plan_hash: str, reason: str, refused: Callable[[Problem], None]) -> None:
        bridge = self._facts.bridge
        if bridge is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused):
                refused(event.problem)
            self._facts.ask()

        bridge.ask(
            m.Execute(
                request=bridge.request_id(),
                operation=f"op-{uuid.uuid4().hex[:12]}",
                plan_hash=plan_hash,
                reason=reason,
                actor=self._facts.me,
                accept_unknown=bool(plan.unknown),
            ),
            on_answer,
        )
        self._home.setFocus()

    def bisect(self) -> None:
        """Declares the incident if nobody has, then plans a bisect of its two closest suspects."""
        facts = self._facts
        offered = facts.brief.bisect if facts.brief is not None else None
        if facts.bridge is None or self._bisect.stage == CONFIRM or self._way_back.stage in (REASON, CONFIRM):
            return
        if offered is None:
            self._toast(f"Nothing to bisect: {NO_BISECT}", "warning")
            return
        self._bisect.show_planning()
        if not facts.incident_id:
            self.declare(self._plan_bisect)
        else:
            self._plan_bisect()

    def _plan_bisect(self) -> None:
        bridge = self._facts.bridge
        assert bridge is not None

        def on_answer(event: Any) -> None:
            if self._bisect.stage != PLANNING:
                return  # left with Esc meanwhile
            if isinstance(event, m.PlanAnswer):
                self._bisect.show_plan(event.plan, event.plan_hash, self._guarded())
            elif isinstance(event, m.Refused):
                self._bisect.show_problem(event.problem)

        bridge.ask(m.PlanBisect(request=bridge.request_id(), incident=self._facts.incident_id), on_answer)

    def run_bisect(self) -> None:
        plan, bridge = self._bisect.plan, self._facts.bridge
        if bridge is None or plan is None:
            return
        offered = self._facts.brief.bisect if self._facts.brief is not None else None
        other = offered.other if offered is not None and offered.other else "another cause"
        reason = f"v{plan.from_version} or {other}"
        self._execute(plan, self._bisect.plan_hash, reason, self._bisect.show_problem)
        self._bisect.settle()

    def cancel_bisect(self) -> None:
        if self._bisect.operation:
            self._send(m.Abort, operation=self._bisect.operation, actor=self._facts.me, reason="cancelled by hand")

    def lift(self) -> None:
        if self._facts.incident_id:
            self._send(m.LiftSilences, incident=self._facts.incident_id, actor=self._facts.me)

    def close(self) -> None:
        brief = self._facts.brief
        reason = close_refusal(brief) if brief is not None else "nothing is open"
        if reason or brief is None:
            self._toast(f"Not resolved: {reason}", "warning")
            return
        self._log.ask(EntryKind.RESOLVED, brief.story.what)

    def prevent(self) -> None:
        """Add the next of what would have caught it."""
        brief = self._facts.brief
        todo = next((p for p in brief.prevention if not p.added), None) if brief is not None else None
        if todo is None:
            self._toast("Nothing more is proposed", "ok")
            return
        self._send(m.AddPrevention, incident=self._facts.incident_id, prevention=todo.id, actor=self._facts.me)

    def copy(self, what: str, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._toast(f"The {what} is on the clipboard" if text else "There is nothing to copy", "done")

    def postmortem(self) -> None:
        bridge = self._facts.bridge
        if bridge is None or not self._facts.incident_id:
            return

        def on_answer(event: Any) -> None:
            if self.shell is None:
                return
            if isinstance(event, m.PostmortemAnswer):
                exported(self._home, Path(bridge.workspace).parent / "postmortems", event, self.shell)
            else:
                self.shell.problem(event.problem)

        bridge.ask(m.MakePostmortem(request=bridge.request_id(), incident=self._facts.incident_id), on_answer)

    def walk(self, steps: int) -> None:
        """Through all incidents, newest first; also the resolved ones."""
        found = self._facts.found
        if not found or self.shell is None:
            return
        ids = [one.id for one in found]
        at = ids.index(self._facts.incident_id) + steps if self._facts.incident_id in ids else 0
        chosen = found[at % len(ids)]
        self.shell.open_page("incident", service=chosen.service, incident=chosen.id)

    def _guarded(self) -> bool:
        state = self._facts.bridge.state if self._facts.bridge is not None else None
        service = state.services.get(self._facts.service_id or "") if state is not None else None
        return service is not None and (service.protected or service.environment.casefold() in ("production", "prod"))

    def _send(self, command: Any, **words: Any) -> None:
        bridge = self._facts.bridge
        if bridge is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused):
                self._problem(event.problem)
            self._facts.ask()

        bridge.ask(command(request=bridge.request_id(), **words), on_answer)
        self._home.setFocus()

    def _toast(self, text: str, state: str) -> None:
        if self.shell is not None:
            self.shell.toast(text, state)

    def _problem(self, problem: Problem) -> None:
        if self.shell is not None:
            self.shell.problem(problem)

"""Asks the checker about a version, on paper or on the real server, and copies what it said."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QGuiApplication

from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.rollouts_controls import CHECKS
from mlcontrol.gui.pages.rollouts_journey import Journey
from mlcontrol.gui.viewmodels.check_sheet import json_text, markdown


class Checking:
    """Answers to older questions are dropped."""

    def __init__(self, page: Journey) -> None:
        self._page = page
        self._asked = ""
        self.probing = ""

    def forget(self) -> None:
        """The page has gone on: a late answer is not shown any more."""
        self._asked = ""

    def check(self, probe: bool = False) -> None:
        page = self._page
        if page.bridge is None or page.service_id is None or page.version is None:
            return
        version = page.version
        request = page.bridge.request_id()
        if probe:
            self.probing = request
            page.checks.show_probe("running", "Loading it beside the current version", "no traffic moves")
        else:
            self._asked = request
            self.probing = ""
            page.checks.show_waiting(version, page.used())
        page.show_step(CHECKS)
        page.checks.findings.setFocus()

        def on_answer(event: Any) -> None:
            if request not in (self._asked, self.probing):
                return
            if request == self.probing:
                self.probing = ""
            if isinstance(event, m.CheckAnswer):
                page.checks.show_report(event.report, version, page.used())
                if probe:
                    page.checks.show_probe("done", "Probed on the real server", "its findings carry the mark PROBED")
                    self._ask_golden(version)
            elif isinstance(event, m.Refused) and probe:
                why = " ".join(part for part in (event.problem.why, event.problem.next) if part)
                page.checks.show_probe("critical", event.problem.what, why)
            elif isinstance(event, m.Refused):
                page.checks.show_problem(event.problem, version)
            page.restate()

        def on_progress(event: Any) -> None:
            if request == self.probing:
                share = f" · {event.fraction:.0%}" if event.fraction is not None else ""
                page.checks.show_probe("running", "Probing on the real server", event.text + share)

        command = m.CheckVersion(
            request=request, service=page.service_id, version=version, probe=probe, actor=page.actor()
        )
        page.bridge.ask(command, on_answer, on_progress)
        self._ask_golden(version)

    def _ask_golden(self, version: str) -> None:
        """What the generations scored, beside the findings; a service without a golden set says so."""
        page = self._page
        if page.bridge is None or page.service_id is None:
            return

        def on_look(event: Any) -> None:
            if page.version != version:
                return
            if isinstance(event, m.GoldenSetAnswer):
                page.checks.golden.show_look(event.look, version)
            elif isinstance(event, m.Refused):
                page.checks.golden.show_nothing(f"{event.problem.what} {event.problem.next}".strip())

        page.bridge.ask(m.QueryGolden(request=page.bridge.request_id(), service=page.service_id), on_look)

    def copy(self) -> None:
        page, report = self._page, self._page.checks.report
        if report is not None and page.version is not None:
            self._put(
                markdown(report, page.service_id or "", page.version, page.used()), "The checks are on the clipboard"
            )

    def copy_json(self) -> None:
        report = self._page.checks.report
        if report is not None:
            self._put(json_text(report), "The checks are on the clipboard as JSON")

    def _put(self, text: str, told: str) -> None:
        QGuiApplication.clipboard().setText(text)
        if self._page.shell is not None:
            self._page.shell.toast(told, "done")

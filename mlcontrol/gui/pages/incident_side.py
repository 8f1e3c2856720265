"""What changed before it, with the odds, and what differs between the versions; the commands by hand; files of the postmortem."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, QProcessEnvironment, Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.incidents.brief import Brief, SuspectLine
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import ServiceState
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.page import Shell
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.generations import version_difference
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.difference_list import DifferenceList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.suspect_rows import SuspectRows

MOST_DIFFERENCES = 7


class SuspectCard(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What changed before", "odds that it is the cause", parent)
        self.body.setContentsMargins(0, 10, 0, 0)
        head = self.head_row
        head.setContentsMargins(12, 0, 12, 0)
        self.rows = SuspectRows()
        self._verdict = PlainLabel("", "small", "secondary", wrap=True)
        self._verdict.setContentsMargins(12, 0, 12, 8)
        self._facts = PlainLabel("", "small", "secondary", wrap=True)
        self._facts.setContentsMargins(12, 0, 12, 4)
        self._difference = DifferenceList()
        self._difference.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._difference.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.body.addWidget(self.rows)
        self.body.addWidget(self._verdict)
        self.body.addWidget(self._facts)
        self.body.addWidget(self._difference)
        self._facts.hide()
        self._difference.hide()
        self._commands = PlainLabel("", "small", "primary", mono=True, wrap=True)
        self._commands.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def commands_into(self, card: Card) -> None:
        card.body.addWidget(self._commands)
        card.body.addWidget(PlainLabel("W copies them all", "small", "quiet"))
        card.hide()

    def show_brief(self, brief: Brief) -> None:
        self.rows.put(brief.suspects)
        words = brief.verdict if brief.suspects and not brief.separable else ""
        self._verdict.setText(visible_text(words, 300))
        self._verdict.setVisible(bool(words))
        self._commands.setText("\n".join(visible_text(f"# {one.title}\n{one.shell}", 1200) for one in brief.by_hand))

    def show_card(self, line: SuspectLine, service: ServiceState | None) -> None:
        """What differs between the versions before and after the change, and what is known of the new one."""
        versions = {v.version: v for v in service.versions} if service is not None else {}
        old, new = versions.get(line.version_from or ""), versions.get(line.version_to or "")
        facts = []
        if new is not None and new.quarantined:
            facts.append(f"{version_text(new.version)} is in quarantine: {new.quarantined}")
        if service is not None and line.version_to and service.golden.at is not None:
            facts.append(f"golden set: {service.golden.detail or service.golden.text}")
        if line.event and (old is None or new is None):
            facts.append("No two versions belong to this change, so there is nothing to compare.")
        self._facts.setText(visible_text(". ".join(f.rstrip(".") for f in facts), 400))
        self._facts.setVisible(bool(facts))
        rows = version_difference(old, new)[:MOST_DIFFERENCES] if old is not None and new is not None else ()
        if rows and old is not None and new is not None:
            self._difference.put(version_text(old.version), version_text(new.version), rows)
            self._difference.setFixedHeight(theme.px(30) + theme.px(24) * len(rows))
        self._difference.setVisible(bool(rows))


def exported(parent: QWidget, folder: Path, made: m.PostmortemAnswer, shell: Shell) -> None:
    """Write the files; the PDF is made by a process of its own, since laying out pages takes its time."""
    place = folder / made.name
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{made.name}.md").write_text(made.markdown, "utf-8")
        (place / f"{made.name}.html").write_text(made.html, "utf-8")
        (place / "printable.html").write_text(made.printable, "utf-8")
        for name, svg in made.charts.items():
            (place / name).write_text(svg, "utf-8")
    except OSError as error:
        shell.problem(
            Problem("The postmortem was not written.", f"{place}: {error.strerror}", "Free the disk.", "store")
        )
        return
    printer = QProcess(parent)
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("QT_QPA_PLATFORM", "offscreen")
    printer.setProcessEnvironment(environment)

    def done(code: int, _status: object) -> None:
        (place / "printable.html").unlink(missing_ok=True)
        if code == 0:
            shell.toast("Postmortem written: Markdown, HTML and PDF", "done", str(place))
        else:
            why = bytes(printer.readAllStandardError().data()).decode(errors="replace")[-300:]
            shell.problem(Problem("The PDF was not made; Markdown and HTML were.", why, str(place), "failed"))
        printer.deleteLater()

    printer.finished.connect(done)
    printer.start(
        sys.executable,
        ["-m", "mlcontrol.gui.print_pages", str(place / "printable.html"), str(place / f"{made.name}.pdf")],
    )

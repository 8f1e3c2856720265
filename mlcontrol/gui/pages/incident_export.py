"""Writes the files of a postmortem; the PDF is made by a process of its own, since laying out pages takes its time."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, QProcessEnvironment
from PySide6.QtWidgets import QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.page import Shell


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

"""The check sheet in a real window on the real fleet: a bad and a good version, with verdicts of all four levels of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.compatibility.report import Level, Report, Verdict
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher
from tests.e2e.test_window_journey import Hands, hands, promote, watcher

__all__ = ["hands", "watcher"]

pytestmark = [pytest.mark.window, pytest.mark.timeout(900)]


@pytest.fixture
def changed_file(fleet: RunningFleet) -> Iterator[Path]:
    """One byte more in a file of every version of a service: whatever is read afterwards is not what was registered."""
    files = sorted((fleet.layout.fleet / "artifacts").glob("*/models/*/artifacts/requirements.txt"))
    assert files
    before = {file: file.read_bytes() for file in files}
    for file, content in before.items():
        file.write_bytes(content + b"\n")
    yield files[0]
    for file, content in before.items():
        file.write_bytes(content)


def levels(report: Report | None) -> dict[Level, set[str]]:
    """The rules that say no, or are not sure, by how they know."""
    found: dict[Level, set[str]] = {}
    for one in report.findings if report is not None else ():
        if one.verdict in (Verdict.BLOCK, Verdict.WARN):
            found.setdefault(one.evidence.level, set()).add(one.rule)
    return found


def probed(hands: Hands, page: Any) -> dict[Level, set[str]]:
    from PySide6.QtCore import Qt

    hands.press(Qt.Key.Key_P)
    hands.wait(lambda: page.checks.probe_list.rows[0].state in ("done", "critical"))
    assert page.checks.probe_list.rows[0].state == "done", page.checks.probe_list.rows[0]
    return levels(page.checks.report)


def test_a_bad_version_is_seen_by_all_four_levels_and_a_good_one_by_none(
    fleet: RunningFleet, watcher: Watcher, hands: Hands, changed_file: Path
) -> None:
    hands.wait(lambda: watcher.service("progression").traffic_per_s is not None)
    # v4 renamed an input, and its files were changed after they were registered.
    page = promote(hands, "4")
    told = levels(page.checks.report)
    assert "I6" in told[Level.DECLARED]
    assert "R15" in told[Level.INFERRED]
    assert page.checks.deploy.words[1] == "No"
    observed = page.checks.observed.words
    assert "would be refused by v4." in observed[0]
    assert not observed[0].startswith("0 of"), "callers send the old name"
    assert observed[1].lstrip().startswith("request 1: "), "with the first examples"
    hands.look("bad-version")

    # On the real server it loads and answers no golden query.
    for file in sorted((fleet.layout.fleet / "artifacts").glob("*/models/*/artifacts/requirements.txt")):
        file.write_bytes(file.read_bytes().removesuffix(b"\n"))
    assert {"R11", "R12", "Q1", "Q2"} & probed(hands, page)[Level.PROBED]
    hands.look("bad-version-probed")

    # A good version: nothing says no, real requests would all be read, and its golden score stands beside the others.
    page = promote(hands, "3")
    assert page.checks.deploy.words[1].startswith("Yes"), page.checks.report
    assert page.checks.observed.words[0].startswith("0 of the last")
    found = probed(hands, page)
    assert not {one.rule for one in page.checks.report.findings if one.verdict is Verdict.BLOCK}, found
    hands.wait(lambda: "v3" in page.checks.golden.intervals.accessibleName())
    assert page.checks.golden.intervals.isVisibleTo(page.checks)
    hands.look("good-version")

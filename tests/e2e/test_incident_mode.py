"""Incidents of the sandbox, worked through by keyboard alone in a real window on the real fleet, from the page to proof.

All six are played, one after the other in one window on one fleet; ``MLCONTROL_INCIDENTS=version-swap`` plays that one alone. How
long each took and with how many keys is told, and asserted: a minute from the page to proven recovery, as long as the machine has a
core for everything that wants one (`most_s`).
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mlcontrol.core.alerts.alert import AlertState
from mlcontrol.core.incidents.incident import EntryKind, IncidentPhase
from mlcontrol.core.operation import Phase
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.ports.deep_link import DeepLink
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.sandbox.faults import BY_NAME
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher
from tests.e2e.test_window_journey import Hands, opened_window

pytestmark = [pytest.mark.window, pytest.mark.timeout(1500)]

ORDER = ("error-burst", "version-swap", "input-drift", "server-frozen", "metrics-gone", "latency-rise")
assert set(ORDER) == set(BY_NAME)
PLAYED = tuple(filter(None, os.environ.get("MLCONTROL_INCIDENTS", "").split(","))) or ORDER
ALONE = ("latency-rise",)
TOGETHER = tuple(name for name in ORDER if name in PLAYED and name not in ALONE)
PLAYS = tuple(filter(None, (TOGETHER, *((name,) for name in ALONE if name in PLAYED))))
"""What one engine goes through. The incident of latency has its own, with the objective that the others are not to miss."""
SERVICE = {"error-burst": "diamond-cut", "version-swap": "digits", "input-drift": "diamond-cut"}
"""Whose incident it is; the others hurt every service alike."""
ROLLED_BACK = ("error-burst", "version-swap")
OF_DATA = ("data", "accuracy", "golden set")
"""Rules that page for what callers send; the incident before may still be heard by them."""
LASTS_S = 600.0  # until it is mended
CALM_S = 20.0  # so much history before a change that is to be found in it
PROVEN_WITHIN_S = 400.0
MINUTE_S = 60.0  # from the page to proven recovery
MOST_SHARED = 3.0


def most_s(*busy: float) -> float:
    """How long it may take: a minute, times how many tasks share a core where there are more of them than cores.

    ``busy``: the kernel's count of tasks that run or want to, over the last minute, at the page and at the proof. With twice as
    many as cores each gets half of one and all that the panel, its engine and the servers compute takes twice as long: that says
    nothing of the panel. With a core for each the minute is a minute; three of them are the most, however busy it is.
    """
    return MINUTE_S * min(MOST_SHARED, max(1.0, *(tasks / (os.cpu_count() or 1) for tasks in busy)))


@pytest.fixture
def patient(fleet: RunningFleet, request: pytest.FixtureRequest) -> Iterator[RunningFleet]:
    """With objectives that a busy machine keeps, so that what pages is the incident; but for the one that is about latency."""
    before = fleet.workspace.read_text()
    if "latency-rise" not in request.node.callspec.params["faults"]:
        fleet.workspace.write_text(re.sub(r"p99_ms = \d+", "p99_ms = 5000", before))
    yield fleet
    fleet.workspace.write_text(before)


@pytest.fixture
def watcher(patient: RunningFleet) -> Iterator[Watcher]:
    watching = Watcher(patient.workspace)
    yield watching
    watching.close()


@pytest.fixture
def hands(fleet: RunningFleet, watcher: Watcher, qtbot: Any) -> Iterator[Hands]:
    with opened_window(fleet, qtbot) as found:
        yield found


class Keys:
    """Counts what is pressed, and when."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.pressed: list[str] = []

    def press(self, key: Any, name: str) -> None:
        self.pressed.append(name)
        self._hands.press(key)

    def write(self, text: str) -> None:
        """Words are not counted: only keys that act."""
        self._hands._qtbot.keyClicks(self._hands.window.focusWidget(), text)


@pytest.mark.parametrize("faults", PLAYS, ids=lambda faults: "+".join(faults))
def test_incidents_are_worked_through_by_keyboard_alone(
    fleet: RunningFleet, watcher: Watcher, hands: Hands, faults: tuple[str, ...]
) -> None:
    from PySide6.QtTest import QTest

    hands.wait(lambda: hands.window.page.table.table.rowCount() >= 3)
    hands.wait(lambda: well(watcher))
    QTest.qWait(round(1000 * CALM_S))
    for fault in faults:
        worked_through(fleet, watcher, hands, fault)
        sandbox.clear_faults(fleet.home)
        hands.wait(lambda: well(watcher))


def well(watcher: Watcher) -> bool:
    """Everything is seen, and everybody answers."""
    assert watcher.state is not None
    services = watcher.state.services.values()
    return all(s.use.health is not Health.UNKNOWN and s.presence.health is Health.OK for s in services)


def worked_through(fleet: RunningFleet, watcher: Watcher, hands: Hands, fault: str) -> None:
    """One incident: it happens, somebody is paged, opens the panel, acts, sees it proven, closes it."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    service = SERVICE.get(fault, "digits")
    before = {alert.id for alert in firing(watcher)}
    sandbox.play_fault(fleet.home, fault, LASTS_S)
    begun_s = time.time()
    whose = (service,) if fault in SERVICE else (*watcher.state.services, *watcher.state.connections)

    def pages() -> list[Any]:
        about_data = fault == "input-drift"
        new = (a for a in firing(watcher) if a.service in whose and a.id not in before)
        return [a for a in new if about_data or a.rule not in OF_DATA]

    hands.wait(lambda: bool(pages()))
    page_s, busy_at_page = time.time(), os.getloadavg()[0]
    page_text = pages()[0].text

    # One key from anywhere: the page is there at once, with what is known.
    keys = Keys(hands)
    chord = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    keys.pressed.append("Ctrl+Shift+I")
    QTest.keyClick(hands.window, Qt.Key.Key_I, chord)
    page = hands.window.page
    assert page.name == "incident"
    assert page.head.sentences[0]
    if fault in SERVICE and page.service_id != service:
        # Something else is worse off than what was paged for, or burned a moment ago: what was paged has a link of its own.
        keys.pressed[-1] = "link"
        hands.window.open_link(DeepLink("incident", service, page_text))

    def told() -> bool:  # of this one, not of the one before
        found = page.brief.incident if page.brief is not None else None
        return found is not None and found.id == "" and (fault not in SERVICE or found.service == service)

    hands.wait(told)
    opened_s = time.time()
    hands.look(f"{fault}-opened")
    assert fault not in SERVICE or page.service_id == service, (page.service_id, page_text)
    if fault in ROLLED_BACK:
        keys.press(Qt.Key.Key_R, "R")
        hands.wait(lambda: page.way_back.stage == "reason")
        hands.look(f"{fault}-reason")
        keys.press(Qt.Key.Key_E, "E")
        keys.press(Qt.Key.Key_Return, "Enter")
        hands.wait(lambda: page.brief.operation != "")
        acted_s = time.time()
    else:
        keys.press(Qt.Key.Key_I, "I")
        hands.wait(lambda: page.incident_id != "")
        keys.press(Qt.Key.Key_Y, "Y")
        keys.write("no change explains it: the platform")
        keys.press(Qt.Key.Key_Return, "Enter")
        hands.look(f"{fault}-declared")
        sandbox.clear_faults(fleet.home)  # the platform's people have mended it
        keys.press(Qt.Key.Key_F, "F")
        keys.press(Qt.Key.Key_Return, "Enter")
        hands.wait(lambda: bool(page.brief.ticks))
        acted_s = time.time()
    hands.look(f"{fault}-acted")
    hands.wait(lambda: page.brief.incident.phase is IncidentPhase.MITIGATED, PROVEN_WITHIN_S)
    proven_s, allowed_s = time.time(), most_s(busy_at_page, os.getloadavg()[0])
    hands.look(f"{fault}-proven")
    ticks = [tick.state.value for tick in page.brief.ticks if tick.id != "data"]
    assert ticks == ["green"] * 5, page.brief.ticks
    said = ", ".join(f"{t.title} {t.seconds or 0:.0f} s" for t in page.brief.ticks)
    sys.stderr.write(
        f"\n{fault}: fault to page {page_s - begun_s:.1f} s, page to open {opened_s - page_s:.1f} s, to act"
        f" {acted_s - page_s:.1f} s, to proven recovery {proven_s - page_s:.1f} s of {allowed_s:.0f} s;"
        f" keys {' '.join(keys.pressed)}; {said}\n"
        f"  page: {page_text}\n  {' '.join(page.head.sentences)}\n"
    )
    assert len(keys.pressed) <= (4 if fault in ROLLED_BACK else 6)
    assert proven_s - page_s <= allowed_s, said

    # Closed, told, proven: the record is whole.
    hands.press(Qt.Key.Key_C, Qt.Key.Key_Return)
    hands.wait(lambda: page.brief.incident.phase is IncidentPhase.RESOLVED)
    kinds = [entry.kind for entry in page.brief.incident.entries]
    assert kinds[0] is EntryKind.DECLARED
    assert EntryKind.VERIFIED in kinds
    if fault in ROLLED_BACK:
        operation = watcher.operation(page.brief.operation)
        assert operation is not None
        assert operation.phase is Phase.DONE
        hands.wait(lambda: watcher.service(service).used.versions == ("2",))
    made = watcher.ask(m.MakePostmortem(request=new_request(), incident=page.incident_id))
    assert "recovery proven" in made.markdown
    assert watcher.ask(m.VerifyAudit(request=new_request())).verdict.ok


def firing(watcher: Watcher) -> list[Any]:
    """What somebody would be woken by."""
    assert watcher.state is not None
    return [alert for alert in watcher.state.alerts.values() if alert.state is AlertState.FIRING and alert.asks]

"""The incident page by keyboard: one key in, the way back in four, five facts turn green, and nothing is done by a link."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.incidents.brief import Brief, Onset, Prevention, SuspectLine
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import EntryKind, Incident, IncidentPhase
from mlcontrol.core.incidents.likeness import Likeness
from mlcontrol.core.incidents.log import LogLine
from mlcontrol.core.incidents.story import Story
from mlcontrol.core.incidents.suspect_facts import Canary, SuspectFacts
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Assumption, BlastRadius, Plan, PlanStep
from mlcontrol.core.problem import Problem
from mlcontrol.core.runbook import ByHand
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from mlcontrol.ports.deep_link import parse_link
from tests.gui.conftest import FakeEngine

TITLES = ("Command accepted", "v2 is answering", "Split observed", "Errors falling", "Golden set as expected")
IDS = ("accepted", "answering", "split", "errors", "golden")


def sample_brief(declared: bool = True, green: int | None = None, **changes: Any) -> Brief:
    """The story of the mock-up. ``green``: how many of the five facts are proven; `None`: no way back yet."""
    now = time.time()
    incident = Incident(
        "incident-31" if declared else "",
        31 if declared else 0,
        "digits",
        "sandbox",
        "digits: errors 6.4 %",
        IncidentPhase.DECLARED if declared else IncidentPhase.DETECTED,
        detected_s=now - 166,
        declared_s=now - 90 if declared else None,
        holder="m.okafor" if declared else "",
        holder_since_s=now - 90,
        people=("m.okafor",),
    )
    ticks: tuple[Tick, ...] = ()
    if green is not None:
        states = [TickState.GREEN] * green + [TickState.RUNNING] + [TickState.WAITING] * 5
        words = ("router told and read back after 0.4 s", "v2 answered 5 of 5 golden queries, slowest 14 ms",
                 "v2 answers 100 % of 41 a second", "1 of 812 failed since, must be under 3.2 %", "64 of 64, needs 62")  # fmt: skip
        ticks = tuple(
            Tick(name, title, state, said, float(1 + 4 * i) if state is TickState.GREEN else None)
            for i, (name, title, state, said) in enumerate(zip(IDS, TITLES, states, words, strict=False))
        )
    values: dict[str, Any] = {
        "incident": incident,
        "story": Story(
            "6.4 % of answers from Digits are errors.",
            "It began at 02:11:44 ± 6 s, 40 s after “deploy v3”.",
            "Hurt: all callers, about 1 084 failed answers (6.4 % of all), 0.9 % of the month’s error budget.",
            "critical",
        ),
        "made_s": now,
        "onset": Onset("errors", now - 166, now - 172, now - 160, 0.002, 0.064),
        "suspects": (
            SuspectLine("e2", "deploy v3", "40 s before the change; it is of this service", 0.91, now - 206, "2", "3"),
            SuspectLine("e1", "champion moved to v3", "8 min before the change", 0.05, now - 640),
            SuspectLine("", "None of these", "something that no source records, or chance", 0.04),
        ),
        "separable": True,
        "verdict": "deploy v3 (91 % likely).",
        "impact": Impact(166.0, 6800.0, 1084.0, 0.064, 0.009, 1.0),
        "operation": "op-1" if ticks else "",
        "ticks": ticks,
        "proven": green == 5,
        "log": (
            LogLine(now - 206, "m.okafor", "deploy v3", "deploy", "panel"),
            LogLine(now - 120, "alert", "errors over 1 %", "alert", "alert", Health.CRITICAL, "e3"),
            LogLine(now - 90, "m.okafor", "incident declared: digits: errors 6.4 %", "declared", "person"),
            LogLine(
                now - 40, "m.okafor", "decided: back to v2, then look at the colour G stones", "decision", "person"
            ),
        ),
        "alike": (Likeness("incident-12", 12, "digits: errors 5 %", 0.61, ("errors", "deploy"), "v1 served again"),),
        "by_hand": (ByHand("Through the guard", "mlcontrol rollback digits --to 2 --express --yes"),),
        "update": "[We are working on it] digits",
        "handoff": "Incident 31",
        "prevention": (
            Prevention("alert-errors", "alert", "Alert when errors stay over 2 %", "They rose.", "fires after 9 s"),
        ),
    }
    return Brief(**(values | changes))


def plan(blocked: tuple[str, ...] = ()) -> Plan:
    steps = (PlanStep("route", "Move the traffic", "", 0.4), PlanStep("verify", "Prove who answers", "", 1.0))
    assumes = Assumption("3", ("2", "3"), "3", None, 0.0, None)
    blast = BlastRadius(41.0, 1.0, (), None, ("1 084 answers stay failed",))
    return Plan(
        "digits",
        OperationKind.ROLLBACK,
        "3",
        "2",
        True,
        assumes,
        steps,
        blast,
        None,
        4.0,
        time.time(),
        blocked_by=blocked,
    )


class IncidentEngine:
    """Answers as the engine would; ``brief`` is what it says of the incident."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.brief: Brief = sample_brief(declared=False)
        self.plan: Plan | Problem = plan()
        self.suspect = SuspectFacts("2", "3", Canary("not-judged", "Was not judged: deployed all at once."))
        self._send = engine.send
        engine.send = self.send  # type: ignore[method-assign]

    def send(self, command: Any) -> None:
        self._send(command)
        request = getattr(command, "request", "")
        if isinstance(command, m.QueryIncident):
            self.engine.say(m.BriefAnswer(request=request, brief=self.brief))
        elif isinstance(command, m.FindIncidents):
            found = (self.brief.incident,) if self.brief.incident.id else ()
            self.engine.say(m.IncidentsAnswer(request=request, incidents=found))
        elif isinstance(command, m.DeclareIncident):
            self.brief = sample_brief()
            self.engine.say(m.IncidentAnswer(request=request, incident=self.brief.incident))
        elif isinstance(command, (m.WriteIncident, m.SilenceIncident, m.LiftSilences, m.AddPrevention)):
            self.engine.say(m.IncidentAnswer(request=request, incident=self.brief.incident))
        elif isinstance(command, m.MakePlan) and isinstance(self.plan, Plan):
            self.engine.say(m.PlanAnswer(request=request, plan=self.plan, plan_hash=self.plan.hash))
        elif isinstance(command, m.MakePlan):
            self.engine.say(m.Refused(request=request, problem=self.plan))
        elif isinstance(command, m.QuerySuspect):
            self.engine.say(m.SuspectAnswer(request=request, service=command.service, facts=self.suspect))
        elif isinstance(command, m.Execute):
            self.engine.say(m.Done(request=request))


@pytest.fixture
def told(engine: FakeEngine) -> IncidentEngine:
    return IncidentEngine(engine)


@pytest.fixture
def press(window: Any, qtbot: Any) -> Any:
    from PySide6.QtCore import Qt

    qtbot.waitUntil(lambda: window.bridge.connected)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)

    def keys(*wanted: Any) -> None:
        for key in wanted:
            modifiers = Qt.KeyboardModifier.NoModifier
            if isinstance(key, tuple):
                key, modifiers = key
            qtbot.keyClick(window.focusWidget() or window, key, modifiers)
            qtbot.wait(60)

    return keys


@pytest.fixture
def page(told: IncidentEngine, window: Any, press: Any, qtbot: Any) -> Any:
    """Opened by its one key from the fleet page."""
    from PySide6.QtCore import Qt

    press((Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
    qtbot.waitUntil(lambda: window.page.name == "incident" and window.page.brief is not None)
    return window.page


def test_one_key_from_anywhere_shows_the_worst_service_and_does_nothing(page: Any, engine: FakeEngine) -> None:
    assert page.head.sentences[0] == "6.4 % of answers from Digits are errors."
    assert [line.title for line in page.suspects.rows.lines][-1] == "None of these"
    assert engine.sent(m.DeclareIncident) == engine.sent(m.MakePlan) == engine.sent(m.Execute) == []
    assert page.subtitle == "not declared yet"


def test_the_way_back_takes_four_keys_with_the_one_that_opened_the_page(
    page: Any, press: Any, engine: FakeEngine, told: IncidentEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_R)
    qtbot.waitUntil(lambda: page.way_back.stage == "reason")
    assert len(engine.sent(m.DeclareIncident)) == 1  # by itself: nobody has to remember it
    (asked,) = engine.sent(m.MakePlan)
    assert (asked.kind, asked.express) == (OperationKind.ROLLBACK, True)
    press(Qt.Key.Key_E)
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.Execute)))
    (sent,) = engine.sent(m.Execute)
    assert (sent.reason, sent.plan_hash, sent.actor) == ("errors rose", plan_hash(told), "m.okafor")
    for green in range(6):
        told.brief = sample_brief(green=green)
        qtbot.waitUntil(lambda green=green: states(page).count("done") == green, timeout=5000)
    assert page.way_back.note.text() == "recovery is proven"


def plan_hash(told: IncidentEngine) -> str:
    assert isinstance(told.plan, Plan)
    return told.plan.hash


def states(page: Any) -> list[str]:
    return [row.state for row in page.way_back.rows.rows]


def test_a_protected_service_wants_a_second_of_holding(page: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    service = page.bridge.state.services["digits"]
    engine.say(m.ServiceChanged(service=replace(service, protected=True, seq=99)))
    qtbot.waitUntil(lambda: page.service().protected)
    press(Qt.Key.Key_R)
    qtbot.waitUntil(lambda: page.way_back.stage == "reason")
    press(Qt.Key.Key_E, Qt.Key.Key_Return)
    assert engine.sent(m.Execute) == []
    assert page.way_back.confirm.words.endswith("hold 1 s")
    press(Qt.Key.Key_Escape)
    assert page.way_back.stage == "idle"


def test_a_blocked_way_back_says_why_and_offers_no_key(page: Any, press: Any, told: IncidentEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    told.plan = plan(("The files of v2 are gone.",))
    press(Qt.Key.Key_R)
    qtbot.waitUntil(lambda: any("gone" in row.title for row in page.way_back.rows.rows))
    assert page.way_back.stage == "idle"
    assert not page.way_back.confirm.isVisible()


def test_a_red_fact_shows_its_cause_and_the_next_thing_to_do(page: Any, told: IncidentEngine, qtbot: Any) -> None:
    ticks = list(sample_brief(green=3).ticks)
    ticks[3] = replace(ticks[3], state=TickState.RED, next="The cause is not this version. Look at suspect 2.")
    told.brief = sample_brief(green=3, ticks=tuple(ticks))
    qtbot.waitUntil(lambda: "critical" in states(page), timeout=5000)
    assert any("suspect 2" in text for row in page.way_back.rows.rows for text, _tone in row.lines)
    assert page.way_back.note.text() == "needs you"


def test_letters_write_into_the_log_and_escape_writes_nothing(
    page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_N)
    assert page.log.line.isVisible()
    qtbot.keyClicks(page.log.line, "stones of colour G")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.WriteIncident)))
    (written,) = engine.sent(m.WriteIncident)
    assert (written.kind, written.text, written.actor) == (EntryKind.NOTE, "stones of colour G", "m.okafor")
    press(Qt.Key.Key_D)
    qtbot.keyClicks(page.log.line, "r")  # a letter is a letter while one writes
    press(Qt.Key.Key_Escape)
    assert len(engine.sent(m.WriteIncident)) == 1
    assert engine.sent(m.MakePlan) == []


def test_a_number_opens_the_suspects_card_and_is_written_down(
    page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_1)
    assert page.suspects._difference.isVisible()
    model = page.suspects._difference.table
    rows = [model.index(row, 0).data() for row in range(model.rowCount())]
    assert "size" in rows
    assert "canary: Was not judged: deployed all at once" in page.suspects._facts.text()
    qtbot.waitUntil(lambda: bool(engine.sent(m.WriteIncident)))
    assert engine.sent(m.WriteIncident)[0].data == {"event": "e2"}


def test_the_card_tells_how_the_suspect_was_judged_and_what_its_signature_changed(
    page: Any, press: Any, told: IncidentEngine, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    told.suspect = SuspectFacts(
        "2", "3", Canary("fine", "Was judged fine (10 %).", ("10 %: 812 answers, 10.1 % observed; fine: errors",)),
        (("input carat", "float64", "float32: narrower"),),
    )  # fmt: skip
    press(Qt.Key.Key_1)
    (asked,) = engine.sent(m.QuerySuspect)
    assert (asked.version_from, asked.version_to) == ("2", "3")
    qtbot.waitUntil(lambda: "812 answers" in page.suspects._facts.text())
    model = page.suspects._difference.table
    assert [model.index(0, column).data() for column in range(3)] == ["input carat", "float64", "float32: narrower"]
    told.suspect = SuspectFacts(
        "2", "3", Canary("unknown", "Not known."), (), "signatures not known: the registry refuses"
    )
    press(Qt.Key.Key_1)
    qtbot.waitUntil(lambda: "signatures not known: the registry refuses" in page.suspects._facts.text())


def test_the_second_responder_sees_who_has_it_and_can_take_over(
    page: Any, press: Any, told: IncidentEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    other = replace(sample_brief().incident, holder="a.lind")
    told.brief = sample_brief(incident=other)
    qtbot.waitUntil(lambda: "a.lind has it" in page.subtitle, timeout=5000)
    press(Qt.Key.Key_T)
    qtbot.waitUntil(lambda: bool(told.engine.sent(m.WriteIncident)))
    assert told.engine.sent(m.WriteIncident)[0].kind is EntryKind.TOOK_OVER


def test_no_data_is_shown_as_such(page: Any, told: IncidentEngine, qtbot: Any) -> None:
    nothing = Story("Nothing is known of Digits now: no source answers. That is not the same as well.",
                    "When it began cannot be read from the data.", "Hurt: all callers.", "unknown")  # fmt: skip
    silent = ("Use is not known: silent.",)
    told.brief = sample_brief(story=nothing, onset=None, suspects=(), impact=Impact(10.0), unheard=True, gaps=silent)
    qtbot.waitUntil(lambda: page.head.sentences[0].startswith("Nothing is known"), timeout=5000)
    assert page.head._sentences[0].property("tone") == "unknown"
    assert "nothing is suspected" in page.suspects.rows.accessibleDescription()
    assert "Use is not known" in page.suspects._verdict.text()


def test_a_silent_control_plane_brings_the_commands(page: Any, engine: FakeEngine, qtbot: Any) -> None:
    assert not page.by_hand.isVisible()
    settings = page.bridge.state.settings
    services = {**settings.services, "digits": replace(settings.services["digits"], routing="routing")}
    engine.say(m.SettingsChanged(settings=replace(settings, services=services)))
    silent = replace(page.bridge.state.connections["routing"], health=Health.UNKNOWN)
    engine.say(m.ConnectionChanged(connection=silent))
    qtbot.waitUntil(page.by_hand.isVisible, timeout=5000)
    assert "mlcontrol rollback digits --to 2" in page.suspects._commands.text()


def test_it_is_not_resolved_before_recovery_is_proven(page: Any, press: Any, told: IncidentEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    told.brief = sample_brief(green=3)
    qtbot.waitUntil(lambda: states(page).count("done") == 3, timeout=5000)
    press(Qt.Key.Key_C)
    assert not page.log.line.isVisible()
    over = replace(sample_brief().incident, phase=IncidentPhase.MITIGATED, mitigated_s=time.time())
    told.brief = sample_brief(green=5, incident=over)
    qtbot.waitUntil(lambda: page.way_back.note.text() == "recovery is proven", timeout=5000)
    press(Qt.Key.Key_C)
    assert page.log.line.isVisible()


def test_a_link_fills_in_and_starts_nothing(told: IncidentEngine, window: Any, engine: FakeEngine, qtbot: Any) -> None:
    """Fault 62."""
    window.open_link(parse_link("mlcontrol://incident?service=diamond-cut&alert=ErrorsHigh"))
    qtbot.waitUntil(lambda: window.page.name == "incident")
    assert window.page.service_id == "diamond-cut"
    qtbot.wait(300)
    acting = (m.DeclareIncident, m.WriteIncident, m.MakePlan, m.Execute)
    assert [command for kind in acting for command in engine.sent(kind)] == []


def test_the_second_start_hands_its_link_to_the_first_window(qtbot: Any, tmp_path: Path) -> None:
    """Fault 32."""
    from mlcontrol.gui.single_instance import Doorbell

    link = parse_link("mlcontrol://incident?service=digits&alert=a%20b")
    first = Doorbell(tmp_path / "w.toml")
    first.listen()
    got: list[Any] = []
    first.linked.connect(got.append)
    try:
        with qtbot.waitSignal(first.rung):
            assert Doorbell(tmp_path / "w.toml").somebody_answers(link)
        qtbot.waitUntil(lambda: got == [link])
    finally:
        first.close()


def test_markup_in_a_name_stays_text(page: Any, told: IncidentEngine, qtbot: Any) -> None:
    """Fault 59."""
    evil = "<img src='file:///etc/passwd'><b>x</b>\u202e"
    log = (LogLine(time.time(), evil, evil, "note", "person"),)
    told.brief = sample_brief(story=Story(evil, evil, evil, "critical"), log=log)
    qtbot.waitUntil(lambda: "<img" in page.head.sentences[0], timeout=5000)
    assert "\\u202e" in page.head.sentences[0]
    assert "<b>x</b>" in page.log.rows.rows[0].title

"""An incident from its declaration to its postmortem, on the real store and real rollouts; the world around them is small."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import threading
import time
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.adapters.routing.haproxy import HaproxyRouting
from mlcontrol.adapters.serving.triton import TritonServing
from mlcontrol.core.incidents.incident import EntryKind, IncidentPhase
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import (
    Signal,
)
from mlcontrol.engine.wiring import bundled
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortems
from mlcontrol.services.rollouts import Rollouts
from tests.services.burning_world import WITHIN_S, Burning, adding, briefing, ctx, incidents, recovered, roll_back
from tests.services.rollout_world import PassingChecks, World

__all__ = ["briefing", "ctx", "incidents"]


def test_two_who_are_paged_at_once_end_up_in_one_incident(ctx: Burning, incidents: Incidents) -> None:
    gate = threading.Barrier(2)
    found: list[str] = []

    def declare(who: str) -> None:
        gate.wait()
        for _ in range(3):  # a person presses again when nothing seems to happen
            found.append(incidents.declare("digits", who).id)

    threads = [threading.Thread(target=declare, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    (one,) = incidents.find()
    assert one.holder in ("ann", "bob")
    assert set(one.people) == {"ann", "bob"}


def test_every_entry_is_a_row_of_the_audit_log(ctx: Burning, incidents: Incidents) -> None:
    one = incidents.declare("digits", "ann", alert="ErrorsHigh")
    incidents.write(one.id, EntryKind.DECISION, "back to v1", "ann")
    incidents.write(one.id, EntryKind.TOOK_OVER, "", "bob")
    rows = ctx.store.audit.of_operation(one.id)
    assert [(row.actor, row.action) for row in rows] == [
        ("ann", "incident.declared"), ("ann", "incident.decision"), ("bob", "incident.took-over")
    ]  # fmt: skip
    assert json.loads(rows[1].body)["text"] == "back to v1"
    assert ctx.store.audit.verify().ok


def test_what_could_not_be_audited_was_not_written_and_is_there_once_when_written_again(
    ctx: Burning, incidents: Incidents
) -> None:
    """Of the two rows the second finds no room: the person is told, writes it again, and it must not be there twice."""
    one = incidents.declare("digits", "ann")
    refuse = "create trigger no_room before insert on audit begin select raise(abort, 'no room'); end"
    with closing(sqlite3.connect(ctx.folder / "panel.db")) as db:
        db.execute(refuse)
    with pytest.raises(ProblemError):
        incidents.write(one.id, EntryKind.NOTE, "back to v1?", "ann")
    assert len(incidents.get(one.id).entries) == 1
    with closing(sqlite3.connect(ctx.folder / "panel.db")) as db:
        db.execute("drop trigger no_room")
    incidents.write(one.id, EntryKind.NOTE, "back to v1?", "ann")
    assert [e.text for e in incidents.get(one.id).entries].count("back to v1?") == 1
    assert len(ctx.store.audit.of_operation(one.id)) == 2
    verdict = ctx.store.audit.verify()
    assert (verdict.ok, verdict.rows) == (True, 2)


def test_who_does_not_hold_it_may_write_but_not_act(incidents: Incidents) -> None:
    one = incidents.declare("digits", "ann")
    incidents.write(one.id, EntryKind.NOTE, "I look at the features", "bob")
    with pytest.raises(ProblemError) as refused:
        incidents.write(one.id, EntryKind.MITIGATED, "done", "bob")
    assert refused.value.problem.code == "conflict"
    with pytest.raises(ProblemError):
        incidents.write(one.id, EntryKind.NOTE, "  ", "bob")


def test_deploys_are_frozen_while_it_burns_and_a_rollback_is_not(ctx: Burning, incidents: Incidents) -> None:
    incidents.declare("digits", "ann")
    with pytest.raises(ProblemError) as refused:
        roll_back(ctx, incidents, OperationKind.DEPLOY, "3")
    assert refused.value.problem.code == "frozen"
    assert ctx.world.writes == []
    roll_back(ctx, incidents)
    assert ctx.world.stable == "1"


def test_twin_without_the_freeze_the_deploy_goes_through(
    ctx: Burning, incidents: Incidents, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents.declare("digits", "ann")
    monkeypatch.setattr("mlcontrol.services.permission.frozen_by", lambda *_: None)
    rollouts = Rollouts(ctx, PassingChecks())
    try:
        plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
        rollouts.execute("op-1", plan.hash, "why not", "ann", True)
        assert ctx.ended.wait(WITHIN_S)
    finally:
        rollouts.close()
    assert ctx.world.stable == "3"


def test_before_it_is_declared_it_is_told_and_nothing_is_kept(incidents: Incidents, briefing: Briefing) -> None:
    brief = briefing.brief("", "digits")
    assert brief.incident.id == ""
    assert brief.story.what == "20.0 % of answers from Digits are errors."
    assert incidents.find() == ()


class Calm(Burning):
    def record(self, since_s: float, until_s: float, failing: float) -> None:
        super().record(since_s, until_s, 0.0)


def test_where_nothing_began_it_is_told_what_failed_lately(tmp_path: Path) -> None:
    calm = Calm(World(stable="2", alias="2"), tmp_path)
    try:
        brief = Briefing(calm, Incidents(calm), lambda: None).brief("", "digits")
    finally:
        calm.store.close()
    assert brief.impact.failed == 0.0
    assert brief.impact.answers is not None
    assert brief.impact.answers >= 200.0 * 100


class Well(Burning):
    """What moved is within its limits."""

    def record(self, since_s: float, until_s: float, failing: float) -> None:
        super().record(since_s, until_s, 0.005)

    def state(self) -> FleetState:
        found = super().state()
        service = found.services["digits"]
        return replace(found, services={"digits": replace(service, use=service.presence)})


def test_where_nothing_is_wrong_nothing_is_suspected(tmp_path: Path) -> None:
    well = Well(World(stable="2", alias="2"), tmp_path)
    try:
        brief = Briefing(well, Incidents(well), lambda: None).brief("", "digits")
    finally:
        well.store.close()
    assert brief.quiet, brief.story
    assert brief.onset is not None, "something did move, and a deploy was just before"
    assert (brief.suspects, brief.verdict, brief.bisect) == ((), "", None)


def test_of_two_services_on_which_nobody_declared_each_has_its_own_story(
    ctx: Burning, briefing: Briefing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked at within the time for which an analysis is kept."""
    monkeypatch.setattr("mlcontrol.services.incidents.briefing.ANALYSED_FOR_S", 600.0)
    calm = replace(ctx.settings.services["digits"], id="stones")
    ctx.settings = replace(ctx.settings, services={**ctx.settings.services, "stones": calm})
    burning = briefing.brief("", "digits")
    assert burning.onset is not None
    quiet = briefing.brief("", "stones")
    assert (quiet.onset, quiet.slices) == (None, ())
    assert briefing.brief("", "digits").onset == burning.onset


def test_the_commands_to_copy_are_those_of_the_adapters_and_need_no_server(
    ctx: Burning, incidents: Incidents, briefing: Briefing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control plane is away: nothing is asked for what to type."""
    made = {"router": HaproxyRouting, "registry": MlflowRegistry, "triton": TritonServing}
    adapters = {name: kind(ctx.settings.connections[name], lambda: None) for name, kind in made.items()}
    for road in ("routing", "registry", "serving"):
        monkeypatch.setattr(ctx, road, adapters.__getitem__)
    by_hand = briefing.brief(incidents.declare("digits", "ann").id).by_hand
    shell = "\n".join(one.shell for one in by_hand)
    assert "mlcontrol rollback digits --to 1 --express" in shell
    assert "http://t:8000/v2/models/digits/versions/1/ready" in shell
    assert "set map /maps/versions digits-stable 1" in shell
    assert "TCP:10.0.0.5:9999" in shell
    assert "http://m:5000/api/2.0/mlflow/registered-models/alias" in shell
    assert [one.title for one in by_hand][2] == "Move the traffic on router (needs socat)"
    for adapter in adapters.values():
        adapter.close()


def test_the_brief_says_what_since_when_who_is_hurt_and_what_did_it(
    ctx: Burning, incidents: Incidents, briefing: Briefing
) -> None:
    one = incidents.declare("digits", "ann")
    brief = briefing.brief(one.id)
    assert brief.onset is not None
    assert abs(brief.onset.at_s - ctx.began_s) <= 10
    assert "after “deploy of v2”" in brief.story.since
    assert brief.suspects[0].event == "d1"
    assert brief.suspects[-1].title == "None of these" or any(s.event == "" for s in brief.suspects)
    assert brief.impact.failed == pytest.approx(40 * 24, abs=80)  # 24 readings of 40 failed answers each
    assert "20.0 % of all" in brief.story.hurt
    assert brief.prevention == ()  # while it burns there is something else to do


def test_no_data_says_so_and_is_never_well(ctx: Burning, incidents: Incidents) -> None:
    silent = replace(ctx.state().services["digits"], presence=Signal(), use=Signal(), accuracy=Signal())
    state = replace(ctx.state(), services={"digits": silent})
    ctx.state = lambda: state  # type: ignore[method-assign]
    ctx.store.history.trim(time.time() + 1)
    briefing = Briefing(ctx, incidents, lambda: None)
    brief = briefing.brief("", "digits")
    assert brief.story.tone == "unknown"
    assert "no source answers" in brief.story.what
    assert brief.impact.failed is None
    assert len(brief.gaps) >= 4
    assert brief.suspects == (), "the deploy is on record, but nothing shows that anything broke"
    assert (brief.unheard, brief.separable, brief.verdict, brief.bisect) == (True, False, "", None)
    declared = incidents.declare("digits", "ann", title="silent", alert="")
    assert briefing.brief(declared.id).suspects == ()


def test_recovery_is_proven_by_five_facts_and_written_down_once(
    ctx: Burning, incidents: Incidents, briefing: Briefing
) -> None:
    one = incidents.declare("digits", "ann")
    brief = recovered(ctx, incidents, briefing)
    assert [t.state.value for t in brief.ticks] == ["green"] * 5
    assert brief.incident.phase is IncidentPhase.MITIGATED
    for _ in range(3):
        briefing.brief(one.id)
    kinds = [e.kind for e in incidents.get(one.id).entries]
    assert kinds.count(EntryKind.VERIFIED) == 1
    over = incidents.write(one.id, EntryKind.RESOLVED, "v2 fails on stones of colour G", "ann")
    assert over.phase is IncidentPhase.RESOLVED
    roll_back(ctx, incidents, OperationKind.DEPLOY, "3")  # nothing is frozen any more


@pytest.mark.parametrize("told_apart", [True, False], ids=["told apart", "twin: without telling them apart"])
def test_the_way_back_of_the_last_incident_does_not_prove_that_the_next_is_over(
    ctx: Burning, incidents: Incidents, briefing: Briefing, told_apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It burns again right after, and the signals put the beginning where the last one began."""
    if not told_apart:
        monkeypatch.setattr("mlcontrol.services.incidents.briefing.acted_since_s", lambda _i, _known, began_s: began_s)
    first = incidents.declare("digits", "ann", detected_s=ctx.began_s + 2)
    recovered(ctx, incidents, briefing)
    incidents.write(first.id, EntryKind.RESOLVED, "v2 was bad", "ann")
    again = incidents.declare("digits", "ann", detected_s=ctx.began_s + 5)
    brief = briefing.brief(again.id)
    assert (brief.ticks == ()) is told_apart
    assert (brief.incident.phase is IncidentPhase.DECLARED) is told_apart


@pytest.fixture
def document(ctx: Burning, incidents: Incidents, briefing: Briefing) -> Any:
    one = incidents.declare("digits", "ann", title="digits: <b>errors</b> | 20 %")
    incidents.write(one.id, EntryKind.HYPOTHESIS, "the deploy of v2", "ann")
    recovered(ctx, incidents, briefing)
    incidents.write(one.id, EntryKind.ACTION_ITEM, "add stones of colour G to the golden set", "ann")
    prevention = briefing.brief(one.id).prevention[0]
    adding(ctx, incidents, briefing).add(one.id, prevention.id, "ann")
    incidents.write(one.id, EntryKind.RESOLVED, "v2 was bad", "ann")
    return Postmortems(ctx, briefing, bundled("postmortem")).make(one.id)


def test_the_postmortem_has_written_itself(document: Any) -> None:
    for text in (document.markdown, document.html, document.printable):
        assert "deploy of v2" in text
        assert "add stones of colour G to the golden set" in text.replace("\\", "")
        assert "(added)" in text
        assert "acted" in text
        assert "recovery proven" in text
        assert "not recorded" not in text.split("How long each step took")[1].split("The charts")[0]
    assert set(document.charts) == {"errors.svg"}
    svg = document.charts["errors.svg"]
    assert svg.count("<polyline") >= 1
    assert "deploy of v2" in svg
    assert re.fullmatch(r"postmortem-\d{4}-\d\d-\d\d-1-digits", document.name)


def test_what_people_and_servers_wrote_stays_text_in_every_format(document: Any) -> None:
    assert "<b>errors</b>" not in document.html
    assert "&lt;b&gt;errors&lt;/b&gt;" in document.html
    assert "<b>errors</b>" not in document.printable
    assert "\\<b\\>errors" in document.markdown
    assert "\\| 20 %" in document.markdown


class _Parts(HTMLParser):
    """What a document asks for, and what holds what."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.charts = 0
        self.tags: list[str] = []
        self.styles = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        said = dict(attrs)
        self.asked += [
            said[name] or "" for name in ("src", "href", "srcset", "action", "data", "poster") if name in said
        ]
        self.charts += said.get("class") == "chart"
        assert not [name for name, _ in attrs if name.startswith("on")], "no script"

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["style"]:
            self.styles += data


def test_the_document_stands_by_itself_on_paper_and_on_a_narrow_screen(document: Any) -> None:
    """No request leaves it, nothing runs in it, every chart is inside it and scrolls by itself where there is no room."""
    parts = _Parts()
    parts.feed(document.html)
    assert not set(parts.tags) & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert "url(" not in parts.styles
    assert "@import" not in parts.styles
    assert parts.asked, "the charts"
    for asked in parts.asked:
        kind, _, body = asked.partition(",")
        assert kind == "data:image/svg+xml;base64"
        svg = base64.b64decode(body).decode()
        ET.fromstring(svg)
        assert not re.search(r"<script|<image|<use|href", svg)
    assert parts.charts == len(parts.asked) == len(document.charts)
    for rule in ("@media (max-width: 640px)", "@media print", "@page", "break-inside: avoid", "break-after: avoid"):
        assert rule in parts.styles
    assert "color-scheme: light" in parts.styles, "it is printed as it is seen, whatever the theme of who opens it"


def test_the_pdf_has_pages_with_the_charts(document: Any, tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    (tmp_path / "in.html").write_text(document.printable)
    for name, svg in document.charts.items():
        (tmp_path / name).write_text(svg)
    ran = subprocess.run(
        [sys.executable, "-m", "mlcontrol.gui.print_pages", str(tmp_path / "in.html"), str(tmp_path / "out.pdf")],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    pdf = (tmp_path / "out.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/Image" in pdf

"""An incident of the data: what callers send is what broke, so that is told, with what the logged requests say of it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.incidents.data_change import MovedBy
from mlcontrol.core.incidents.incident import EntryKind, IncidentPhase
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, EventKind, Freshness, Health, Signal, Stamp, TimelineEvent
from mlcontrol.engine.wiring import bundled
from mlcontrol.services.data_events import changed_event, over_event
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortems
from mlcontrol.testing.contracts.connection import no_secret
from tests.services.burning_world import Burning
from tests.services.rollout_world import World

BEGAN_AGO_S = 200.0
TOLD_AFTER_S = 80.0
PER_S = 6.0
AGAINST = "x in region s, against the minutes before: mean 10, 15."


class Shifted(Burning):
    """No answer fails and no version moves; what one region sends is half as much again since then, and answered wrongly."""

    labels_late = False
    everywhere = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.began_s = time.time() - BEGAN_AGO_S
        options = {"labels": (self.folder / "labels").as_uri()}
        kept = ConnectionSettings(
            "log", ConnectionKind.PREDICTIONS, "jsonl", (self.folder / "p").as_uri(), options=options
        )
        self.log = JsonLinesLog(kept, no_secret)
        service = replace(self.settings.services["digits"], predictions="log", prediction="y")
        self.settings = replace(self.settings, services={"digits": service})
        self.store.timeline.append([self.told()])

    def record(self, since_s: float, until_s: float, failing: float) -> None:
        super().record(since_s, until_s, 0.0)

    def predictions(self, _connection: str) -> Any:
        return self.log

    def told(self) -> TimelineEvent:
        told_s = self.began_s + TOLD_AFTER_S
        return changed_event("digits", told_s, told_s - 60, ("x in region s",), AGAINST)

    def state(self) -> Any:
        state = super().state()
        fine = Signal(Health.OK, "fine", freshness=Freshness.FRESH, at=Stamp(time.time(), time.monotonic(), 1))
        return replace(state, services={"digits": replace(state.services["digits"], use=fine)})

    def write(self) -> None:
        """A quarter of an hour of requests from before the change, and those since."""
        dice = random.Random(5)
        now_s, at_s = time.time(), self.began_s - 1200
        lines: dict[str, list[str]] = {"p": [], "labels": []}
        while at_s < now_s:
            region = dice.choice("nsew")
            changed = at_s > self.began_s and (region == "s" or self.everywhere)
            x = dice.gauss(10.0, 1.5) * (1.5 if changed else 1.0)
            name, right = f"r{at_s:.3f}", dice.random() < (0.5 if changed else 0.9)
            stamp = datetime.fromtimestamp(at_s, UTC).isoformat()
            lines["p"].append(
                json.dumps({"request_id": name, "time": stamp, "version": "2", "inputs": {"x": x, "k": dice.choice("ab")},
                            "outputs": {"y": 1}, "slices": {"region": region}, "status": 200})
            )  # fmt: skip
            if not (self.labels_late and at_s > self.began_s):
                lines["labels"].append(json.dumps({"request_id": name, "time": stamp, "label": 1 if right else 0}))
            at_s += dice.expovariate(PER_S)
        for kind, found in lines.items():
            file = self.folder / kind / "digits" / "log.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(found) + "\n")


def burning(folder: Path, *events: TimelineEvent, **changes: bool) -> Shifted:
    made = Shifted(World(stable="2", alias="2"), folder)
    for name, value in changes.items():
        setattr(made, name, value)
    made.write()
    made.store.timeline.append(list(events))
    return made


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Shifted]:
    made = burning(tmp_path)
    yield made
    made.store.close()


def brief_of(ctx: Shifted) -> Any:
    return Briefing(ctx, Incidents(ctx), lambda: None).brief("", "digits")


def test_what_moved_is_told_with_its_size_since_when_and_whom_it_touches(ctx: Shifted) -> None:
    brief = brief_of(ctx)
    change = brief.data
    assert change.where == ("region s",)
    (moved,) = change.inputs
    assert (moved.column, moved.by) == ("x", MovedBy.TIMES)
    assert moved.low - 0.05 < 1.5 < moved.high + 0.05, "one interval in twenty misses, by little"
    assert moved.high - moved.low < 0.2
    assert change.by_rows
    assert change.low_s <= ctx.began_s <= change.high_s
    assert change.high_s - change.low_s < 10.0, "the watch alone knows it to a minute"
    assert 0.2 < change.share < 0.3
    assert change.answers.worse
    story = brief.story
    assert story.what.startswith("What callers send to Digits changed: x in region s is 1.")
    assert "95 % interval" in story.what
    assert "of the answers there are right, " in story.what
    assert story.since.endswith(" by the requests; no recorded change explains it.")
    assert "± " in story.since
    assert "callers in region s (" in story.hurt
    assert brief.onset.signal == "inputs"
    assert change.examples
    assert "x 1" in change.examples[0]


def test_the_change_of_the_data_is_the_first_suspect_and_the_deploy_before_it_is_not(ctx: Shifted) -> None:
    """The deploy of v2 came forty seconds before errors in the other world, and a minute or two before this."""
    brief = brief_of(ctx)
    assert brief.suspects[0].event == ctx.told().id
    assert brief.separable
    assert "the data itself changed" in brief.suspects[0].why
    odds = {line.event: line.probability for line in brief.suspects}
    assert odds[""] > 0, "none of these stays among them"
    assert odds.get("d1", 0.0) < 0.1
    assert brief.bisect is None
    assert "Likeliest cause" not in brief.handoff, "it is what broke, and its cause is not recorded"


def test_twin_without_knowing_what_a_cause_can_touch_the_deploy_would_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = TimelineEvent("d9", time.time() - BEGAN_AGO_S - 45, EventKind.DEPLOY, "deploy of v9", "digits",
                           version_from="2", version_to="9")  # fmt: skip
    ctx = burning(tmp_path, deploy)
    try:
        assert brief_of(ctx).suspects[0].event == ctx.told().id
        monkeypatch.setattr("mlcontrol.core.attribution.REACH", {})
        assert brief_of(ctx).suspects[0].event == "d9"
    finally:
        ctx.store.close()


def test_a_recorded_change_upstream_comes_first(tmp_path: Path) -> None:
    began_s = time.time() - BEGAN_AGO_S
    upstream = TimelineEvent(
        "f1",
        began_s - 40,
        EventKind.DATA,
        "feature pipeline 12 writes x in grains",
        "digits",
        source="pipeline",
        actor="eve",
    )
    ctx = burning(tmp_path, upstream)
    try:
        brief = brief_of(ctx)
        assert [line.event for line in brief.suspects[:2]] == ["f1", ctx.told().id]
        assert "after “feature pipeline 12 writes x in grains”" in brief.story.since
        assert brief.steps.steps[0].title.startswith("Ask who made “feature pipeline 12")
        assert "eve" in brief.steps.steps[0].why
    finally:
        ctx.store.close()


def test_a_version_that_began_to_answer_at_that_moment_cannot_be_told_apart(tmp_path: Path) -> None:
    moved = TimelineEvent("v1", time.time() - BEGAN_AGO_S - 3, EventKind.ROUTE, "v6 takes the traffic", "digits",
                          version_from="2", version_to="6")  # fmt: skip
    ctx = burning(tmp_path, moved)
    try:
        brief = brief_of(ctx)
        assert not brief.separable
        assert brief.verdict.startswith("Cannot separate: The data changed: x in region s or v6 takes the traffic")
        assert brief.suspects[0].event == ctx.told().id
        assert "cannot separate" in brief.story.since
        assert brief.steps.rollback == (
            "Rolling back undoes only what v6 does to the answers; what callers send stays as it is."
        )
    finally:
        ctx.store.close()


def test_the_next_step_is_not_a_rollback(ctx: Shifted) -> None:
    incidents = Incidents(ctx)
    one = incidents.declare("digits", "ann")
    brief = Briefing(ctx, incidents, lambda: None).brief(one.id)
    assert brief.steps.rollback.startswith("Rolling back does not help")
    titles = [step.title for step in brief.steps.steps]
    assert titles[0] == "Ask the callers in region s, or the owner of x"
    assert {"Hold deploys", "Look at requests", "If it is to stay so"} <= {*titles}
    assert "are frozen" in next(step.why for step in brief.steps.steps if step.title == "Hold deploys")
    told = dict(brief.messages)
    assert "Rolling back does not help" in told["Colleagues"]
    assert "x in region s is 1." in told["Status channel"]
    assert "If you have changed what you send" in told["Callers of the model"]
    assert "What helps:" in brief.handoff


def test_labels_that_are_not_in_yet_are_said_to_be_missing(tmp_path: Path) -> None:
    ctx = burning(tmp_path, labels_late=True)
    try:
        brief = brief_of(ctx)
        assert "Labels are not in yet (0 of the 20 that tell something)." in brief.story.what
        assert "Get labels" in [step.title for step in brief.steps.steps]
    finally:
        ctx.store.close()


def test_a_change_of_everybody_is_not_said_to_be_of_a_slice(tmp_path: Path) -> None:
    ctx = burning(tmp_path, everywhere=True)
    try:
        brief = brief_of(ctx)
        assert brief.data.where == ()
        assert "x is 1." in brief.story.what
        assert "all callers (" in brief.story.hurt
    finally:
        ctx.store.close()


def test_another_engine_tells_the_same_and_a_log_that_is_gone_is_said_to_be_gone(ctx: Shifted) -> None:
    first = brief_of(ctx)
    again = brief_of(ctx)  # a briefing of its own, as after a restart
    assert (again.story.what, again.story.since) == (first.story.what, first.story.since)
    assert again.suspects == first.suspects
    (ctx.folder / "p" / "digits" / "log.jsonl").unlink()
    gone = brief_of(ctx)
    assert gone.data.inputs == ()
    assert "x in region s (the prediction log holds nothing of then any more)" in gone.story.what
    assert "by the looks of the data watch" in gone.story.since
    assert "whom it touches is not known" in gone.story.hurt
    assert gone.suspects[0].event == ctx.told().id


def test_errors_that_somebody_is_paged_for_are_told_first(ctx: Shifted) -> None:
    Burning.record(ctx, ctx.began_s - 900, time.time(), 0.2)
    brief = brief_of(ctx)
    assert brief.data is None
    assert "are errors" in brief.story.what
    assert ctx.told().id in [line.event for line in brief.suspects], "what else changed stays a suspect"


def test_what_is_over_is_told_as_over_and_the_postmortem_says_the_same(ctx: Shifted) -> None:
    incidents = Incidents(ctx)
    one = incidents.declare("digits", "ann")
    briefing = Briefing(ctx, incidents, lambda: None)
    open_story = briefing.brief(one.id).story
    document = Postmortems(ctx, briefing, bundled("postmortem")).make(one.id)
    for text in (document.markdown, document.html, document.printable):
        plain = text.replace("\\", "").replace("&#39;", "'")
        assert open_story.since.split("; ")[0] in plain
        assert "Rolling back does not help" in plain
        assert "The data changed: x in region s" in plain
    ctx.store.timeline.append([over_event("digits", time.time(), ("x in region s",), (ctx.told().id,))])
    incidents.write(one.id, EntryKind.MITIGATED, "the feature is mended", "ann")
    brief = Briefing(ctx, incidents, lambda: None).brief(one.id)
    assert brief.incident.phase is IncidentPhase.MITIGATED
    assert brief.story.what.startswith("What callers sent to Digits had changed: x in region s is 1.")
    assert "It is as before again since" in brief.story.what
    assert brief.story.tone == "ok"
    assert brief.steps is None

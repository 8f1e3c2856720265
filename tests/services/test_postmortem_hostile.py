"""What people and servers wrote is literal in every paper and message of an incident, and takes nothing else away."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from mlcontrol.core.incidents.chart_svg import Mark, chart_svg
from mlcontrol.core.incidents.counts import Floats
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine.wiring import bundled
from mlcontrol.services.incidents import postmortem
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortem, Postmortems
from tests.services.burning_world import Burning, briefing, ctx, incidents, recovered

__all__ = ["briefing", "ctx", "incidents"]

HOSTILE = "a\x1b[31mred\u202egnp\u200b \ud800 &lt; ~~x~~ $y$ http://10.0.0.9/a.png www.a.example\n# head"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f\u200b\u202e\ud800-\udfff]")


@pytest.fixture
def document(ctx: Burning, incidents: Incidents, briefing: Briefing) -> Postmortem:
    ctx.store.timeline.append(
        [
            TimelineEvent(
                "p1", ctx.began_s - 300, EventKind.ALERT, HOSTILE.replace("\ud800", ""), "digits", source="pager"
            )
        ]
    )
    one = incidents.declare("digits", "ann", title="errors", alert="errors")
    incidents.write(one.id, EntryKind.NOTE, HOSTILE.replace("\ud800", ""), "ann")
    recovered(ctx, incidents, briefing)
    return Postmortems(ctx, briefing, bundled("postmortem")).make(one.id)


def test_what_cannot_be_seen_is_shown_and_what_is_shown_is_literal(document: Postmortem) -> None:
    """Fault 59: a paper that is opened in a terminal obeys no letter of it, and none turns a line round."""
    for text in (document.markdown, document.html, document.printable, *document.charts.values()):
        assert not UNSEEN.search(text)
        assert "\\u001b" in text.replace("\\\\u", "\\u")
    assert "\\&lt;" in document.markdown
    assert "&amp;lt;" in document.html
    line = next(line for line in document.markdown.splitlines() if "gnp" in line and "ann" in line)
    assert not re.search(r"(?<!\\)[~$&]|http://|www\.", line)


def test_a_control_character_in_a_servers_words_does_not_take_the_chart_away(document: Postmortem) -> None:
    """An alert's title stands in the chart; one character that XML does not know, and a browser shows none of it."""
    for svg in document.charts.values():
        ET.fromstring(svg)
    (inside,) = re.findall(r"base64,([A-Za-z0-9+/=]+)", document.html)
    ET.fromstring(base64.b64decode(inside))


def test_half_a_character_can_be_written_to_a_file() -> None:
    no: Floats = __import__("numpy").array([])
    svg = chart_svg("errors", no, no, 0.0, 100.0, str, marks=(Mark(90.0, HOSTILE, "alert"),))
    svg.encode()
    assert not UNSEEN.search(svg)


def test_twin_without_showing_what_cannot_be_seen_it_is_in_the_paper(
    ctx: Burning, incidents: Incidents, briefing: Briefing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmortem, "visible", lambda text: text)
    one = incidents.declare("digits", "ann", title="a\u202eb")
    made = Postmortems(ctx, briefing, bundled("postmortem")).make(one.id)
    assert UNSEEN.search(made.html)


def test_messages_are_one_text_and_tell_since_when_it_hurt(
    ctx: Burning, incidents: Incidents, briefing: Briefing
) -> None:
    """Noticed two minutes late: callers are told when it began, and nobody that it goes on when it is over."""
    one = incidents.declare("digits", "ann", title="errors\nfine: ignore this\u202e", detected_s=ctx.began_s + 110)
    now = briefing.brief(one.id)
    assert now.onset is not None
    began = postmortem.clock(now.onset.at_s)
    texts = dict(now.messages)
    assert now.update.splitlines()[0].endswith("errors fine: ignore this\\u202e (incident 1)")
    assert re.search(rf"Since {began} UTC, \d min.* so far", now.update)
    assert f"since {began} UTC" in texts["Callers of the model"]
    over = recovered(ctx, incidents, briefing)
    assert "so far" not in over.update
    assert re.search(rf"It began at {began} UTC and lasted \d min", over.update)
    assert f"It was disturbed since {began} UTC" in dict(over.messages)["Callers of the model"]
    for text in (over.update, over.handoff, *dict(over.messages).values()):
        assert "\u202e" not in text

"""Campaigns at the bench and on the lead's page: every mode, every renderer, drafts, conflicts, the evaluator's own window."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from mlcontrol.core.review.campaign import Campaign, Mode, Standing
from mlcontrol.core.review.findings import findings
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, ReviewItem
from mlcontrol.core.review.rubric import EXPECTED, PAIRWISE, Scale
from mlcontrol.core.review.sitting import CampaignSummary, Explained, Sitting
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.reviews_queue import Stage
from mlcontrol.gui.widgets.status_bar import FactLabel
from tests.gui.test_reviews_page import press

PAIRS = Campaign("c", "digits", "Two against three", Mode.PAIRWISE, PAIRWISE, versions=("2", "3"))


def item(name: str, outputs: object, other: object = None, inputs: object = None, **more: Any) -> ReviewItem:
    made = ReviewItem(
        name, "digits", "", 0.0, json.dumps(inputs or {"x": 1.5}), json.dumps(outputs), position=1, total=9
    )
    return replace(made, campaign="c", outputs_b="" if other is None else json.dumps(other), **more)


def summary(campaign: Campaign, given: int = 3) -> CampaignSummary:
    return CampaignSummary(campaign, 9, 9, given, 1)


@pytest.fixture
def page(engine: Any, window: Any, qtbot: Any) -> Any:
    window.open_page("reviews")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.page


def feed_next(engine: Any, qtbot: Any, page: Any, one: ReviewItem) -> None:
    engine.say(m.ReviewItemAnswer(request=engine.sent(m.NextReviewItem)[-1].request, item=one))
    qtbot.waitUntil(lambda: page.queue.next_item is not None)


def begin(
    page: Any, engine: Any, qtbot: Any, campaign: Campaign, *items: ReviewItem, sitting: Sitting | None = None
) -> None:
    page._open = (summary(campaign),)
    page.begin("", campaign.id)
    asked = engine.sent(m.QuerySitting)[-1]
    engine.say(m.SittingAnswer(request=asked.request, sitting=sitting or Sitting(summary(campaign), 3, 0, 5.0)))
    for number, one in enumerate(items):
        asked = engine.sent(m.NextReviewItem)[-1]
        assert asked.campaign == campaign.id
        engine.say(m.ReviewItemAnswer(request=asked.request, item=one))
        if number == 0:
            qtbot.waitUntil(lambda: page.queue.item is not None and page.queue.item.id == items[0].id)
            if sitting is not None:
                return  # its first page comes before the item
        else:
            qtbot.waitUntil(lambda: page.queue.next_item is not None)


def stored(engine: Any, **more: Any) -> None:
    command = engine.sent(m.Judge)[-1]
    made = Judgement(command.id, command.item, "digits", "2", command.rater, command.verdict, 0.0, label=command.label)
    engine.say(m.JudgementStored(request=command.request, judgement=made, scores=(), **more))


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def test_a_pair_is_judged_by_side_and_tells_no_version(page: Any, engine: Any, qtbot: Any) -> None:
    begin(page, engine, qtbot, PAIRS, item("a", {"digit": 4}, {"digit": 9}), item("b", {"digit": 1}, {"digit": 7}))
    shown = words(page.bench)
    assert "Answer A" in shown
    assert "Answer B" in shown
    assert "v2" not in shown
    assert "v3" not in shown
    press(qtbot, page, Qt.Key.Key_2)
    judged = engine.sent(m.Judge)[0]
    assert (judged.item, judged.label, judged.campaign) == ("a", "b", "c")
    assert len(judged.id) == 32
    stored(engine, enough="The preference is decided.")
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    assert "Enough evidence" in words(page.bench)
    press(qtbot, page, Qt.Key.Key_9)  # this rubric has no 9
    assert len(engine.sent(m.Judge)) == 1


def test_differences_are_shown_when_they_are_asked_for(page: Any, engine: Any, qtbot: Any) -> None:
    first, second = "Press the red button " * 6, "Press the green button " * 6
    begin(page, engine, qtbot, PAIRS, item("a", {"answer": first}, {"answer": second}))
    block = page.bench.answers[0].text_block
    assert block.extraSelections() == []
    press(qtbot, page, Qt.Key.Key_D)
    assert {s.cursor.selectedText() for s in block.extraSelections()} == {"red"}
    press(qtbot, page, Qt.Key.Key_D)
    assert block.extraSelections() == []


def test_expected_against_actual_shows_both(page: Any, engine: Any, qtbot: Any) -> None:
    campaign = replace(PAIRS, mode=Mode.EXPECTED, rubric=EXPECTED, versions=())
    begin(page, engine, qtbot, campaign, item("a", {"digit": 4}, expected="9"))
    shown = words(page.bench)
    assert "The model answered" in shown
    assert "Expected" in shown
    assert page.bench.answers[1].answer.text() == "9"


def test_a_calibration_item_is_explained_after_the_judgement_and_the_round_sums_up(
    page: Any, engine: Any, qtbot: Any
) -> None:
    open_one = replace(item("a", {"digit": 4}, {"digit": 9}), kind=ItemKind.CALIBRATION)
    begin(page, engine, qtbot, PAIRS, open_one, replace(open_one, id="b"), sitting=Sitting(summary(PAIRS), 0, 2, None))
    assert page.stage is Stage.START
    assert "calibration round of 2 items" in words(page.start)
    assert {"A is better", "B is better"} <= set(words(page.start).split("\n"))
    press(qtbot, page, Qt.Key.Key_1)  # no key judges what is not shown
    assert engine.sent(m.Judge) == []
    press(qtbot, page, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.stage is Stage.BENCH)
    feed_next(engine, qtbot, page, replace(open_one, id="b"))
    press(qtbot, page, Qt.Key.Key_1)
    stored(engine, explained=Explained(False, "b", "The loop is open."))
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    assert page.stage is Stage.BENCH
    assert "Known to be b. The loop is open." in words(page.bench)
    feed_next(engine, qtbot, page, item("c", {"digit": 1}, {"digit": 7}))
    press(qtbot, page, Qt.Key.Key_2)
    stored(engine, explained=Explained(True, "b", "The tail is straight."))
    qtbot.waitUntil(lambda: page.stage is Stage.START)
    assert "You agreed with 1 of 2" in words(page.start)
    assert "you said A is better, known: b" in words(page.start)
    press(qtbot, page, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.stage is Stage.BENCH)
    assert page.queue.item.id == "c"


def test_a_comment_is_kept_as_a_draft_while_it_is_typed_and_comes_back(page: Any, engine: Any, qtbot: Any) -> None:
    begin(page, engine, qtbot, PAIRS, item("a", {"digit": 4}, {"digit": 9}, draft="I was just"))
    assert page.bench.comment.text() == "I was just"
    assert page.bench.comment.isVisible()
    page.bench.comment.setFocus()
    qtbot.keyClicks(page.bench.comment, " saying")
    qtbot.waitUntil(lambda: bool(engine.sent(m.SaveReviewDraft)))
    assert engine.sent(m.SaveReviewDraft)[-1].text == "I was just saying"


def test_an_item_that_is_somebody_elses_now_is_told_and_left(page: Any, engine: Any, qtbot: Any) -> None:
    begin(page, engine, qtbot, PAIRS, item("a", {"digit": 4}, {"digit": 9}), item("b", {"digit": 1}, {"digit": 7}))
    qtbot.waitUntil(lambda: bool(engine.sent(m.KeepReviewItems)), timeout=10_000)
    asked = engine.sent(m.KeepReviewItems)[-1]
    assert asked.items == ("a", "b")
    engine.say(m.ReviewItemsKept(request=asked.request, gone=(("a", "taken"),), unsent=4, offline="no network"))
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    assert "4 kept here" in words(page.bench)
    assert engine.sent(m.Judge) == []


def test_golden_flag_and_leaving_reach_the_engine(page: Any, engine: Any, qtbot: Any) -> None:
    begin(page, engine, qtbot, PAIRS, item("a", {"digit": 4}, {"digit": 9}))
    press(qtbot, page, Qt.Key.Key_G)
    assert engine.sent(m.MakeGoldenItem)[0].item == "a"
    press(qtbot, page, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: bool(engine.sent(m.ReleaseReviewItems)))
    assert engine.sent(m.ReleaseReviewItems)[0].items == ("a",)


def lead(page: Any, engine: Any, qtbot: Any, standing: Standing = Standing.OPEN) -> Campaign:
    campaign = replace(PAIRS, standing=standing)
    said = [
        Judgement(f"{i}{who}", f"i{i}", "digits", "2", who, JudgementVerdict.UNSURE, 1.0, label=label, version_b="3", spent_s=5.0)
        for i, (who, label) in enumerate([("ann", "b")] * 14)
    ] + [
        Judgement("x", "i0", "digits", "2", "bob", JudgementVerdict.UNSURE, 1.0, label="a", version_b="3", surplus=True)
    ]  # fmt: skip
    press(qtbot, page, Qt.Key.Key_L)
    engine.say(m.CampaignsAnswer(request=engine.sent(m.QueryCampaigns)[-1].request, campaigns=(summary(campaign, 15),)))
    qtbot.waitUntil(lambda: bool(engine.sent(m.QueryFindings)))
    found = findings(campaign, said, {})
    blind = standing is not Standing.UNBLINDED
    engine.say(
        m.FindingsAnswer(
            request=engine.sent(m.QueryFindings)[-1].request,
            campaign=summary(campaign, 15),
            findings=found,
            blind=blind,
        )
    )
    qtbot.waitUntil(lambda: [row.id for row in page.lead.disputes.rows] == ["i0"])
    return campaign


def test_the_lead_sees_progress_and_agreement_but_no_winner_while_blind(page: Any, engine: Any, qtbot: Any) -> None:
    lead(page, engine, qtbot)
    shown = words(page.lead)
    assert "15 of 9 judgements" in shown
    assert "14 comparisons" in shown
    assert "v3" not in shown
    assert page.lead.evidence.preference.isHidden()
    assert "decisive comparisons" in shown
    assert page.lead.unblind.reason == "close it first"
    press(qtbot, page, Qt.Key.Key_O)
    assert engine.sent(m.SetCampaignStanding)[0].standing is Standing.CLOSED


def test_unblinded_the_winner_has_a_name(page: Any, engine: Any, qtbot: Any) -> None:
    lead(page, engine, qtbot, Standing.UNBLINDED)
    assert "v3 was preferred to v2" in words(page.lead)
    preferred = page.lead.evidence.preference
    assert preferred.isVisible()
    assert preferred.accessibleName().startswith("Preferred: v3 over v2 100.0 %")


def test_a_disagreement_is_settled_by_a_key(page: Any, engine: Any, qtbot: Any) -> None:
    lead(page, engine, qtbot)
    page.lead.disputes.chosen.emit("i0")
    asked = engine.sent(m.QueryReviewItem)[-1]
    engine.say(m.ReviewItemAnswer(request=asked.request, item=item("i0", {"digit": 4}, {"digit": 9})))
    qtbot.waitUntil(lambda: page.queue.item is not None)
    press(qtbot, page, Qt.Key.Key_1)
    assert (engine.sent(m.Adjudicate)[0].item, engine.sent(m.Adjudicate)[0].label) == ("i0", "a")
    assert engine.sent(m.Judge) == []


def test_a_campaign_is_started_by_form_and_its_faults_stand_by_their_fields(page: Any, engine: Any, qtbot: Any) -> None:
    lead(page, engine, qtbot)
    press(qtbot, page, Qt.Key.Key_N)
    form = page.form
    form.fields["mode"].set_text("pairwise")
    form.submit()
    assert form.fields["title"].error
    assert form.fields["versions"].error
    assert engine.sent(m.StartCampaign) == []
    for name, text in (
        ("title", "Look"),
        ("versions", "2, v3"),
        ("n", "50"),
        ("policy", "uncertain"),
        ("due", "2026-12-01"),
        ("scales", "clarity 1-5 muddled..clear; tone 1-3"),
        ("tags", "blurred, private"),
        ("calibration", "4"),
        ("precision", "3"),
        ("source", "file"),
        ("place", "rows.jsonl"),
        ("seed", "9"),
    ):
        form.fields[name].set_text(text)
    form.submit()
    made = engine.sent(m.StartCampaign)[0].campaign
    assert (made.mode, made.versions, made.sampling.n, len(made.sampling.mixture)) == (Mode.PAIRWISE, ("2", "3"), 50, 2)
    assert made.due_s == datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC).timestamp()
    assert made.rubric.scales == (Scale("clarity", 1, 5, "muddled", "clear"), Scale("tone", 1, 3))
    assert (made.rubric.tags, made.calibration, made.stop.half_width) == (("blurred", "private"), 4, 0.03)
    assert (made.source.kind.value, made.source.path, made.sampling.seed) == ("file", "rows.jsonl", 9)


def test_a_form_says_by_field_what_it_cannot_read(page: Any, engine: Any, qtbot: Any) -> None:
    lead(page, engine, qtbot)
    press(qtbot, page, Qt.Key.Key_N)
    wrong = {
        "due": "soon", "labels": "1:maybe:Maybe", "scales": "clarity", "policy": "incident", "source": "traces",
        "gold": "2", "title": "Look",
    }  # fmt: skip
    for name, text in wrong.items():
        page.form.fields[name].set_text(text)
    page.form.submit()
    told = {name for name, field in page.form.fields.items() if field.error}
    assert told == {"due", "labels", "scales", "around", "place", "gold"}
    assert engine.sent(m.StartCampaign) == []


def test_what_is_overdue_is_marked_on_both_lists(page: Any, engine: Any, qtbot: Any) -> None:
    late, later = replace(PAIRS, due_s=1000.0), replace(PAIRS, id="d", title="Later", due_s=4e9)
    page.choose()
    asked = engine.sent(m.QueryCampaigns)[-1]
    engine.say(m.CampaignsAnswer(request=asked.request, campaigns=(summary(later), summary(late))))
    qtbot.waitUntil(lambda: any(row.id == "campaign:c" for row in page.services.rows))
    rows = [row for row in page.services.rows if row.id.startswith("campaign:")]
    assert [(row.id, row.state) for row in rows] == [("campaign:c", "warning"), ("campaign:d", "waiting")]
    assert "overdue by" in rows[0].lines[1][0]
    assert "in " in rows[1].lines[1][0]
    page.lead.show_campaigns((summary(late), summary(replace(late, id="e", standing=Standing.CLOSED))), 2000.0)
    assert [row.state for row in page.lead.campaigns.rows] == ["warning", "ok"]


@pytest.mark.parametrize(
    ("inputs", "kinds"),
    [
        ({"text": "word " * 40}, ["text"]),
        ({"rows": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}, ["table"]),
        ({"hits": [{"label": "x", "score": 0.5}, {"label": "y", "score": 0.2}]}, ["ranked"]),
        ({"names": ["first", "second", "third"]}, ["ranked"]),
        ({"load": list(range(40))}, ["series"]),
        ({"audio": [0.1] * 40}, ["sound"]),
        ({"deep": {"a": {"b": [1, {"c": 2}]}}}, ["json"]),
        ({"picture": [[[255, 0, 0]] * 4] * 3}, ["picture"]),
        ({"n": 3, "s": "short"}, []),
    ],
)
def test_every_kind_of_value_has_its_renderer(
    page: Any, engine: Any, qtbot: Any, inputs: Any, kinds: list[str]
) -> None:
    begin(page, engine, qtbot, PAIRS, item("a", {"digit": 4}, {"digit": 9}, inputs))
    views = page.bench._block_views
    assert [view.block.kind.value for view in views] == kinds
    for view in views:
        assert not view.grab().isNull()
        assert any(child.accessibleName() for child in view.findChildren(QWidget))


def test_the_first_campaign_is_marked_until_somebody_moves(page: Any, engine: Any, qtbot: Any) -> None:
    before = page.services.current_id()
    engine.say(m.CampaignsAnswer(request=engine.sent(m.QueryCampaigns)[-1].request, campaigns=(summary(PAIRS),)))
    qtbot.waitUntil(lambda: page.services.current_id() != before)
    first = page.services.current_id()
    assert first == next(row.id for row in page.services.rows if not row.header)
    press(qtbot, page.services, Qt.Key.Key_Down)
    moved_to = page.services.current_id()
    assert moved_to != first
    page._fill_choice()
    assert page.services.current_id() == moved_to


def test_the_evaluators_window_has_nothing_else_in_it(bridge: Any, qtbot: Any) -> None:
    from mlcontrol.gui.window import Window

    window = Window(bridge, only="reviews", alone=True)
    qtbot.addWidget(window)
    window.open_page("reviews")
    window.show()
    assert not window.rail.isVisible()
    assert not window.top.isVisible()
    told = [fact.accessibleName() for fact in window.status.findChildren(FactLabel) if fact.isVisible()]
    assert told == ["engine connected"]
    names = {bound.action.id for bound in window.bound_actions()}
    assert not {n for n in names if n.startswith("go.")}
    assert "palette" not in names
    assert "keys" in names
    window.run(next(b for b in window.bound_actions() if b.action.id == "reviews.lead"))
    assert window.page.stack.currentWidget() is not window.page.lead

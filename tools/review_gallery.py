"""Every renderer of the review bench, and every state of bench and lead's page, as pictures in a folder.

    QT_QPA_PLATFORM=offscreen python tools/review_gallery.py FOLDER [dark|light]

Examples are made up; the widgets and the statistics are the real ones.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication, QWidget

from mlcontrol.core.review.campaign import Campaign, Mode, Sampling, Standing
from mlcontrol.core.review.findings import findings
from mlcontrol.core.review.judging import ItemKind, Judgement, JudgementVerdict, ReviewItem
from mlcontrol.core.review.prediction_powered import moments_of
from mlcontrol.core.review.rubric import EXPECTED, PAIRWISE, RATE
from mlcontrol.core.review.rubric_words import rubric_of
from mlcontrol.core.review.sitting import CampaignSummary, Explained, Sitting
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.pages.reviews_form import ReviewsForm
from mlcontrol.gui.pages.reviews_lead import ReviewsLead
from mlcontrol.gui.pages.reviews_start import ReviewsStart
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_bench import Session, item_view
from mlcontrol.gui.viewmodels.review_start import start_view

DIGITS = ServiceSettings("digits", title="Digit reader", prediction="digit", probability="p", image_shape=(8, 8))
TEXT = ServiceSettings("support", title="Support answers")
RATING = Campaign(
    "c", "support", "Support answers, week 48", Mode.RATE,
    rubric_of(
        RATE, scales=("clarity 1-5 muddled..clear", "tone 1-3 rude..kind"), tags=("off topic", "private", "unsafe")
    ),
    due_s=1_795_000_000.0, calibration=3, sampling=Sampling(200),
)  # fmt: skip
PAIRS = Campaign("p", "digits", "Digits: version 2 against 3", Mode.PAIRWISE, PAIRWISE, versions=("2", "3"))
CHECK = Campaign("e", "support", "Expected against actual", Mode.EXPECTED, EXPECTED)
STORY = "The parcel left our warehouse on Monday and is with the carrier now. "


def item(outputs: Any, inputs: Any, other: Any = None, **more: Any) -> ReviewItem:
    made = ReviewItem("i", "digits", "", 0.0, json.dumps(inputs), json.dumps(outputs), {"region": "north"})
    made = replace(made, position=63, total=200, outputs_b="" if other is None else json.dumps(other))
    return replace(made, **more)


def image() -> list[int]:
    ring = [(x, y) for x in range(8) for y in range(8) if 1.6 < math.hypot(x - 3.5, y - 3.5) < 3.4]
    return [15 if (i % 8, i // 8) in ring else 1 for i in range(64)]


def photo(width: int = 48, height: int = 32) -> list[list[list[int]]]:
    return [[[5 * y, 90 + 3 * x, 200 - 4 * y] for x in range(width)] for y in range(height)]


def examples() -> Iterator[tuple[str, Campaign, ReviewItem, ServiceSettings]]:
    scores = [[0.01, 0.02, 0.01, 0.05, 0.5, 0.01, 0.0, 0.02, 0.03, 0.35]]
    yield "image-pair", PAIRS, item({"digit": 4, "p": scores}, {"image": image()}, {"digit": 9, "p": scores}), DIGITS
    yield "image-one", RATING, item({"digit": [4], "p": scores}, {"image": image()}), DIGITS
    boxes = {"boxes": [[4, 6, 20, 24], [26, 10, 40, 28]], "labels": ["cup", "plate"], "scores": [0.91, 0.44]}
    yield "image-boxes", RATING, item({"objects": "2 found", **boxes}, {"picture": photo()}), TEXT
    mask = [[1 if math.hypot(x - 24, y - 16) < 9 else 0 for x in range(48)] for y in range(32)]
    yield "image-mask", RATING, item({"area": 0.17, "mask": mask}, {"picture": photo()}), TEXT
    texts = ({"answer": STORY * 2 + "It arrives on Thursday."}, {"answer": STORY * 2 + "It arrives on Friday morning."})
    other = {"boxes": [[6, 8, 22, 26]], "labels": ["cup"]}
    yield (
        "image-boxes-pair",
        PAIRS,
        item({"objects": "2 found", **boxes}, {"picture": photo()}, {"objects": "1 found", **other}),
        TEXT,
    )
    wrong = item({"digit": 0, "box": [[0.1, 0.1, 0.9, 0.6]]}, {"image": image()})
    yield "image-grey-box", RATING, wrong, DIGITS
    yield "text-pair", PAIRS, item(texts[0], {"question": "Where is my parcel? " * 5}, texts[1]), TEXT
    yield "expected", CHECK, item(texts[0], {"question": "Where?"}, expected=json.dumps(texts[1])), TEXT
    table = [{"day": f"2026-11-{d:02}", "orders": 120 + 7 * d, "late": d % 3} for d in range(1, 13)]
    yield "table", RATING, item({"late tomorrow": 0.31}, {"orders": table}), TEXT
    hits = [{"title": f"Answer {n} of the handbook", "score": 0.9 - 0.11 * n} for n in range(7)]
    yield "ranked", RATING, item({"results": hits}, {"query": "change my address"}), TEXT
    series = [20 + 5 * math.sin(i / 9) + (9 if 100 < i < 106 else 0) for i in range(160)]
    yield "series", RATING, item({"anomaly": True}, {"load": series}), TEXT
    sound = [math.sin(i / 5) * math.exp(-((i % 800) / 240)) for i in range(4000)]
    yield "sound", RATING, item({"heard": "three knocks"}, {"audio": sound, "sample_rate": 8000}), TEXT
    yield (
        "json",
        RATING,
        item({"answer": "refused"}, {"request": {"user": {"id": 7, "tags": ["a", {"b": [1, 2]}]}}}),
        TEXT,
    )
    yield (
        "features",
        RATING,
        item({"price": 5421.7}, {"carat": 0.71, "cut": "Ideal", "depth": 61.9, "clarity": "VS2"}),
        TEXT,
    )
    yield "unreadable", RATING, replace(item({}, {}), inputs="not json"), TEXT


def bench(campaign: Campaign, shown: ReviewItem, settings: ServiceSettings, *, state: str = "") -> QWidget:
    made = ReviewsBench()
    made.show_rubric(campaign)
    view = item_view(shown, settings)
    made.show_item(shown, view)
    made.rubric.show_given({"clarity": 4.0}, ["private"], "tone" if state == "asking" else "")
    session = Session()
    for key in "1121X31212":
        session.judged(key, 9.0)
    made.show_session(session, shown, next_ready=True, stored="item 62 stored")
    made.show_wanted(campaign.rubric.labels[0] if state == "asking" else None)
    if state == "correct":
        made.ask_correct()
        made.show_wanted(campaign.rubric.labels[1])
    if state == "difference":
        made.toggle_difference(view)
    if state == "told":
        made.tell("The item before: Known to be wrong. The loop is open.")
        made.set_flag(flagged=True)
        made.ask_comment()
    return made


def judged(campaign: Campaign, n: int = 240) -> list[Judgement]:
    rng = random.Random(3)
    sure = [rng.betavariate(6, 1) for _ in range(n)]
    made = []
    for i in range(n):
        region, version = rng.choice(["north", "south", "west"]), rng.choice(["2", "3"])
        for rater in rng.sample(["ann", "bob", "eva"], 2):
            right = rng.random() < sure[i] - (0.0 if version == "3" else 0.1)
            label = (
                ("a" if rng.random() < 0.3 else "b")
                if campaign.mode is Mode.PAIRWISE
                else "right"
                if right
                else "wrong"
            )
            verdict = JudgementVerdict.RIGHT if right else JudgementVerdict.WRONG
            made.append(
                Judgement(
                    f"{i}{rater}", f"i{i}", "digits", version, rater, verdict, float(i), label=label, spent_s=8 + 4 * rng.random(),
                    version_b="3" if campaign.mode is Mode.PAIRWISE else "", slices={"region": region},
                    scales={"clarity": float(rng.randint(2, 5)), "tone": float(rng.randint(1, 3))},
                    confidence=sure[i],
                    tags=("private",) if rng.random() < 0.1 else (),
                )
            )  # fmt: skip
            if i % 10 == 0:
                made.append(replace(made[-1], id=f"g{i}{rater}", item=f"g{i}", kind=ItemKind.GOLD, expected='"right"'))
    return made


def lead(campaign: Campaign, *, blind: bool = True) -> QWidget:
    made = ReviewsLead()
    said = judged(campaign)
    summary = CampaignSummary(campaign, 300, 600, len(said), 4)
    others = (CampaignSummary(replace(CHECK, standing=Standing.CLOSED), 80, 80, 80, 0),)
    made.show_campaigns((summary, *others), 1_795_100_000.0)
    rng = random.Random(4)
    traffic = {version: moments_of([rng.betavariate(6, 1) for _ in range(4000)]) for version in ("2", "3")}
    found = findings(campaign, said, {}, traffic)
    made.show_findings(m.FindingsAnswer(request="r", campaign=summary, findings=found, blind=blind))
    return made


def states() -> Iterator[tuple[str, QWidget]]:
    for name, campaign, shown, settings in examples():
        yield f"bench-{name}", bench(campaign, shown, settings)
    by_name = {name: rest for name, *rest in examples()}
    for name, state in (
        ("image-one", "asking"),
        ("features", "correct"),
        ("text-pair", "difference"),
        ("expected", "told"),
    ):
        yield f"state-{state}", bench(*by_name[name], state=state)
    start = ReviewsStart()
    sitting = Sitting(CampaignSummary(RATING, 200, 400, 120, 3), 0, 3, None)
    start.show_start(start_view(sitting, 1_794_900_000.0))
    yield "start", start
    over = ReviewsStart()
    known = [
        ("Right", Explained(True, "right", "It names the carrier.")),
        ("Wrong", Explained(False, "right", "Thursday is right.")),
    ]
    over.show_calibrated(RATING.title, known)
    yield "calibrated", over
    yield "lead", lead(RATING)
    yield "lead-pairs-blind", lead(PAIRS)
    yield "lead-pairs-unblinded", lead(replace(PAIRS, standing=Standing.UNBLINDED), blind=False)
    empty = ReviewsLead()
    empty.show_campaigns((), 0.0)
    yield "lead-empty", empty
    form = ReviewsForm()
    form.show_services({"digits": DIGITS, "support": TEXT}, "digits")
    form.fields["title"].set_text("")
    form.submit()
    yield "form", form


def main(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The pictures made: every state in every theme of ``names``."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    theme.install(app, names[0])
    for name in names:
        theme.set_mode(name)
        for state, widget in states():
            widget.resize(1280 - 56, 800 - 90)
            widget.show()
            app.processEvents()
            app.processEvents()
            path = folder / f"{state}-{name}.png"
            widget.grab().save(str(path))
            widget.close()
            widget.deleteLater()
            made.append(path)
    return made


if __name__ == "__main__":
    for picture in main(Path(sys.argv[1]), tuple(sys.argv[2:]) or ("dark", "light")):
        print(picture)

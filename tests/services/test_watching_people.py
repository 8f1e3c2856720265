"""What people say reaches the judge: evaluators' verdicts and users' feedback decide a rollout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.core.judge.judge import judge
from mlcontrol.core.judge.policy import EVALUATORS, FEEDBACK, JudgePolicy
from mlcontrol.core.judge.verdict import Reading, Verdict
from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.feedback import Feedback
from mlcontrol.core.review.judging import Judgement, JudgementVerdict, ReviewItem
from mlcontrol.services.watching import Watch
from tests.services.rollout_world import Context, opened
from tests.services.staged_world import StagedWorld


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.watching.LABELS_EVERY_S", 0.0)
    world = StagedWorld()
    world.canary, world.percent = "3", 25.0
    with opened(world, tmp_path) as context:
        yield context


def reading(ctx: Context, watch: Watch, guard: str) -> Reading | None:
    evidence = watch.look(0.25)
    found = judge(evidence, JudgePolicy(), ctx.clock.utc_s())
    return next((r for r in found.readings if r.guard == guard), None)


def watching(ctx: Context) -> Watch:
    watch = Watch(ctx, "digits", "3", "2")
    watch.begin()
    watch.begin_stage(bake=False)
    return watch


def item(i: int, version: str) -> ReviewItem:
    return ReviewItem(f"item{version}{i}", "digits", f"r{version}{i}", 5.0, "{}", "{}", version=version, campaign="c")


def judgement(i: int, verdict: JudgementVerdict, version: str = "3") -> Judgement:
    return Judgement(f"j{version}{i}", f"item{version}{i}", "digits", version, "ann", verdict, 10.0 + i, campaign="c")


def test_evaluators_who_find_the_new_version_wrong_stop_it(ctx: Context) -> None:
    campaign = Campaign("c", "digits", "Quick")
    ctx.store.reviews.campaigns.put(campaign)
    ctx.store.reviews.campaigns.add_items(campaign, [item(i, version) for version in ("2", "3") for i in range(30)])
    watch = watching(ctx)
    nothing = reading(ctx, watch, EVALUATORS)
    assert nothing is not None
    assert nothing.verdict is Verdict.INCONCLUSIVE
    for i in range(30):
        ctx.store.reviews.said.judge(judgement(i, JudgementVerdict.WRONG))
        ctx.store.reviews.said.judge(judgement(i, JudgementVerdict.RIGHT, "2"))
    found = reading(ctx, watch, EVALUATORS)
    assert found is not None
    assert found.verdict is Verdict.WORSE
    assert found.figures == "0 of 30 judged good"


def test_a_service_that_nobody_judges_has_no_such_guard(ctx: Context) -> None:
    assert reading(ctx, watching(ctx), EVALUATORS) is None


def test_users_who_reject_the_new_version_more_often_stop_it_and_old_feedback_counts_for_neither(ctx: Context) -> None:
    def say(version: str, bad: int, n: int, start: int) -> None:
        ctx.store.reviews.feedback.add(
            Feedback(f"f{version}{start + i}", "digits", f"r{version}{start + i}", version, "thumb", i >= bad, 20.0 + i)
            for i in range(n)
        )

    say("3", 200, 200, 0)  # from an earlier try of the same version
    watch = watching(ctx)
    before = reading(ctx, watch, FEEDBACK)
    assert before is not None
    assert before.verdict is not Verdict.WORSE
    say("3", 60, 100, 1000)
    say("2", 15, 300, 1000)
    found = reading(ctx, watch, FEEDBACK)
    assert found is not None
    assert found.verdict is Verdict.WORSE

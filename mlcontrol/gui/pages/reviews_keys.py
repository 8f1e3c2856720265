"""Every key of the review page, declared as actions."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlcontrol.core.review.rubric import SCALE_KEYS, TAG_KEYS
from mlcontrol.gui.actions import Action, Bound, Context, needs_engine
from mlcontrol.gui.pages.reviews_bench import HELPERS
from mlcontrol.gui.viewmodels.review_bench import SKIP_KEY


def bound_keys(page: Any) -> tuple[Bound, ...]:
    """``page``: the `ReviewsPage` itself."""

    def judging(context: Context) -> str:
        reason = needs_engine(context)
        if reason or (page.stack.currentWidget() is page.bench and not page.judging.storing):
            return reason
        return "the judgement before is being stored" if page.judging.storing else "no item is shown"

    def leading(context: Context) -> str:
        reason = needs_engine(context)
        return reason or ("" if page.stack.currentWidget() is page.lead else "open the campaigns first, with L")

    def lead_allowed(_context: Context) -> str:
        return "this window is the evaluator's bench" if page.alone else ""

    def numbered(key: str, context: Context) -> str:
        return judging(context) or page.judging.takes(key)

    def scaled(number: int, context: Context) -> str:
        known = number < len(page.queue.campaign.rubric.scales)
        return judging(context) or ("" if known else "this rubric has no such scale")

    def tagged(number: int, context: Context) -> str:
        known = number < len(page.queue.campaign.rubric.tags)
        return judging(context) or ("" if known else "this rubric has no such tag")

    def commented(context: Context) -> str:
        free = page.queue.campaign.rubric.free_text
        return judging(context) or ("" if free else "this rubric takes no comment")

    name = page.name
    bound = [
        Bound(
            Action(
                f"reviews.label.{key}",
                f"Judgement {key}",
                key,
                "By the rubric on the right, or the value of the scale that asks",
                name,
                partial(numbered, key),
            ),
            partial(page.judging.on_key, key),
        )
        for key in "0123456789"
    ]
    bound += [
        Bound(
            Action(
                f"reviews.scale.{number}", f"Scale {number + 1}", key, "Then a digit", name, partial(scaled, number)
            ),
            partial(page.judging.open_scale, key),
        )
        for number, key in enumerate(SCALE_KEYS)
    ]
    bound += [
        Bound(
            Action(
                f"reviews.tag.{number}", f"Tag {number + 1}", key, "Give or take back", name, partial(tagged, number)
            ),
            partial(page.judging.tag_by_key, key),
        )
        for number, key in enumerate(TAG_KEYS)
    ]
    bound.append(
        Bound(
            Action("reviews.skipped", "Skip", SKIP_KEY, "Comes back to somebody else", name, judging),
            partial(page.judging.on_key, SKIP_KEY),
        )
    )
    bound += [
        Bound(
            Action(
                f"reviews.{helper}", text, key, hint.capitalize(), name, commented if helper == "comment" else judging
            ),
            partial(page.judging.on_asked, helper),
        )
        for helper, text, key, hint in HELPERS
    ]
    bound += [
        Bound(
            Action(
                "reviews.scores",
                "Show or hide the scores",
                "S",
                "By version; whoever looks is no longer blind",
                name,
                lead_allowed,
            ),
            page.toggle_scores,
        ),
        Bound(Action("reviews.service", "Another queue", "B", "Choose what to judge", name), page.choose),
        Bound(
            Action(
                "reviews.lead", "Campaigns", "L", "Progress, agreement, verdicts, a new campaign", name, lead_allowed
            ),
            page.open_lead,
        ),
        Bound(
            Action("reviews.new", "New campaign", "N", "Draw items and ask people", name, leading),
            partial(page.on_lead, "new"),
        ),
        Bound(
            Action(
                "reviews.standing",
                "Close or open the campaign",
                "O",
                "Nothing more is asked while it is closed",
                name,
                leading,
            ),
            partial(page.on_lead, "standing"),
        ),
        Bound(
            Action(
                "reviews.unblind", "Unblind", "V", "Tell which version answered; it cannot be judged on", name, leading
            ),
            partial(page.on_lead, "unblind"),
        ),
        Bound(
            Action(
                "reviews.export", "Export the examples", "E", "Judged and corrected, with provenance", name, leading
            ),
            partial(page.on_lead, "export"),
        ),
        Bound(Action("reviews.start", "Start the campaign", "Ctrl+Return", "From the form", name), page.form.submit),
        Bound(
            Action("reviews.larger", "Larger picture", "+", "Arrows move what does not fit", name),
            partial(page.zoom, 1.25),
        ),
        Bound(Action("reviews.smaller", "Smaller picture", "-", "Down to a quarter", name), partial(page.zoom, 0.8)),
        Bound(
            Action(
                "reviews.marks", "Boxes and masks", "Z", "Show or hide what is drawn over the picture", name, judging
            ),
            page.bench.toggle_marks,
        ),
        Bound(
            Action("reviews.play", "Hear the sound", "P", "In this desktop's player", name, judging), page.bench.play
        ),
        Bound(Action("reviews.leave", "Leave a field, or the bench", "Esc", "Nothing is lost", name), page.leave),
    ]
    return tuple(bound)

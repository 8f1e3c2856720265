"""Every key of the review page, declared as actions."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlcontrol.gui.actions import Action, Bound, Context, needs_engine
from mlcontrol.gui.pages.reviews_bench import HELPERS
from mlcontrol.gui.viewmodels.review_bench import SKIP_KEY


def bound_keys(page: Any) -> tuple[Bound, ...]:
    """``page``: the `ReviewsPage` itself."""

    def judging(context: Context) -> str:
        reason = needs_engine(context)
        if reason or (page.stack.currentWidget() is page.bench and not page.storing):
            return reason
        return "the judgement before is being stored" if page.storing else "no item is shown"

    def leading(context: Context) -> str:
        reason = needs_engine(context)
        return reason or ("" if page.stack.currentWidget() is page.lead else "open the campaigns first, with L")

    def lead_allowed(_context: Context) -> str:
        return "this window is the evaluator's bench" if page.alone else ""

    def numbered(key: str, context: Context) -> str:
        reason = judging(context)
        known = any(label.key == key for label in page.campaign.rubric.labels)
        return reason or ("" if known else f"this rubric has no {key}")

    name = page.name
    bound = [
        Bound(
            Action(
                f"reviews.label.{key}",
                f"Judgement {key}",
                key,
                "By the rubric on the right",
                name,
                partial(numbered, key),
            ),
            partial(page.on_key, key),
        )
        for key in "123456789"
    ]
    bound.append(
        Bound(
            Action("reviews.skipped", "Skip", SKIP_KEY, "Comes back to somebody else", name, judging),
            partial(page.on_key, SKIP_KEY),
        )
    )
    bound += [
        Bound(Action(f"reviews.{helper}", text, key, hint.capitalize(), name, judging), partial(page.on_asked, helper))
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
        Bound(Action("reviews.larger", "Larger picture", "+", "", name), partial(page.zoom, 1.25)),
        Bound(Action("reviews.smaller", "Smaller picture", "-", "", name), partial(page.zoom, 0.8)),
        Bound(Action("reviews.leave", "Leave a field, or the bench", "Esc", "Nothing is lost", name), page.leave),
    ]
    return tuple(bound)

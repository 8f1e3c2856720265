"""Human judgement of predictions: campaigns, whom to ask what, and what may be concluded from the answers."""

from __future__ import annotations

from mlcontrol.core.review.judging import (
    Z95 as Z95,
    Judgement as Judgement,
    JudgementVerdict as JudgementVerdict,
    ReviewItem as ReviewItem,
    Score as Score,
    wilson as wilson,
)

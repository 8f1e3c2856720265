"""Human judgement of predictions: campaigns, whom to ask what, and what may be concluded from the answers."""

from __future__ import annotations

from mlcontrol.core.review.judging import Z95 as Z95
from mlcontrol.core.review.judging import Judgement as Judgement
from mlcontrol.core.review.judging import JudgementVerdict as JudgementVerdict
from mlcontrol.core.review.judging import ReviewItem as ReviewItem
from mlcontrol.core.review.judging import Score as Score
from mlcontrol.core.review.judging import wilson as wilson

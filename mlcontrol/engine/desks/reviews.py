"""The review bench."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _next_item(s: Services, c: m.NextReviewItem, _tell: Tell) -> m.Event:
    item, why = s.reviews.next_item(c.service, c.rater, c.not_items)
    return m.ReviewItemAnswer(request=c.request, item=item, why=why)


def _judge(s: Services, c: m.Judge, _tell: Tell) -> m.Event:
    s.may_write()
    judgement, scores = s.reviews.judge(c.item, c.service, c.rater, c.verdict, c.correct, c.comment, c.flagged)
    return m.JudgementStored(request=c.request, judgement=judgement, scores=scores)


def _undo(s: Services, c: m.UndoJudgement, _tell: Tell) -> m.Event:
    s.may_write()
    item = s.reviews.undo(c.service, c.rater)
    return m.ReviewItemAnswer(request=c.request, item=item, why="" if item else "There is nothing to undo.")


def _scores(s: Services, c: m.QueryScores, _tell: Tell) -> m.Event:
    return m.ScoresAnswer(request=c.request, service=c.service, scores=s.reviews.scores(c.service))


TABLE: Table = {
    m.NextReviewItem: (Lane.QUICK, _next_item),
    m.Judge: (Lane.QUICK, _judge),
    m.UndoJudgement: (Lane.QUICK, _undo),
    m.QueryScores: (Lane.QUICK, _scores),
}
